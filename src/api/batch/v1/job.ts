import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";
import { jobDefaults } from "./defaults.ts";

export const jobTypes: TypeSchemas = {
  Job: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "JobSpec", pb: 2 },
      status: { type: "JobStatus", pb: 3 },
    },
    defaults: {
      "spec.completionMode": "NonIndexed",
      "spec.suspend": false,
      "spec.manualSelector": false,
    },
    defaulters: [jobDefaults],
  },
  JobSpec: {
    fields: {
      parallelism: { type: "*int32", pb: 1 },
      completions: { type: "*int32", pb: 2 },
      activeDeadlineSeconds: { type: "*int64", pb: 3 },
      podFailurePolicy: { type: "*PodFailurePolicy", pb: 11 },
      successPolicy: { type: "*SuccessPolicy", pb: 16 },
      backoffLimit: { type: "*int32", pb: 7 },
      backoffLimitPerIndex: { type: "*int32", pb: 12 },
      maxFailedIndexes: { type: "*int32", pb: 13 },
      selector: { type: "*meta/v1.LabelSelector", pb: 4 },
      manualSelector: { type: "*bool", pb: 5 },
      template: { type: "core/v1.PodTemplateSpec", pb: 6, required: true },
      ttlSecondsAfterFinished: { type: "*int32", pb: 8 },
      completionMode: { type: "*CompletionMode", pb: 9 },
      suspend: { type: "*bool", pb: 10 },
      podReplacementPolicy: { type: "*PodReplacementPolicy", pb: 14 },
      managedBy: { type: "*string", pb: 15 },
    },
  },
  PodFailurePolicy: {
    fields: {
      rules: { type: "[]PodFailurePolicyRule", pb: 1, required: true, listType: "atomic" },
    },
  },
  PodFailurePolicyRule: {
    fields: {
      action: { type: "PodFailurePolicyAction", pb: 1, required: true },
      onExitCodes: { type: "*PodFailurePolicyOnExitCodesRequirement", pb: 2 },
      onPodConditions: { type: "[]PodFailurePolicyOnPodConditionsPattern", pb: 3, listType: "atomic" },
    },
  },
  PodFailurePolicyAction: { values: ["Count", "FailIndex", "FailJob", "Ignore"] },
  PodFailurePolicyOnExitCodesRequirement: {
    fields: {
      containerName: { type: "*string", pb: 1 },
      operator: { type: "PodFailurePolicyOnExitCodesOperator", pb: 2, required: true },
      values: { type: "[]int32", pb: 3, required: true, listType: "set" },
    },
  },
  PodFailurePolicyOnExitCodesOperator: { values: ["In", "NotIn"] },
  PodFailurePolicyOnPodConditionsPattern: {
    fields: {
      type: { type: "core/v1.PodConditionType", pb: 1, required: true },
      status: { type: "core/v1.ConditionStatus", pb: 2, omit: false },
    },
    defaults: {
      status: "True",
    },
  },
  SuccessPolicy: {
    fields: {
      rules: { type: "[]SuccessPolicyRule", pb: 1, required: true, listType: "atomic" },
    },
  },
  SuccessPolicyRule: {
    fields: {
      succeededIndexes: { type: "*string", pb: 1 },
      succeededCount: { type: "*int32", pb: 2 },
    },
  },
  CompletionMode: { values: ["Indexed", "NonIndexed"] },
  PodReplacementPolicy: { values: ["Failed", "TerminatingOrFailed"] },
  JobStatus: {
    fields: {
      conditions: {
        type: "[]JobCondition",
        pb: 1,
        listType: "atomic",
        patchStrategy: ["merge"],
        patchMergeKey: "type",
      },
      startTime: { type: "*Time", pb: 2 },
      completionTime: { type: "*Time", pb: 3 },
      active: { type: "int32", pb: 4 },
      succeeded: { type: "int32", pb: 5 },
      failed: { type: "int32", pb: 6 },
      terminating: { type: "*int32", pb: 11 },
      completedIndexes: { type: "string", pb: 7 },
      failedIndexes: { type: "*string", pb: 10 },
      uncountedTerminatedPods: { type: "*UncountedTerminatedPods", pb: 8 },
      ready: { type: "*int32", pb: 9 },
    },
  },
  JobCondition: {
    fields: {
      type: { type: "JobConditionType", pb: 1, required: true },
      status: { type: "core/v1.ConditionStatus", pb: 2, required: true },
      lastProbeTime: { type: "Time", pb: 3 },
      lastTransitionTime: { type: "Time", pb: 4 },
      reason: { type: "string", pb: 5 },
      message: { type: "string", pb: 6 },
    },
  },
  JobConditionType: { known: ["Complete", "Failed", "FailureTarget", "SuccessCriteriaMet", "Suspended"] },
  UncountedTerminatedPods: {
    fields: {
      succeeded: { type: "[]string", pb: 1, listType: "set" },
      failed: { type: "[]string", pb: 2, listType: "set" },
    },
  },
  JobList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]Job", pb: 2, required: true },
    },
  },
};
