import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";
import { daemonSetTemplateGeneration, daemonSetUpdateStrategy } from "./defaults.ts";

export const daemonSetTypes: TypeSchemas = {
  DaemonSet: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "DaemonSetSpec", pb: 2 },
      status: { type: "DaemonSetStatus", pb: 3 },
    },
    defaults: {
      "spec.updateStrategy.type": "RollingUpdate",
      "spec.revisionHistoryLimit": 10,
    },
    defaulters: [daemonSetUpdateStrategy, daemonSetTemplateGeneration],
  },
  DaemonSetSpec: {
    fields: {
      selector: { type: "*meta/v1.LabelSelector", pb: 1, required: true },
      template: { type: "core/v1.PodTemplateSpec", pb: 2, required: true },
      updateStrategy: { type: "DaemonSetUpdateStrategy", pb: 3 },
      minReadySeconds: { type: "int32", pb: 4 },
      revisionHistoryLimit: { type: "*int32", pb: 6 },
    },
  },
  DaemonSetUpdateStrategy: {
    fields: {
      type: { type: "DaemonSetUpdateStrategyType", pb: 1 },
      rollingUpdate: { type: "*RollingUpdateDaemonSet", pb: 2 },
    },
  },
  DaemonSetUpdateStrategyType: { values: ["OnDelete", "RollingUpdate"] },
  RollingUpdateDaemonSet: {
    fields: {
      maxUnavailable: { type: "*IntOrString", pb: 1 },
      maxSurge: { type: "*IntOrString", pb: 2 },
    },
  },
  DaemonSetStatus: {
    fields: {
      currentNumberScheduled: { type: "int32", pb: 1, required: true },
      numberMisscheduled: { type: "int32", pb: 2, required: true },
      desiredNumberScheduled: { type: "int32", pb: 3, required: true },
      numberReady: { type: "int32", pb: 4, required: true },
      observedGeneration: { type: "int64", pb: 5 },
      updatedNumberScheduled: { type: "int32", pb: 6 },
      numberAvailable: { type: "int32", pb: 7 },
      numberUnavailable: { type: "int32", pb: 8 },
      collisionCount: { type: "*int32", pb: 9 },
      conditions: {
        type: "[]DaemonSetCondition",
        pb: 10,
        listType: "map",
        listMapKeys: ["type"],
        patchStrategy: ["merge"],
        patchMergeKey: "type",
      },
    },
  },
  DaemonSetCondition: {
    fields: {
      type: { type: "string", pb: 1, required: true },
      status: { type: "core/v1.ConditionStatus", pb: 2, required: true },
      lastTransitionTime: { type: "Time", pb: 3 },
      reason: { type: "string", pb: 4 },
      message: { type: "string", pb: 5 },
    },
  },
  DaemonSetList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]DaemonSet", pb: 2, required: true },
    },
  },
};
