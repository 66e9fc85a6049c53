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
