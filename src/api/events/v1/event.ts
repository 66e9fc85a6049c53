import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const eventTypes: TypeSchemas = {
  Event: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1, omit: false },
      eventTime: { type: "MicroTime", pb: 2, required: true },
      series: { type: "*EventSeries", pb: 3 },
      reportingController: { type: "string", pb: 4 },
      reportingInstance: { type: "string", pb: 5 },
      action: { type: "string", pb: 6 },
      reason: { type: "string", pb: 7 },
      regarding: { type: "core/v1.ObjectReference", pb: 8 },
      related: { type: "*core/v1.ObjectReference", pb: 9 },
      note: { type: "string", pb: 10 },
      type: { type: "string", pb: 11 },
      deprecatedSource: { type: "core/v1.EventSource", pb: 12 },
      deprecatedFirstTimestamp: { type: "Time", pb: 13 },
      deprecatedLastTimestamp: { type: "Time", pb: 14 },
      deprecatedCount: { type: "int32", pb: 15 },
    },
  },
  EventSeries: {
    fields: {
      count: { type: "int32", pb: 1, required: true },
      lastObservedTime: { type: "MicroTime", pb: 2, required: true },
    },
  },
  EventList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]Event", pb: 2, required: true },
    },
  },
};
