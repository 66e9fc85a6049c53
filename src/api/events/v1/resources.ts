import type { ApiVersionSchema } from "../../../apimachinery/schema/resource-schema.ts";
import { eventTypes } from "./event.ts";

export const eventsV1: ApiVersionSchema = {
  group: "events.k8s.io",
  version: "v1",
  folder: "events/v1",
  goPackage: "io.k8s.api.events.v1",
  types: [eventTypes],
  resources: [
    {
      resource: "events",
      kind: "Event",
      namespaced: true,
      shortNames: ["ev"],
      storage: { group: "", version: "v1", kind: "Event" },
      storageVersionHash: "r2yiGXH7wu8=",
      fieldSelectors: ["reason", "type", "metadata.namespace", "metadata.name"],
      // Named as in the group's own version, found as stored.
      fieldSelectorAliases: {
        "regarding.kind": "involvedObject.kind",
        "regarding.namespace": "involvedObject.namespace",
        "regarding.name": "involvedObject.name",
        "regarding.uid": "involvedObject.uid",
        "regarding.apiVersion": "involvedObject.apiVersion",
        "regarding.resourceVersion": "involvedObject.resourceVersion",
        "regarding.fieldPath": "involvedObject.fieldPath",
        reportingController: "reportingComponent",
      },
      columns: [
        { name: "Last Seen", type: "string", of: "core/v1.Event.lastTimestamp" },
        { name: "Type", type: "string", of: "core/v1.Event.type" },
        { name: "Reason", type: "string", of: "core/v1.Event.reason" },
        { name: "Object", type: "string", of: "core/v1.Event.involvedObject" },
        { name: "Subobject", type: "string", of: "core/v1.ObjectReference.fieldPath", wide: true },
        { name: "Source", type: "string", of: "core/v1.Event.source", wide: true },
        { name: "Message", type: "string", of: "core/v1.Event.message" },
        { name: "First Seen", type: "string", of: "core/v1.Event.firstTimestamp", wide: true },
        { name: "Count", type: "string", of: "core/v1.Event.count", wide: true },
        { name: "Name", type: "string", format: "name", of: "meta/v1.ObjectMeta.name", wide: true },
      ],
    },
  ],
};
