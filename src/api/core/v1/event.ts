import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const eventTypes: TypeSchemas = {
  Event: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1, required: true },
      involvedObject: { type: "ObjectReference", pb: 2, required: true },
      reason: { type: "string", pb: 3 },
      message: { type: "string", pb: 4 },
      source: { type: "EventSource", pb: 5 },
      firstTimestamp: { type: "Time", pb: 6 },
      lastTimestamp: { type: "Time", pb: 7 },
      count: { type: "int32", pb: 8 },
      type: { type: "string", pb: 9 },
      eventTime: { type: "MicroTime", pb: 10 },
      series: { type: "*EventSeries", pb: 11 },
      action: { type: "string", pb: 12 },
      related: { type: "*ObjectReference", pb: 13 },
      reportingComponent: { type: "string", pb: 14, omit: false },
      reportingInstance: { type: "string", pb: 15, omit: false },
    },
  },
  EventSource: {
    fields: {
      component: { type: "string", pb: 1 },
      host: { type: "string", pb: 2 },
    },
  },
  EventSeries: {
    fields: {
      count: { type: "int32", pb: 1 },
      lastObservedTime: { type: "MicroTime", pb: 2 },
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
