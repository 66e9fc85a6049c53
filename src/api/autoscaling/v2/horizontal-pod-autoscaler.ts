import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";
import { scalingDefaults } from "./defaults.ts";

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
    defaulters: [scalingDefaults],
  },
  HorizontalPodAutoscalerSpec: {
    fields: {
      scaleTargetRef: { type: "CrossVersionObjectReference", pb: 1, required: true },
      minReplicas: { type: "*int32", pb: 2 },
      maxReplicas: { type: "int32", pb: 3, required: true },
      metrics: { type: "[]MetricSpec", pb: 4, listType: "atomic" },
      behavior: { type: "*HorizontalPodAutoscalerBehavior", pb: 5 },
    },
  },
  CrossVersionObjectReference: {
    fields: {
      kind: { type: "string", pb: 1, required: true },
      name: { type: "string", pb: 2, required: true },
      apiVersion: { type: "string", pb: 3 },
    },
  },
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
  MetricSourceType: { known: ["ContainerResource", "External", "Object", "Pods", "Resource"] },
  ObjectMetricSource: {
    fields: {
      describedObject: { type: "CrossVersionObjectReference", pb: 1, required: true },
      target: { type: "MetricTarget", pb: 2, required: true },
      metric: { type: "MetricIdentifier", pb: 3, required: true },
    },
  },
  MetricTarget: {
    fields: {
      type: { type: "MetricTargetType", pb: 1, required: true },
      value: { type: "*Quantity", pb: 2 },
      averageValue: { type: "*Quantity", pb: 3 },
      averageUtilization: { type: "*int32", pb: 4 },
    },
  },
  MetricTargetType: { known: ["AverageValue", "Utilization", "Value"] },
  MetricIdentifier: {
    fields: {
      name: { type: "string", pb: 1, required: true },
      selector: { type: "*meta/v1.LabelSelector", pb: 2 },
    },
  },
  PodsMetricSource: {
    fields: {
      metric: { type: "MetricIdentifier", pb: 1, required: true },
      target: { type: "MetricTarget", pb: 2, required: true },
    },
  },
  ResourceMetricSource: {
    fields: {
      name: { type: "core/v1.ResourceName", pb: 1, required: true },
      target: { type: "MetricTarget", pb: 2, required: true },
    },
  },
  ContainerResourceMetricSource: {
    fields: {
      name: { type: "core/v1.ResourceName", pb: 1, required: true },
      target: { type: "MetricTarget", pb: 2, required: true },
      container: { type: "string", pb: 3, required: true },
    },
  },
  ExternalMetricSource: {
    fields: {
      metric: { type: "MetricIdentifier", pb: 1, required: true },
      target: { type: "MetricTarget", pb: 2, required: true },
    },
  },
  HorizontalPodAutoscalerBehavior: {
    fields: {
      scaleUp: { type: "*HPAScalingRules", pb: 1 },
      scaleDown: { type: "*HPAScalingRules", pb: 2 },
    },
  },
  HPAScalingRules: {
    fields: {
      stabilizationWindowSeconds: { type: "*int32", pb: 3 },
      selectPolicy: { type: "*ScalingPolicySelect", pb: 1 },
      policies: { type: "[]HPAScalingPolicy", pb: 2, listType: "atomic" },
      tolerance: { type: "*Quantity", pb: 4, gate: "HPAConfigurableTolerance" },
    },
  },
  ScalingPolicySelect: { known: ["Disabled", "Max", "Min"] },
  HPAScalingPolicy: {
    fields: {
      type: { type: "HPAScalingPolicyType", pb: 1, required: true },
      value: { type: "int32", pb: 2, required: true },
      periodSeconds: { type: "int32", pb: 3, required: true },
    },
  },
  HPAScalingPolicyType: { known: ["Percent", "Pods"] },
  HorizontalPodAutoscalerStatus: {
    fields: {
      observedGeneration: { type: "*int64", pb: 1 },
      lastScaleTime: { type: "*Time", pb: 2 },
      currentReplicas: { type: "int32", pb: 3 },
      desiredReplicas: { type: "int32", pb: 4, required: true },
      currentMetrics: { type: "[]MetricStatus", pb: 5, omit: false, listType: "atomic" },
      conditions: {
        type: "[]HorizontalPodAutoscalerCondition",
        pb: 6,
        listType: "map",
        listMapKeys: ["type"],
        patchStrategy: ["merge"],
        patchMergeKey: "type",
      },
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
      metric: { type: "MetricIdentifier", pb: 1, required: true },
      current: { type: "MetricValueStatus", pb: 2, required: true },
      describedObject: { type: "CrossVersionObjectReference", pb: 3, required: true },
    },
  },
  MetricValueStatus: {
    fields: {
      value: { type: "*Quantity", pb: 1 },
      averageValue: { type: "*Quantity", pb: 2 },
      averageUtilization: { type: "*int32", pb: 3 },
    },
  },
  PodsMetricStatus: {
    fields: {
      metric: { type: "MetricIdentifier", pb: 1, required: true },
      current: { type: "MetricValueStatus", pb: 2, required: true },
    },
  },
  ResourceMetricStatus: {
    fields: {
      name: { type: "core/v1.ResourceName", pb: 1, required: true },
      current: { type: "MetricValueStatus", pb: 2, required: true },
    },
  },
  ContainerResourceMetricStatus: {
    fields: {
      name: { type: "core/v1.ResourceName", pb: 1, required: true },
      current: { type: "MetricValueStatus", pb: 2, required: true },
      container: { type: "string", pb: 3, required: true },
    },
  },
  ExternalMetricStatus: {
    fields: {
      metric: { type: "MetricIdentifier", pb: 1, required: true },
      current: { type: "MetricValueStatus", pb: 2, required: true },
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
  HorizontalPodAutoscalerList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]HorizontalPodAutoscaler", pb: 2, required: true },
    },
  },
};
