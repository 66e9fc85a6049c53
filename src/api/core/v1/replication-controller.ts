import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";
import { selectorAndLabelsFromTemplate } from "./defaults.ts";

export const replicationControllerTypes: TypeSchemas = {
  ReplicationController: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "ReplicationControllerSpec", pb: 2 },
      status: { type: "ReplicationControllerStatus", pb: 3 },
    },
    defaults: {
      "spec.replicas": 1,
    },
    defaulters: [selectorAndLabelsFromTemplate],
  },
  ReplicationControllerSpec: {
    fields: {
      replicas: { type: "*int32", pb: 1, default: 1 },
      minReadySeconds: { type: "int32", pb: 4, default: 0 },
      selector: { type: "map[string]string", pb: 2, mapType: "atomic" },
      template: { type: "*PodTemplateSpec", pb: 3 },
    },
  },
  ReplicationControllerStatus: {
    fields: {
      replicas: { type: "int32", pb: 1, required: true },
      fullyLabeledReplicas: { type: "int32", pb: 2 },
      readyReplicas: { type: "int32", pb: 4 },
      availableReplicas: { type: "int32", pb: 5 },
      observedGeneration: { type: "int64", pb: 3 },
      conditions: {
        type: "[]ReplicationControllerCondition",
        pb: 6,
        listType: "map",
        listMapKeys: ["type"],
        patchStrategy: ["merge"],
        patchMergeKey: "type",
      },
    },
  },
  ReplicationControllerCondition: {
    fields: {
      type: { type: "ReplicationControllerConditionType", pb: 1, required: true },
      status: { type: "ConditionStatus", pb: 2, required: true },
      lastTransitionTime: { type: "Time", pb: 3 },
      reason: { type: "string", pb: 4 },
      message: { type: "string", pb: 5 },
    },
  },
  ReplicationControllerConditionType: { known: ["ReplicaFailure"] },
  ReplicationControllerList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]ReplicationController", pb: 2, required: true },
    },
  },
};
