import type { KubeObject } from "../../apimachinery/resource-type.ts";
import type { ResourceEvent } from "../storage/cacher/object-change.ts";
import { matchesFields } from "../storage/selection.ts";
import type { FieldRequirement, Selection } from "../storage/selection.ts";
import type { StoredObject } from "../storage/stored-object.ts";
import { prepareServed, served } from "./resource-endpoint.ts";
import type { ResourceEndpoint } from "./resource-endpoint.ts";

/** A selection, by who can decide it. */
export interface SplitSelection {
  readonly stored: Selection;
  /** Fields that only the served version has; empty where versions are stored alike. */
  readonly served: readonly FieldRequirement[];
}

/** Splits off the fields that only objects in the served version show. */
export function splitSelection(endpoint: ResourceEndpoint, selection: Selection): SplitSelection {
  const { fields, ...others } = selection;
  if (!endpoint.convert?.ask || !fields) return { stored: selection, served: [] };
  const isMetadata = ({ field }: FieldRequirement): boolean => field.startsWith("metadata.");
  const stored = fields.filter(isMetadata);
  return {
    stored: stored.length > 0 ? { ...others, fields: stored } : others,
    served: fields.filter((requirement) => !isMetadata(requirement)),
  };
}

/** Those whose served version has the fields. Converts all of them. */
export async function selectServed(
  endpoint: ResourceEndpoint,
  items: readonly StoredObject[],
  required: readonly FieldRequirement[],
): Promise<readonly StoredObject[]> {
  if (required.length === 0) return items;
  const objects = items.map((item) => item.object());
  await prepareServed(endpoint, objects);
  return items.filter((_, i) => hasFields(endpoint, objects[i], required));
}

/** What a watcher that selects by such fields is told, if anything, of events of the stored selection. Converts what they tell of. */
export async function selectServedEvents(
  endpoint: ResourceEndpoint,
  events: readonly ResourceEvent[],
  required: readonly FieldRequirement[],
): Promise<readonly ResourceEvent[]> {
  if (required.length === 0) return events;
  const states = events.map(({ type, object, change }) => ({
    current: object.object(),
    previous: type === "MODIFIED" ? change?.previous?.object() : undefined,
  }));
  await prepareServed(
    endpoint,
    states.flatMap(({ current, previous }) => (previous ? [current, previous] : [current])),
  );
  return events.flatMap((event, i) => {
    const { current, previous } = states[i] ?? {};
    const isSelected = hasFields(endpoint, current, required);
    if (event.type !== "MODIFIED" || !event.change) return isSelected ? [event] : [];
    return event.change.eventFor(isSelected, hasFields(endpoint, previous, required)) ?? [];
  });
}

function hasFields(
  endpoint: ResourceEndpoint,
  object: KubeObject | undefined,
  required: readonly FieldRequirement[],
): boolean {
  if (!object) return false;
  const fields = endpoint.convert?.ask?.selectableFields(served(endpoint, object));
  return matchesFields(required, (field) => fields?.[field]);
}
