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
        { name: "Reference", type: "string" },
        { name: "Targets", type: "string" },
        { name: "MinPods", type: "string" },
        { name: "MaxPods", type: "string" },
        { name: "Replicas", type: "string" },
        ageColumn,
      ],
    },
  ],
};
