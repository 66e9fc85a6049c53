import type { ApiVersionSchema } from "../../../apimachinery/schema/resource-schema.ts";
import { ageColumn, nameColumn } from "../../../apimachinery/schema/resource-schema.ts";
import { priorityClassTypes } from "./priority-class.ts";

export const schedulingV1: ApiVersionSchema = {
  group: "scheduling.k8s.io",
  version: "v1",
  folder: "scheduling/v1",
  goPackage: "io.k8s.api.scheduling.v1",
  types: [priorityClassTypes],
  resources: [
    {
      resource: "priorityclasses",
      kind: "PriorityClass",
      namespaced: false,
      shortNames: ["pc"],
      storageVersionHash: "1QwjyaZjj3Y=",
      columns: [
        nameColumn,
        { name: "Value", type: "integer", of: "PriorityClass.value" },
        { name: "Global-Default", type: "boolean", of: "PriorityClass.globalDefault" },
        ageColumn,
        { name: "PreemptionPolicy", type: "string", of: "PriorityClass.preemptionPolicy" },
      ],
    },
  ],
};
