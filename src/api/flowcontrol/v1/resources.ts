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
        { name: "PriorityLevel", type: "string", of: "PriorityLevelConfigurationReference.name" },
        { name: "MatchingPrecedence", type: "string", of: "FlowSchemaSpec.matchingPrecedence" },
        { name: "DistinguisherMethod", type: "string", of: "FlowSchemaSpec.distinguisherMethod" },
        ageColumn,
        { name: "MissingPL", type: "string", description: "Whether the priority level it names does not exist." },
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
        { name: "Type", type: "string", of: "PriorityLevelConfigurationSpec.type" },
        {
          name: "NominalConcurrencyShares",
          type: "string",
          of: "LimitedPriorityLevelConfiguration.nominalConcurrencyShares",
        },
        { name: "Queues", type: "string", of: "QueuingConfiguration.queues" },
        { name: "HandSize", type: "string", of: "QueuingConfiguration.handSize" },
        { name: "QueueLengthLimit", type: "string", of: "QueuingConfiguration.queueLengthLimit" },
        ageColumn,
      ],
    },
  ],
};
