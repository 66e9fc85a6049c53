import type { ApiVersionSchema } from "../../../apimachinery/schema/resource-schema.ts";
import { ageColumn, nameColumn, statusSubresource } from "../../../apimachinery/schema/resource-schema.ts";
import { horizontalPodAutoscalerTypes } from "./horizontal-pod-autoscaler.ts";

export const autoscalingV2: ApiVersionSchema = {
  group: "autoscaling",
  version: "v2",
  folder: "autoscaling/v2",
  goPackage: "io.k8s.api.autoscaling.v2",
  types: [horizontalPodAutoscalerTypes],
  resources: [
    {
      resource: "horizontalpodautoscalers",
      kind: "HorizontalPodAutoscaler",
      namespaced: true,
      shortNames: ["hpa"],
      categories: ["all"],
      storageVersionHash: "qwQve8ut294=",
      subresources: [statusSubresource],
      columns: [
        nameColumn,
        { name: "Reference", type: "string", of: "HorizontalPodAutoscalerSpec.scaleTargetRef" },
        { name: "Targets", type: "string", description: "What is measured, and what it should be." },
        { name: "MinPods", type: "string", of: "HorizontalPodAutoscalerSpec.minReplicas" },
        { name: "MaxPods", type: "string", of: "HorizontalPodAutoscalerSpec.maxReplicas" },
        { name: "Replicas", type: "string", of: "HorizontalPodAutoscalerStatus.currentReplicas" },
        ageColumn,
      ],
    },
  ],
};
