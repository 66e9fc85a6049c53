import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const metricsTypes: TypeSchemas = {
  NodeMetrics: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      timestamp: { type: "Time", pb: 2, required: true },
      window: { type: "Duration", pb: 3, required: true },
      usage: { type: "map[core/v1.ResourceName]Quantity", pb: 4, required: true },
    },
  },
  NodeMetricsList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]NodeMetrics", pb: 2, required: true },
    },
  },
  PodMetrics: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      timestamp: { type: "Time", pb: 2, required: true },
      window: { type: "Duration", pb: 3, required: true },
      containers: { type: "[]ContainerMetrics", pb: 4, required: true },
    },
  },
  PodMetricsList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]PodMetrics", pb: 2, required: true },
    },
  },
  ContainerMetrics: {
    fields: {
      name: { type: "string", pb: 1, required: true },
      usage: { type: "map[core/v1.ResourceName]Quantity", pb: 2, required: true },
    },
  },
};
