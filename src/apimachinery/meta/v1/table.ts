import type { TypeSchemas } from "../../schema/type-schema.ts";

export const tableTypes: TypeSchemas = {
  Table: {
    typeMeta: true,
    fields: {
      metadata: { type: "ListMeta" },
      columnDefinitions: { type: "[]TableColumnDefinition", required: true, listType: "atomic" },
      rows: { type: "[]TableRow", required: true, listType: "atomic" },
    },
  },
  TableColumnDefinition: {
    fields: {
      name: { type: "string", required: true },
      type: { type: "string", required: true },
      format: { type: "string", required: true },
      description: { type: "string", required: true },
      priority: { type: "int32", required: true },
    },
  },
  TableRow: {
    fields: {
      cells: { type: "[]any", required: true, listType: "atomic" },
      conditions: { type: "[]TableRowCondition", listType: "atomic" },
      object: { type: "RawExtension" },
    },
  },
  TableRowCondition: {
    fields: {
      type: { type: "RowConditionType", required: true },
      status: { type: "ConditionStatus", required: true },
      reason: { type: "string" },
      message: { type: "string" },
    },
  },
  RowConditionType: { known: ["Completed"] },
};
