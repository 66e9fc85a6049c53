import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const controllerRevisionTypes: TypeSchemas = {
  ControllerRevision: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      data: { type: "RawExtension", pb: 2 },
      revision: { type: "int64", pb: 3, required: true },
    },
  },
  ControllerRevisionList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]ControllerRevision", pb: 2, required: true },
    },
  },
};
