import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const replicaSetTypes: TypeSchemas = {
  ReplicaSet: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "ReplicaSetSpec", pb: 2 },
      status: { type: "ReplicaSetStatus", pb: 3 },
    },
    defaults: {
      "spec.replicas": 1,
    },
  },
  ReplicaSetSpec: {
    fields: {
      replicas: { type: "*int32", pb: 1 },
      minReadySeconds: { type: "int32", pb: 4 },
      selector: { type: "*meta/v1.LabelSelector", pb: 2, required: true },
      template: { type: "core/v1.PodTemplateSpec", pb: 3 },
    },
  },
  ReplicaSetStatus: {
    fields: {
      replicas: { type: "int32", pb: 1, required: true },
      fullyLabeledReplicas: { type: "int32", pb: 2 },
      readyReplicas: { type: "int32", pb: 4 },
      availableReplicas: { type: "int32", pb: 5 },
      terminatingReplicas: { type: "*int32", pb: 7 },
      observedGeneration: { type: "int64", pb: 3 },
      conditions: {
        type: "[]ReplicaSetCondition",
        pb: 6,
        listType: "map",
        listMapKeys: ["type"],
        patchStrategy: ["merge"],
        patchMergeKey: "type",
      },
    },
  },
  ReplicaSetCondition: {
    fields: {
      type: { type: "ReplicaSetConditionType", pb: 1, required: true },
      status: { type: "core/v1.ConditionStatus", pb: 2, required: true },
      lastTransitionTime: { type: "Time", pb: 3 },
      reason: { type: "string", pb: 4 },
      message: { type: "string", pb: 5 },
    },
  },
  ReplicaSetConditionType: { known: ["ReplicaFailure"] },
  ReplicaSetList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]ReplicaSet", pb: 2, required: true },
    },
  },
};
