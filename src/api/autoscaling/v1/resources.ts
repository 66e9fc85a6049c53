import type { ApiVersionSchema } from "../../../apimachinery/schema/resource-schema.ts";
import { ageColumn, nameColumn, statusSubresource } from "../../../apimachinery/schema/resource-schema.ts";
import { horizontalPodAutoscalerTypes } from "./horizontal-pod-autoscaler.ts";
import { scaleTypes } from "./scale.ts";

export const autoscalingV1: ApiVersionSchema = {
  group: "autoscaling",
  version: "v1",
  folder: "autoscaling/v1",
  goPackage: "io.k8s.api.autoscaling.v1",
  types: [scaleTypes, horizontalPodAutoscalerTypes],
  resources: [
    {
      resource: "horizontalpodautoscalers",
      kind: "HorizontalPodAutoscaler",
      namespaced: true,
      shortNames: ["hpa"],
      categories: ["all"],
      storage: { group: "autoscaling", version: "v2", kind: "HorizontalPodAutoscaler" },
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
