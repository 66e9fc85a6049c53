import type { ApiVersionSchema } from "../../../apimachinery/schema/resource-schema.ts";
import { ageColumn, nameColumn, statusSubresource } from "../../../apimachinery/schema/resource-schema.ts";
import { evictionTypes } from "./eviction.ts";
import { podDisruptionBudgetTypes } from "./pod-disruption-budget.ts";

export const policyV1: ApiVersionSchema = {
  group: "policy",
  version: "v1",
  folder: "policy/v1",
  goPackage: "io.k8s.api.policy.v1",
  types: [evictionTypes, podDisruptionBudgetTypes],
  resources: [
    {
      resource: "poddisruptionbudgets",
      kind: "PodDisruptionBudget",
      namespaced: true,
      shortNames: ["pdb"],
      storageVersionHash: "EVWiDmWqyJw=",
      subresources: [statusSubresource],
      columns: [
        nameColumn,
        { name: "Min Available", type: "string", description: "How many pods must stay available." },
        { name: "Max Unavailable", type: "string", description: "How many pods may be unavailable." },
        { name: "Allowed Disruptions", type: "integer", description: "How many pods may be evicted now." },
        ageColumn,
      ],
    },
  ],
};
