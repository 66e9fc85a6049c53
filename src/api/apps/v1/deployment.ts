import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";
import { deploymentStrategy } from "./defaults.ts";

export const deploymentTypes: TypeSchemas = {
  Deployment: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "DeploymentSpec", pb: 2 },
      status: { type: "DeploymentStatus", pb: 3 },
    },
    defaults: {
      "spec.replicas": 1,
      "spec.strategy.type": "RollingUpdate",
      "spec.revisionHistoryLimit": 10,
      "spec.progressDeadlineSeconds": 600,
    },
    defaulters: [deploymentStrategy],
  },
  DeploymentSpec: {
    fields: {
      replicas: { type: "*int32", pb: 1 },
      selector: { type: "*meta/v1.LabelSelector", pb: 2, required: true },
      template: { type: "core/v1.PodTemplateSpec", pb: 3, required: true },
      strategy: { type: "DeploymentStrategy", pb: 4, patchStrategy: ["retainKeys"] },
      minReadySeconds: { type: "int32", pb: 5 },
      revisionHistoryLimit: { type: "*int32", pb: 6 },
      paused: { type: "bool", pb: 7 },
      progressDeadlineSeconds: { type: "*int32", pb: 9 },
    },
  },
  DeploymentStrategy: {
    fields: {
      type: { type: "DeploymentStrategyType", pb: 1 },
      rollingUpdate: { type: "*RollingUpdateDeployment", pb: 2 },
    },
  },
  DeploymentStrategyType: { values: ["Recreate", "RollingUpdate"] },
  RollingUpdateDeployment: {
    fields: {
      maxUnavailable: { type: "*IntOrString", pb: 1 },
      maxSurge: { type: "*IntOrString", pb: 2 },
    },
  },
  DeploymentStatus: {
    fields: {
      observedGeneration: { type: "int64", pb: 1 },
      replicas: { type: "int32", pb: 2 },
      updatedReplicas: { type: "int32", pb: 3 },
      readyReplicas: { type: "int32", pb: 7 },
      availableReplicas: { type: "int32", pb: 4 },
      unavailableReplicas: { type: "int32", pb: 5 },
      terminatingReplicas: { type: "*int32", pb: 9 },
      conditions: {
        type: "[]DeploymentCondition",
        pb: 6,
        listType: "map",
        listMapKeys: ["type"],
        patchStrategy: ["merge"],
        patchMergeKey: "type",
      },
      collisionCount: { type: "*int32", pb: 8 },
    },
  },
  DeploymentCondition: {
    fields: {
      type: { type: "DeploymentConditionType", pb: 1, required: true },
      status: { type: "core/v1.ConditionStatus", pb: 2, required: true },
      lastUpdateTime: { type: "Time", pb: 6 },
      lastTransitionTime: { type: "Time", pb: 7 },
      reason: { type: "string", pb: 4 },
      message: { type: "string", pb: 5 },
    },
  },
  DeploymentConditionType: { known: ["Available", "Progressing", "ReplicaFailure"] },
  DeploymentList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]Deployment", pb: 2, required: true },
    },
  },
};
