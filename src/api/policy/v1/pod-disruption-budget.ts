import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const podDisruptionBudgetTypes: TypeSchemas = {
  PodDisruptionBudget: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "PodDisruptionBudgetSpec", pb: 2 },
      status: { type: "PodDisruptionBudgetStatus", pb: 3 },
    },
  },
  PodDisruptionBudgetSpec: {
    fields: {
      minAvailable: { type: "*IntOrString", pb: 1 },
      selector: { type: "*meta/v1.LabelSelector", pb: 2, patchStrategy: ["replace"] },
      maxUnavailable: { type: "*IntOrString", pb: 3 },
      unhealthyPodEvictionPolicy: { type: "*UnhealthyPodEvictionPolicyType", pb: 4 },
    },
  },
  UnhealthyPodEvictionPolicyType: { values: ["AlwaysAllow", "IfHealthyBudget"] },
  PodDisruptionBudgetStatus: {
    fields: {
      observedGeneration: { type: "int64", pb: 1 },
      disruptedPods: { type: "map[string]Time", pb: 2 },
      disruptionsAllowed: { type: "int32", pb: 3, omit: false },
      currentHealthy: { type: "int32", pb: 4, omit: false },
      desiredHealthy: { type: "int32", pb: 5, omit: false },
      expectedPods: { type: "int32", pb: 6, omit: false },
      conditions: {
        type: "[]meta/v1.Condition",
        pb: 7,
        listType: "map",
        listMapKeys: ["type"],
        patchStrategy: ["merge"],
        patchMergeKey: "type",
      },
    },
  },
  PodDisruptionBudgetList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]PodDisruptionBudget", pb: 2, required: true },
    },
  },
};
