import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";
import { containerLimitDefaults } from "./defaults.ts";

export const limitRangeTypes: TypeSchemas = {
  LimitRange: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "LimitRangeSpec", pb: 2 },
    },
  },
  LimitRangeSpec: {
    fields: {
      limits: { type: "[]LimitRangeItem", pb: 1, required: true, listType: "atomic" },
    },
  },
  LimitRangeItem: {
    fields: {
      type: { type: "LimitType", pb: 1, required: true },
      max: { type: "map[ResourceName]Quantity", pb: 2 },
      min: { type: "map[ResourceName]Quantity", pb: 3 },
      default: { type: "map[ResourceName]Quantity", pb: 4 },
      defaultRequest: { type: "map[ResourceName]Quantity", pb: 5 },
      maxLimitRequestRatio: { type: "map[ResourceName]Quantity", pb: 6 },
    },
    defaulters: [containerLimitDefaults],
  },
  LimitType: { known: ["Container", "PersistentVolumeClaim", "Pod"] },
  LimitRangeList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]LimitRange", pb: 2, required: true },
    },
  },
};
