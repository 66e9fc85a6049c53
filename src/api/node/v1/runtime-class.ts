import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const runtimeClassTypes: TypeSchemas = {
  RuntimeClass: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      handler: { type: "string", pb: 2, required: true },
      overhead: { type: "*Overhead", pb: 3 },
      scheduling: { type: "*Scheduling", pb: 4 },
    },
  },
  Overhead: {
    fields: {
      podFixed: { type: "map[core/v1.ResourceName]Quantity", pb: 1 },
    },
  },
  Scheduling: {
    fields: {
      nodeSelector: { type: "map[string]string", pb: 1, mapType: "atomic" },
      tolerations: { type: "[]core/v1.Toleration", pb: 2, listType: "atomic" },
    },
  },
  RuntimeClassList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]RuntimeClass", pb: 2, required: true },
    },
  },
};
