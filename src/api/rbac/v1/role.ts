import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const roleTypes: TypeSchemas = {
  ClusterRole: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      rules: { type: "[]PolicyRule", pb: 2, omit: false, listType: "atomic" },
      aggregationRule: { type: "*AggregationRule", pb: 3 },
    },
  },
  PolicyRule: {
    fields: {
      verbs: { type: "[]string", pb: 1, required: true, listType: "atomic" },
      apiGroups: { type: "[]string", pb: 2, listType: "atomic" },
      resources: { type: "[]string", pb: 3, listType: "atomic" },
      resourceNames: { type: "[]string", pb: 4, listType: "atomic" },
      nonResourceURLs: { type: "[]string", pb: 5, listType: "atomic" },
    },
  },
  AggregationRule: {
    fields: {
      clusterRoleSelectors: { type: "[]meta/v1.LabelSelector", pb: 1, listType: "atomic" },
    },
  },
  Role: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      rules: { type: "[]PolicyRule", pb: 2, omit: false, listType: "atomic" },
    },
  },
  ClusterRoleList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]ClusterRole", pb: 2, required: true },
    },
  },
  RoleList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]Role", pb: 2, required: true },
    },
  },
};
