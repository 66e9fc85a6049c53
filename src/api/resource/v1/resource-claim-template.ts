import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const resourceClaimTemplateTypes: TypeSchemas = {
  ResourceClaimTemplate: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "ResourceClaimTemplateSpec", pb: 2, required: true },
    },
  },
  ResourceClaimTemplateSpec: {
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "ResourceClaimSpec", pb: 2, required: true },
    },
  },
  ResourceClaimTemplateList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]ResourceClaimTemplate", pb: 2, required: true },
    },
  },
};
