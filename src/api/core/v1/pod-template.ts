import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const podTemplateTypes: TypeSchemas = {
  PodTemplate: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      template: { type: "PodTemplateSpec", pb: 2 },
    },
  },
  PodTemplateSpec: {
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "PodSpec", pb: 2 },
    },
  },
  PodTemplateList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]PodTemplate", pb: 2, required: true },
    },
  },
};
