import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const configMapTypes: TypeSchemas = {
  ConfigMap: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      immutable: { type: "*bool", pb: 4 },
      data: { type: "map[string]string", pb: 2 },
      binaryData: { type: "map[string]bytes", pb: 3 },
    },
  },
  ConfigMapList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]ConfigMap", pb: 2, required: true },
    },
  },
};
