import type { ApiVersionSchema } from "../../../apimachinery/schema/resource-schema.ts";
import { ageColumn, nameColumn, statusSubresource } from "../../../apimachinery/schema/resource-schema.ts";
import { apiServiceTypes } from "./api-service.ts";

export const apiregistrationV1: ApiVersionSchema = {
  group: "apiregistration.k8s.io",
  version: "v1",
  folder: "apiregistration/v1",
  goPackage: "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1",
  types: [apiServiceTypes],
  resources: [
    {
      resource: "apiservices",
      kind: "APIService",
      namespaced: false,
      categories: ["api-extensions"],
      storageVersionHash: "InPBPD7+PqM=",
      storagePrefix: "apiregistration.k8s.io/apiservices",
      subresources: [statusSubresource],
      columns: [
        nameColumn,
        { name: "Service", type: "string", description: "The service that serves the version, or Local." },
        { name: "Available", type: "string", description: "Whether the version can be asked for." },
        ageColumn,
      ],
    },
  ],
};
