import type { ApiVersionSchema } from "../../../apimachinery/schema/resource-schema.ts";
import { ageColumn, nameColumn, statusSubresource } from "../../../apimachinery/schema/resource-schema.ts";
import { flowSchemaTypes } from "./flow-schema.ts";
import { priorityLevelConfigurationTypes } from "./priority-level-configuration.ts";

export const flowcontrolV1: ApiVersionSchema = {
  group: "flowcontrol.apiserver.k8s.io",
  version: "v1",
  folder: "flowcontrol/v1",
  goPackage: "io.k8s.api.flowcontrol.v1",
  types: [flowSchemaTypes, priorityLevelConfigurationTypes],
  resources: [
    {
      resource: "flowschemas",
      kind: "FlowSchema",
      namespaced: false,
      storageVersionHash: "GJVAJZSZBIw=",
      subresources: [statusSubresource],
      columns: [
        nameColumn,
        { name: "PriorityLevel", type: "string" },
        { name: "MatchingPrecedence", type: "string" },
        { name: "DistinguisherMethod", type: "string" },
        ageColumn,
        { name: "MissingPL", type: "string" },
      ],
    },
    {
      resource: "prioritylevelconfigurations",
      kind: "PriorityLevelConfiguration",
      namespaced: false,
      storageVersionHash: "Kir5PVfvNeI=",
      subresources: [statusSubresource],
      columns: [
        nameColumn,
        { name: "Type", type: "string" },
        { name: "NominalConcurrencyShares", type: "string" },
        { name: "Queues", type: "string" },
        { name: "HandSize", type: "string" },
        { name: "QueueLengthLimit", type: "string" },
        ageColumn,
      ],
    },
  ],
};
