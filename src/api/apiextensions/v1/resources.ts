import type { ApiVersionSchema } from "../../../apimachinery/schema/resource-schema.ts";
import { nameColumn, statusSubresource } from "../../../apimachinery/schema/resource-schema.ts";
import { customResourceDefinitionTypes } from "./custom-resource-definition.ts";
import { jsonSchemaTypes } from "./json-schema.ts";

export const apiextensionsV1: ApiVersionSchema = {
  group: "apiextensions.k8s.io",
  version: "v1",
  folder: "apiextensions/v1",
  goPackage: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
  types: [jsonSchemaTypes, customResourceDefinitionTypes],
  resources: [
    {
      resource: "customresourcedefinitions",
      kind: "CustomResourceDefinition",
      namespaced: false,
      shortNames: ["crd", "crds"],
      categories: ["api-extensions"],
      storageVersionHash: "M5uH+AlWATY=",
      storagePrefix: "apiextensions.k8s.io/customresourcedefinitions",
      subresources: [statusSubresource],
      columns: [nameColumn, { name: "Created At", type: "date", of: "meta/v1.ObjectMeta.creationTimestamp" }],
    },
  ],
};
