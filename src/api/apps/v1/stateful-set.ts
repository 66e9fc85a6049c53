import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";
import { claimTemplateKinds, statefulSetUpdateStrategy } from "./defaults.ts";

export const statefulSetTypes: TypeSchemas = {
  StatefulSet: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "StatefulSetSpec", pb: 2 },
      status: { type: "StatefulSetStatus", pb: 3 },
    },
    defaults: {
      "spec.podManagementPolicy": "OrderedReady",
      "spec.persistentVolumeClaimRetentionPolicy.whenDeleted": "Retain",
      "spec.persistentVolumeClaimRetentionPolicy.whenScaled": "Retain",
      "spec.replicas": 1,
      "spec.revisionHistoryLimit": 10,
    },
    defaulters: [statefulSetUpdateStrategy, claimTemplateKinds],
  },
  StatefulSetSpec: {
    fields: {
      replicas: { type: "*int32", pb: 1 },
      selector: { type: "*meta/v1.LabelSelector", pb: 2, required: true },
      template: { type: "core/v1.PodTemplateSpec", pb: 3, required: true },
      volumeClaimTemplates: { type: "[]core/v1.PersistentVolumeClaim", pb: 4, listType: "atomic" },
      serviceName: { type: "string", pb: 5, omit: false },
      podManagementPolicy: { type: "PodManagementPolicyType", pb: 6 },
      updateStrategy: { type: "StatefulSetUpdateStrategy", pb: 7 },
      revisionHistoryLimit: { type: "*int32", pb: 8 },
      minReadySeconds: { type: "int32", pb: 9 },
      persistentVolumeClaimRetentionPolicy: { type: "*StatefulSetPersistentVolumeClaimRetentionPolicy", pb: 10 },
      ordinals: { type: "*StatefulSetOrdinals", pb: 11 },
    },
  },
  PodManagementPolicyType: { values: ["OrderedReady", "Parallel"] },
  StatefulSetUpdateStrategy: {
    fields: {
      type: { type: "StatefulSetUpdateStrategyType", pb: 1 },
      rollingUpdate: { type: "*RollingUpdateStatefulSetStrategy", pb: 2 },
    },
  },
  StatefulSetUpdateStrategyType: { values: ["OnDelete", "RollingUpdate"] },
  RollingUpdateStatefulSetStrategy: {
    fields: {
      partition: { type: "*int32", pb: 1 },
      maxUnavailable: { type: "*IntOrString", pb: 2, gate: "MaxUnavailableStatefulSet" },
    },
  },
  StatefulSetPersistentVolumeClaimRetentionPolicy: {
    fields: {
      whenDeleted: { type: "PersistentVolumeClaimRetentionPolicyType", pb: 1 },
      whenScaled: { type: "PersistentVolumeClaimRetentionPolicyType", pb: 2 },
    },
  },
  PersistentVolumeClaimRetentionPolicyType: { known: ["Delete", "Retain"] },
  StatefulSetOrdinals: {
    fields: {
      start: { type: "int32", pb: 1, omit: false },
    },
  },
  StatefulSetStatus: {
    fields: {
      observedGeneration: { type: "int64", pb: 1 },
      replicas: { type: "int32", pb: 2, required: true },
      readyReplicas: { type: "int32", pb: 3 },
      currentReplicas: { type: "int32", pb: 4 },
      updatedReplicas: { type: "int32", pb: 5 },
      currentRevision: { type: "string", pb: 6 },
      updateRevision: { type: "string", pb: 7 },
      collisionCount: { type: "*int32", pb: 9 },
      conditions: {
        type: "[]StatefulSetCondition",
        pb: 10,
        listType: "map",
        listMapKeys: ["type"],
        patchStrategy: ["merge"],
        patchMergeKey: "type",
      },
      availableReplicas: { type: "int32", pb: 11, omit: false },
    },
  },
  StatefulSetCondition: {
    fields: {
      type: { type: "string", pb: 1, required: true },
      status: { type: "core/v1.ConditionStatus", pb: 2, required: true },
      lastTransitionTime: { type: "Time", pb: 3 },
      reason: { type: "string", pb: 4 },
      message: { type: "string", pb: 5 },
    },
  },
  StatefulSetList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]StatefulSet", pb: 2, required: true },
    },
  },
};
