import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const scaleTypes: TypeSchemas = {
  Scale: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "ScaleSpec", pb: 2 },
      status: { type: "ScaleStatus", pb: 3 },
    },
  },
  ScaleSpec: {
    fields: {
      replicas: { type: "int32", pb: 1, default: 0 },
    },
  },
  ScaleStatus: {
    fields: {
      replicas: { type: "int32", pb: 1, required: true },
      selector: { type: "string", pb: 2 },
    },
  },
};
