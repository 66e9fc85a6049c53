import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const mutatingAdmissionPolicyTypes: TypeSchemas = {
  MutatingAdmissionPolicy: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "MutatingAdmissionPolicySpec", pb: 2 },
    },
  },
  MutatingAdmissionPolicySpec: {
    fields: {
      paramKind: { type: "*ParamKind", pb: 1 },
      matchConstraints: { type: "*MatchResources", pb: 2 },
      variables: { type: "[]Variable", pb: 3, listType: "atomic" },
      mutations: { type: "[]Mutation", pb: 4, listType: "atomic" },
      failurePolicy: { type: "*FailurePolicyType", pb: 5 },
      matchConditions: {
        type: "[]MatchCondition",
        pb: 6,
        listType: "map",
        listMapKeys: ["name"],
        patchStrategy: ["merge"],
        patchMergeKey: "name",
      },
      reinvocationPolicy: { type: "ReinvocationPolicyType", pb: 7 },
    },
    defaults: {
      failurePolicy: "Fail",
    },
  },
  Mutation: {
    fields: {
      patchType: { type: "PatchType", pb: 2, required: true },
      applyConfiguration: { type: "*ApplyConfiguration", pb: 3 },
      jsonPatch: { type: "*JSONPatch", pb: 4 },
    },
  },
  PatchType: { values: ["ApplyConfiguration", "JSONPatch"] },
  ApplyConfiguration: {
    fields: {
      expression: { type: "string", pb: 1 },
    },
  },
  JSONPatch: {
    fields: {
      expression: { type: "string", pb: 1 },
    },
  },
  MutatingAdmissionPolicyBinding: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "MutatingAdmissionPolicyBindingSpec", pb: 2 },
    },
  },
  MutatingAdmissionPolicyBindingSpec: {
    fields: {
      policyName: { type: "string", pb: 1 },
      paramRef: { type: "*ParamRef", pb: 2 },
      matchResources: { type: "*MatchResources", pb: 3 },
    },
  },
  MutatingAdmissionPolicyBindingList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]MutatingAdmissionPolicyBinding", pb: 2, required: true },
    },
  },
  MutatingAdmissionPolicyList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]MutatingAdmissionPolicy", pb: 2, required: true },
    },
  },
};
