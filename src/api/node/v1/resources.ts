import type { ApiVersionSchema } from "../../../apimachinery/schema/resource-schema.ts";
import { ageColumn, nameColumn } from "../../../apimachinery/schema/resource-schema.ts";
import { runtimeClassTypes } from "./runtime-class.ts";

export const nodeV1: ApiVersionSchema = {
  group: "node.k8s.io",
  version: "v1",
  folder: "node/v1",
  goPackage: "io.k8s.api.node.v1",
  types: [runtimeClassTypes],
  resources: [
    {
      resource: "runtimeclasses",
      kind: "RuntimeClass",
      namespaced: false,
      storageVersionHash: "WQTu1GL3T2Q=",
      columns: [
        nameColumn,
        { name: "Handler", type: "string", description: "What the container runtime knows the class as." },
        ageColumn,
      ],
    },
  ],
};
