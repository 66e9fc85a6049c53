import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const volumeAttributesClassTypes: TypeSchemas = {
  VolumeAttributesClass: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      driverName: { type: "string", pb: 2, required: true },
      parameters: { type: "map[string]string", pb: 3 },
    },
  },
  VolumeAttributesClassList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]VolumeAttributesClass", pb: 2, required: true },
    },
  },
};
