import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const evictionTypes: TypeSchemas = {
  Eviction: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      deleteOptions: { type: "*meta/v1.DeleteOptions", pb: 2 },
    },
  },
};
