import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const resourceQuotaTypes: TypeSchemas = {
  ResourceQuota: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "ResourceQuotaSpec", pb: 2 },
      status: { type: "ResourceQuotaStatus", pb: 3 },
    },
  },
  ResourceQuotaSpec: {
    fields: {
      hard: { type: "map[ResourceName]Quantity", pb: 1 },
      scopes: { type: "[]ResourceQuotaScope", pb: 2, listType: "atomic" },
      scopeSelector: { type: "*ScopeSelector", pb: 3 },
    },
  },
  ResourceQuotaScope: {
    values: [
      "BestEffort",
      "CrossNamespacePodAffinity",
      "NotBestEffort",
      "NotTerminating",
      "PriorityClass",
      "Terminating",
      "VolumeAttributesClass",
    ],
  },
  ScopeSelector: {
    mapType: "atomic",
    fields: {
      matchExpressions: { type: "[]ScopedResourceSelectorRequirement", pb: 1, listType: "atomic" },
    },
  },
  ScopedResourceSelectorRequirement: {
    fields: {
      scopeName: { type: "ResourceQuotaScope", pb: 1, required: true },
      operator: { type: "ScopeSelectorOperator", pb: 2, required: true },
      values: { type: "[]string", pb: 3, listType: "atomic" },
    },
  },
  ScopeSelectorOperator: { values: ["DoesNotExist", "Exists", "In", "NotIn"] },
  ResourceQuotaStatus: {
    fields: {
      hard: { type: "map[ResourceName]Quantity", pb: 1 },
      used: { type: "map[ResourceName]Quantity", pb: 2 },
    },
  },
  ResourceQuotaList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]ResourceQuota", pb: 2, required: true },
    },
  },
};
