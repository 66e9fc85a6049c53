import type { KubeObject, Mutable } from "../../../apimachinery/resource-type.ts";
import type { FieldError } from "../../../apimachinery/validation/field-error.ts";
import { fieldInvalid } from "../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import type { Event } from "../../../api/core/v1/types.gen.ts";
import type { Conversion } from "../../../apiserver/registry/generic/resource-registration.ts";
import type { Strategy } from "../../../apiserver/registry/rest/strategy.ts";
import { eventCells } from "../../printers/core.ts";

/** How long events are kept. */
export const defaultEventTtlSeconds = 3600;

function validateEvent(event: Event): readonly FieldError[] {
  const { namespace = "" } = event.involvedObject;
  const own = event.metadata.namespace;
  const isMatch =
    namespace === "" ? own === "default" || own === "kube-system" || own === "kube-public" : namespace === own;
  return isMatch
    ? []
    : [fieldInvalid(FieldPath.of("involvedObject", "namespace"), namespace, "does not match event.namespace")];
}

export function eventStrategy(ttlSeconds = defaultEventTtlSeconds): Strategy<Event> {
  return {
    allowCreateOnUpdate: true,
    validate: validateEvent,
    validateUpdate: validateEvent,
    ttlSeconds: () => ttlSeconds,
    selectableFields: (event: Event) => ({
      "involvedObject.kind": event.involvedObject.kind ?? "",
      "involvedObject.namespace": event.involvedObject.namespace ?? "",
      "involvedObject.name": event.involvedObject.name ?? "",
      "involvedObject.uid": event.involvedObject.uid ?? "",
      "involvedObject.apiVersion": event.involvedObject.apiVersion ?? "",
      "involvedObject.resourceVersion": event.involvedObject.resourceVersion ?? "",
      "involvedObject.fieldPath": event.involvedObject.fieldPath ?? "",
      reason: event.reason ?? "",
      reportingComponent: event.reportingComponent,
      source: event.source.component || event.reportingComponent,
      type: event.type ?? "",
    }),
    tableCells: eventCells,
  };
}

/** events.k8s.io/v1 names the fields of the same stored event differently. [v1 name, events.k8s.io name] */
const renamed = [
  ["involvedObject", "regarding"],
  ["message", "note"],
  ["source", "deprecatedSource"],
  ["firstTimestamp", "deprecatedFirstTimestamp"],
  ["lastTimestamp", "deprecatedLastTimestamp"],
  ["count", "deprecatedCount"],
  ["reportingComponent", "reportingController"],
] as const;

/** events.k8s.io/v1 Events are stored as v1 Events. */
export const eventConversion: Conversion = {
  toStorage: (object) =>
    rename(
      object,
      "v1",
      (pair) => pair[1],
      (pair) => pair[0],
      { source: {}, involvedObject: {}, reportingComponent: "", reportingInstance: "" },
    ),
  fromStorage: (object) =>
    rename(
      object,
      "events.k8s.io/v1",
      (pair) => pair[0],
      (pair) => pair[1],
      { deprecatedSource: {}, regarding: {}, eventTime: null },
    ),
};

type Renaming = (typeof renamed)[number];

function rename(
  object: KubeObject,
  apiVersion: string,
  from: (pair: Renaming) => string,
  to: (pair: Renaming) => string,
  required: Readonly<Record<string, unknown>>,
): Mutable<KubeObject> {
  const names = new Map(renamed.map((pair) => [from(pair), to(pair)]));
  const members = Object.entries(object).map(([name, value]) => [names.get(name) ?? name, value]);
  return { ...required, ...Object.fromEntries(members), apiVersion };
}
