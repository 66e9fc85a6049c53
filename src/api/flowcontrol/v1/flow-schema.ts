import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const flowSchemaTypes: TypeSchemas = {
  FlowSchema: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "FlowSchemaSpec", pb: 2 },
      status: { type: "FlowSchemaStatus", pb: 3 },
    },
  },
  FlowSchemaSpec: {
    fields: {
      priorityLevelConfiguration: { type: "PriorityLevelConfigurationReference", pb: 1, required: true },
      matchingPrecedence: { type: "int32", pb: 2, omit: false },
      distinguisherMethod: { type: "*FlowDistinguisherMethod", pb: 3 },
      rules: { type: "[]PolicyRulesWithSubjects", pb: 4, listType: "atomic" },
    },
    defaults: {
      matchingPrecedence: 1000,
    },
  },
  FlowDistinguisherMethod: {
    fields: {
      type: { type: "FlowDistinguisherMethodType", pb: 1, required: true },
    },
  },
  FlowDistinguisherMethodType: { known: ["ByNamespace", "ByUser"] },
  PolicyRulesWithSubjects: {
    fields: {
      subjects: { type: "[]Subject", pb: 1, required: true, listType: "atomic" },
      resourceRules: { type: "[]ResourcePolicyRule", pb: 2, listType: "atomic" },
      nonResourceRules: { type: "[]NonResourcePolicyRule", pb: 3, listType: "atomic" },
    },
  },
  Subject: {
    union: { discriminator: "kind", fields: { group: "Group", serviceAccount: "ServiceAccount", user: "User" } },
    fields: {
      kind: { type: "SubjectKind", pb: 1, required: true },
      user: { type: "*UserSubject", pb: 2 },
      group: { type: "*GroupSubject", pb: 3 },
      serviceAccount: { type: "*ServiceAccountSubject", pb: 4 },
    },
  },
  SubjectKind: { known: ["Group", "ServiceAccount", "User"] },
  UserSubject: {
    fields: {
      name: { type: "string", pb: 1, required: true },
    },
  },
  GroupSubject: {
    fields: {
      name: { type: "string", pb: 1, required: true },
    },
  },
  ServiceAccountSubject: {
    fields: {
      namespace: { type: "string", pb: 1, required: true },
      name: { type: "string", pb: 2, required: true },
    },
  },
  ResourcePolicyRule: {
    fields: {
      verbs: { type: "[]string", pb: 1, required: true, listType: "set" },
      apiGroups: { type: "[]string", pb: 2, required: true, listType: "set" },
      resources: { type: "[]string", pb: 3, required: true, listType: "set" },
      clusterScope: { type: "bool", pb: 4 },
      namespaces: { type: "[]string", pb: 5, omit: false, listType: "set" },
    },
  },
  NonResourcePolicyRule: {
    fields: {
      verbs: { type: "[]string", pb: 1, required: true, listType: "set" },
      nonResourceURLs: { type: "[]string", pb: 6, required: true, listType: "set" },
    },
  },
  FlowSchemaStatus: {
    fields: {
      conditions: {
        type: "[]FlowSchemaCondition",
        pb: 1,
        listType: "map",
        listMapKeys: ["type"],
        patchStrategy: ["merge"],
        patchMergeKey: "type",
      },
    },
  },
  FlowSchemaCondition: {
    fields: {
      type: { type: "string", pb: 1 },
      status: { type: "ConditionStatus", pb: 2 },
      lastTransitionTime: { type: "Time", pb: 3 },
      reason: { type: "string", pb: 4 },
      message: { type: "string", pb: 5 },
    },
  },
  FlowSchemaList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]FlowSchema", pb: 2, required: true },
    },
  },
};
