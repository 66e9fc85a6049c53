import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const schedulingTypes: TypeSchemas = {
  Affinity: {
    fields: {
      nodeAffinity: { type: "*NodeAffinity", pb: 1 },
      podAffinity: { type: "*PodAffinity", pb: 2 },
      podAntiAffinity: { type: "*PodAntiAffinity", pb: 3 },
    },
  },
  NodeAffinity: {
    fields: {
      requiredDuringSchedulingIgnoredDuringExecution: { type: "*NodeSelector", pb: 1 },
      preferredDuringSchedulingIgnoredDuringExecution: { type: "[]PreferredSchedulingTerm", pb: 2, listType: "atomic" },
    },
  },
  NodeSelector: {
    mapType: "atomic",
    fields: {
      nodeSelectorTerms: { type: "[]NodeSelectorTerm", pb: 1, required: true, listType: "atomic" },
    },
  },
  NodeSelectorTerm: {
    mapType: "atomic",
    fields: {
      matchExpressions: { type: "[]NodeSelectorRequirement", pb: 1, listType: "atomic" },
      matchFields: { type: "[]NodeSelectorRequirement", pb: 2, listType: "atomic" },
    },
  },
  NodeSelectorRequirement: {
    fields: {
      key: { type: "string", pb: 1, required: true },
      operator: { type: "NodeSelectorOperator", pb: 2, required: true },
      values: { type: "[]string", pb: 3, listType: "atomic" },
    },
  },
  NodeSelectorOperator: { values: ["DoesNotExist", "Exists", "Gt", "In", "Lt", "NotIn"] },
  PreferredSchedulingTerm: {
    fields: {
      weight: { type: "int32", pb: 1, required: true },
      preference: { type: "NodeSelectorTerm", pb: 2, required: true },
    },
  },
  PodAffinity: {
    fields: {
      requiredDuringSchedulingIgnoredDuringExecution: { type: "[]PodAffinityTerm", pb: 1, listType: "atomic" },
      preferredDuringSchedulingIgnoredDuringExecution: { type: "[]WeightedPodAffinityTerm", pb: 2, listType: "atomic" },
    },
  },
  PodAffinityTerm: {
    fields: {
      labelSelector: { type: "*meta/v1.LabelSelector", pb: 1 },
      namespaces: { type: "[]string", pb: 2, listType: "atomic" },
      topologyKey: { type: "string", pb: 3, required: true },
      namespaceSelector: { type: "*meta/v1.LabelSelector", pb: 4 },
      matchLabelKeys: { type: "[]string", pb: 5, listType: "atomic" },
      mismatchLabelKeys: { type: "[]string", pb: 6, listType: "atomic" },
    },
  },
  WeightedPodAffinityTerm: {
    fields: {
      weight: { type: "int32", pb: 1, required: true },
      podAffinityTerm: { type: "PodAffinityTerm", pb: 2, required: true },
    },
  },
  PodAntiAffinity: {
    fields: {
      requiredDuringSchedulingIgnoredDuringExecution: { type: "[]PodAffinityTerm", pb: 1, listType: "atomic" },
      preferredDuringSchedulingIgnoredDuringExecution: { type: "[]WeightedPodAffinityTerm", pb: 2, listType: "atomic" },
    },
  },
  Taint: {
    fields: {
      key: { type: "string", pb: 1, required: true },
      value: { type: "string", pb: 2 },
      effect: { type: "TaintEffect", pb: 3, required: true },
      timeAdded: { type: "*Time", pb: 4 },
    },
  },
  TaintEffect: { values: ["NoExecute", "NoSchedule", "PreferNoSchedule"] },
  Toleration: {
    fields: {
      key: { type: "string", pb: 1 },
      operator: { type: "TolerationOperator", pb: 2 },
      value: { type: "string", pb: 3 },
      effect: { type: "TaintEffect", pb: 4 },
      tolerationSeconds: { type: "*int64", pb: 5 },
    },
  },
  TolerationOperator: { values: ["Equal", "Exists", "Gt", "Lt"] },
  TopologySelectorTerm: {
    mapType: "atomic",
    fields: {
      matchLabelExpressions: { type: "[]TopologySelectorLabelRequirement", pb: 1, listType: "atomic" },
    },
  },
  TopologySelectorLabelRequirement: {
    fields: {
      key: { type: "string", pb: 1, required: true },
      values: { type: "[]string", pb: 2, required: true, listType: "atomic" },
    },
  },
  TopologySpreadConstraint: {
    fields: {
      maxSkew: { type: "int32", pb: 1, required: true },
      topologyKey: { type: "string", pb: 2, required: true },
      whenUnsatisfiable: { type: "UnsatisfiableConstraintAction", pb: 3, required: true },
      labelSelector: { type: "*meta/v1.LabelSelector", pb: 4 },
      minDomains: { type: "*int32", pb: 5 },
      nodeAffinityPolicy: { type: "*NodeInclusionPolicy", pb: 6 },
      nodeTaintsPolicy: { type: "*NodeInclusionPolicy", pb: 7 },
      matchLabelKeys: { type: "[]string", pb: 8, listType: "atomic" },
    },
  },
  UnsatisfiableConstraintAction: { values: ["DoNotSchedule", "ScheduleAnyway"] },
  NodeInclusionPolicy: { values: ["Honor", "Ignore"] },
};
