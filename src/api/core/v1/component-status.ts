import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const componentStatusTypes: TypeSchemas = {
  ComponentStatus: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      conditions: {
        type: "[]ComponentCondition",
        pb: 2,
        listType: "map",
        listMapKeys: ["type"],
        patchStrategy: ["merge"],
        patchMergeKey: "type",
      },
    },
  },
  ComponentCondition: {
    fields: {
      type: { type: "ComponentConditionType", pb: 1, required: true },
      status: { type: "ConditionStatus", pb: 2, required: true },
      message: { type: "string", pb: 3 },
      error: { type: "string", pb: 4 },
    },
  },
  ComponentConditionType: { known: ["Healthy"] },
  ComponentStatusList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]ComponentStatus", pb: 2, required: true },
    },
  },
};
