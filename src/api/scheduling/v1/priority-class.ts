import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const priorityClassTypes: TypeSchemas = {
  PriorityClass: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      value: { type: "int32", pb: 2, omit: false },
      globalDefault: { type: "bool", pb: 3 },
      description: { type: "string", pb: 4 },
      preemptionPolicy: { type: "*core/v1.PreemptionPolicy", pb: 5 },
    },
    defaults: {
      preemptionPolicy: "PreemptLowerPriority",
    },
  },
  PriorityClassList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]PriorityClass", pb: 2, required: true },
    },
  },
};
