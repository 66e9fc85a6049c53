import type { KubeObject, Mutable } from "../../../apimachinery/resource-type.ts";
import type { FieldError } from "../../../apimachinery/validation/field-error.ts";
import { fieldInvalid, fieldRequired } from "../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import { utf8Length, validateDns1123Subdomain, validateQualifiedName } from "../../../apimachinery/validation/names.ts";
import type { Event } from "../../../api/core/v1/types.gen.ts";
import type { Conversion } from "../../../apiserver/registry/generic/resource-registration.ts";
import type { RequestContext, Strategy } from "../../../apiserver/registry/rest/strategy.ts";
import { semanticEqual } from "../../../component-helpers/semantic-equal.ts";
import { eventCells } from "../../printers/core.ts";
import { syntax } from "../../validation/common.ts";
import { validateFinalizerNames } from "../finalizer-names.ts";
import { internalForm } from "../../../api/internal-form.ts";

/** How long events are kept. */
export const defaultEventTtlSeconds = 3600;

const textBytesMax = 128;
const noteBytesMax = 1024;

/** Rules of every event: an old one has times and a count, a new one says who reports what was done. */
function validateAnyEvent(event: Event, context: RequestContext): readonly FieldError[] {
  const { namespace: involved = "" } = event.involvedObject;
  const own = event.metadata.namespace ?? "";
  const mismatch = fieldInvalid(
    FieldPath.of("involvedObject", "namespace"),
    involved,
    "does not match event.namespace",
  );
  const errors: FieldError[] = [];
  // A time the client left out is null.
  if (!event.eventTime) {
    const isMatch = involved === "" ? own === "default" : involved === own;
    if (!isMatch) errors.push(mismatch);
  } else {
    if (involved === "" && own !== "default" && own !== "kube-system") errors.push(mismatch);
    errors.push(...validateReport(event, isStrict(context) ? "reportingController" : "reportingComponent"));
  }
  return [...errors, ...syntax(FieldPath.of("namespace"), own, validateDns1123Subdomain(own))];
}

function validateReport(event: Event, controllerField: string): readonly FieldError[] {
  const { reportingComponent: controller, reportingInstance, action = "", reason = "", message = "" } = event;
  const at = FieldPath.of(controllerField);
  const text = (field: string, value: string): readonly FieldError[] => {
    const path = FieldPath.of(field);
    if (value === "") return [fieldRequired(path)];
    return utf8Length(value) > textBytesMax ? [tooLong(path, textBytesMax)] : [];
  };
  return [
    ...(controller === "" ? [fieldRequired(at)] : []),
    ...syntax(at, controller, validateQualifiedName(controller)),
    ...text("reportingInstance", reportingInstance),
    ...text("action", action),
    ...text("reason", reason),
    ...(utf8Length(message) > noteBytesMax ? [tooLong(FieldPath.of("message"), noteBytesMax)] : []),
  ];
}

function tooLong(path: FieldPath, max: number): FieldError {
  return fieldInvalid(path, "", `can have at most ${max} characters`);
}

/** The rules are those of events.k8s.io; what comes as core/v1 is as free as it has always been. */
function isStrict({ apiGroup }: RequestContext): boolean {
  return apiGroup === "events.k8s.io";
}

function validateNewEvent(event: Event, context: RequestContext): readonly FieldError[] {
  const errors = [...validateAnyEvent(event, context)];
  if (!isStrict(context)) return errors;
  errors.push(...validateFinalizerNames(event));
  const { source, type = "" } = event;
  const unset = (field: string, isUnset: boolean): readonly FieldError[] =>
    isUnset ? [] : [fieldInvalid(FieldPath.of(field), "", "needs to be unset")];
  return [
    ...errors,
    ...validateSeries(event),
    ...(event.eventTime ? [] : [fieldRequired(FieldPath.of("eventTime"))]),
    ...(type === "Normal" || type === "Warning"
      ? []
      : [fieldInvalid(FieldPath.of("type"), "", `has invalid value: ${type}`)]),
    ...unset("firstTimestamp", !event.firstTimestamp),
    ...unset("lastTimestamp", !event.lastTimestamp),
    ...unset("count", !event.count),
    ...unset("source", !source.component && !source.host),
  ];
}

function validateSeries({ series }: Event): readonly FieldError[] {
  if (!series) return [];
  return [
    ...((series.count ?? 0) < 2 ? [fieldInvalid(FieldPath.of("series.count"), "", "should be at least 2")] : []),
    ...(series.lastObservedTime ? [] : [fieldRequired(FieldPath.of("series.lastObservedTime"))]),
  ];
}

/** What an event says stays: only its series goes on. */
function validateEventUpdate(event: Event, old: Event, context: RequestContext): readonly FieldError[] {
  const errors = [...validateAnyEvent(event, context)];
  if (!isStrict(context)) return errors;
  errors.push(...validateFinalizerNames(event));
  const same = (field: string, now: unknown, before: unknown, type?: string): readonly FieldError[] =>
    semanticEqual(now, before)
      ? []
      : [fieldInvalid(FieldPath.of(field), type ? internalForm(now, type) : now, "field is immutable")];
  // What is left out is empty, but a reference that is there is more than none.
  const isRelatedSame = (event.related === undefined) === (old.related === undefined);
  return [
    ...errors,
    ...(semanticEqual(event.series, old.series) ? [] : validateSeries(event)),
    ...same("involvedObject", event.involvedObject, old.involvedObject, "core/v1.ObjectReference"),
    ...same("reason", event.reason ?? "", old.reason ?? ""),
    ...same("message", event.message ?? "", old.message ?? ""),
    ...same("source", event.source, old.source, "core/v1.EventSource"),
    ...same("firstTimestamp", event.firstTimestamp ?? null, old.firstTimestamp ?? null),
    ...same("lastTimestamp", event.lastTimestamp ?? null, old.lastTimestamp ?? null),
    ...same("count", event.count ?? 0, old.count ?? 0),
    ...same("type", event.type ?? "", old.type ?? ""),
    ...same("eventTime", event.eventTime ?? null, old.eventTime ?? null),
    ...same("action", event.action ?? "", old.action ?? ""),
    ...same("related", event.related, isRelatedSame ? old.related : [event.related], "core/v1.ObjectReference"),
    ...same("reportingController", event.reportingComponent, old.reportingComponent),
    ...same("reportingInstance", event.reportingInstance, old.reportingInstance),
  ];
}

export function eventStrategy(ttlSeconds = defaultEventTtlSeconds): Strategy<Event> {
  return {
    allowCreateOnUpdate: true,
    validate: validateNewEvent,
    validateUpdate: validateEventUpdate,
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
