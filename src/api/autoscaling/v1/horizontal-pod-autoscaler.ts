import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const horizontalPodAutoscalerTypes: TypeSchemas = {
  HorizontalPodAutoscaler: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "HorizontalPodAutoscalerSpec", pb: 2, required: true, omit: true },
      status: { type: "HorizontalPodAutoscalerStatus", pb: 3 },
    },
    defaults: {
      "spec.minReplicas": 1,
    },
  },
  HorizontalPodAutoscalerSpec: {
    fields: {
      scaleTargetRef: { type: "CrossVersionObjectReference", pb: 1, required: true },
      minReplicas: { type: "*int32", pb: 2 },
      maxReplicas: { type: "int32", pb: 3, required: true },
      targetCPUUtilizationPercentage: { type: "*int32", pb: 4 },
    },
  },
  CrossVersionObjectReference: {
    mapType: "atomic",
    fields: {
      kind: { type: "string", pb: 1, required: true },
      name: { type: "string", pb: 2, required: true },
      apiVersion: { type: "string", pb: 3 },
    },
  },
  HorizontalPodAutoscalerStatus: {
    fields: {
      observedGeneration: { type: "*int64", pb: 1 },
      lastScaleTime: { type: "*Time", pb: 2 },
      currentReplicas: { type: "int32", pb: 3, required: true },
      desiredReplicas: { type: "int32", pb: 4, required: true },
      currentCPUUtilizationPercentage: { type: "*int32", pb: 5 },
    },
  },
  HorizontalPodAutoscalerCondition: {
    fields: {
      type: { type: "HorizontalPodAutoscalerConditionType", pb: 1, required: true },
      status: { type: "core/v1.ConditionStatus", pb: 2, required: true },
      lastTransitionTime: { type: "Time", pb: 3 },
      reason: { type: "string", pb: 4 },
      message: { type: "string", pb: 5 },
    },
  },
  HorizontalPodAutoscalerConditionType: { known: ["AbleToScale", "ScaledToZero", "ScalingActive", "ScalingLimited"] },
  MetricSpec: {
    fields: {
      type: { type: "MetricSourceType", pb: 1, required: true },
      object: { type: "*ObjectMetricSource", pb: 2 },
      pods: { type: "*PodsMetricSource", pb: 3 },
      resource: { type: "*ResourceMetricSource", pb: 4 },
      containerResource: { type: "*ContainerResourceMetricSource", pb: 7 },
      external: { type: "*ExternalMetricSource", pb: 5 },
    },
  },
  MetricSourceType: { values: ["ContainerResource", "External", "Object", "Pods", "Resource"] },
  ObjectMetricSource: {
    fields: {
      target: { type: "CrossVersionObjectReference", pb: 1, required: true },
      metricName: { type: "string", pb: 2, required: true },
      targetValue: { type: "Quantity", pb: 3, required: true },
      selector: { type: "*meta/v1.LabelSelector", pb: 4 },
      averageValue: { type: "*Quantity", pb: 5 },
    },
  },
  PodsMetricSource: {
    fields: {
      metricName: { type: "string", pb: 1, required: true },
      targetAverageValue: { type: "Quantity", pb: 2, required: true },
      selector: { type: "*meta/v1.LabelSelector", pb: 3 },
    },
  },
  ResourceMetricSource: {
    fields: {
      name: { type: "core/v1.ResourceName", pb: 1, required: true },
      targetAverageUtilization: { type: "*int32", pb: 2 },
      targetAverageValue: { type: "*Quantity", pb: 3 },
    },
  },
  ContainerResourceMetricSource: {
    fields: {
      name: { type: "core/v1.ResourceName", pb: 1, required: true },
      targetAverageUtilization: { type: "*int32", pb: 2 },
      targetAverageValue: { type: "*Quantity", pb: 3 },
      container: { type: "string", pb: 5, required: true },
    },
  },
  ExternalMetricSource: {
    fields: {
      metricName: { type: "string", pb: 1, required: true },
      metricSelector: { type: "*meta/v1.LabelSelector", pb: 2 },
      targetValue: { type: "*Quantity", pb: 3 },
      targetAverageValue: { type: "*Quantity", pb: 4 },
    },
  },
  MetricStatus: {
    fields: {
      type: { type: "MetricSourceType", pb: 1, required: true },
      object: { type: "*ObjectMetricStatus", pb: 2 },
      pods: { type: "*PodsMetricStatus", pb: 3 },
      resource: { type: "*ResourceMetricStatus", pb: 4 },
      containerResource: { type: "*ContainerResourceMetricStatus", pb: 7 },
      external: { type: "*ExternalMetricStatus", pb: 5 },
    },
  },
  ObjectMetricStatus: {
    fields: {
      target: { type: "CrossVersionObjectReference", pb: 1, required: true },
      metricName: { type: "string", pb: 2, required: true },
      currentValue: { type: "Quantity", pb: 3, required: true },
      selector: { type: "*meta/v1.LabelSelector", pb: 4 },
      averageValue: { type: "*Quantity", pb: 5 },
    },
  },
  PodsMetricStatus: {
    fields: {
      metricName: { type: "string", pb: 1, required: true },
      currentAverageValue: { type: "Quantity", pb: 2, required: true },
      selector: { type: "*meta/v1.LabelSelector", pb: 3 },
    },
  },
  ResourceMetricStatus: {
    fields: {
      name: { type: "core/v1.ResourceName", pb: 1, required: true },
      currentAverageUtilization: { type: "*int32", pb: 2 },
      currentAverageValue: { type: "Quantity", pb: 3, required: true },
    },
  },
  ContainerResourceMetricStatus: {
    fields: {
      name: { type: "core/v1.ResourceName", pb: 1, required: true },
      currentAverageUtilization: { type: "*int32", pb: 2 },
      currentAverageValue: { type: "Quantity", pb: 3, required: true },
      container: { type: "string", pb: 4, required: true },
    },
  },
  ExternalMetricStatus: {
    fields: {
      metricName: { type: "string", pb: 1, required: true },
      metricSelector: { type: "*meta/v1.LabelSelector", pb: 2 },
      currentValue: { type: "Quantity", pb: 3, required: true },
      currentAverageValue: { type: "*Quantity", pb: 4 },
    },
  },
  HorizontalPodAutoscalerList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]HorizontalPodAutoscaler", pb: 2, required: true },
    },
  },
};
