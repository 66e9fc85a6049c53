import type { JSONSchemaProps } from "../../api/apiextensions/v1/types.gen.ts";

/** A node of a structural schema: what a value may be, and what else is known of it. */
export type JsonSchema = JSONSchemaProps;

/** The members of an API object that no schema has to mention, at the root and in embedded objects. */
export const typeMembers: ReadonlySet<string> = new Set(["apiVersion", "kind", "metadata"]);

export function propertySchema(schema: JsonSchema | undefined, name: string): JsonSchema | undefined {
  const { properties } = schema ?? {};
  return properties && Object.hasOwn(properties, name) ? properties[name] : undefined;
}

/** The schema of all values of a map. */
export function valueSchema(schema: JsonSchema | undefined): JsonSchema | undefined {
  const values = schema?.additionalProperties;
  return typeof values === "object" ? values : undefined;
}

/** The schema of all items of a list. */
export function itemSchema(schema: JsonSchema | undefined): JsonSchema | undefined {
  const items = schema?.items;
  return items === undefined || Array.isArray(items) ? undefined : (items as JsonSchema);
}

/** The schema of a member, whether it is a property or a map's value. */
export function memberSchema(schema: JsonSchema | undefined, name: string): JsonSchema | undefined {
  return propertySchema(schema, name) ?? valueSchema(schema);
}

/** Fields the schema does not know stay. */
export function preservesUnknown(schema: JsonSchema | undefined): boolean {
  return schema?.["x-kubernetes-preserve-unknown-fields"] === true;
}

export function isEmbeddedResource(schema: JsonSchema | undefined): boolean {
  return schema?.["x-kubernetes-embedded-resource"] === true;
}

// Of the module, because nothing but time tells whether it is known here.
const knownEmbedded = new WeakMap<JsonSchema, boolean>();

/** Whether the value, or a part of it, is an object of some kind. Few schemas have such; the others need no walk for them. */
export function hasEmbedded(schema: JsonSchema): boolean {
  let known = knownEmbedded.get(schema);
  if (known === undefined) {
    const below = [...Object.values(schema.properties ?? {}), valueSchema(schema), itemSchema(schema)];
    known = isEmbeddedResource(schema) || below.some((each) => each !== undefined && hasEmbedded(each));
    knownEmbedded.set(schema, known);
  }
  return known;
}

/** `parent.name`, without the dot at the root. */
export function memberPath(parent: string, name: string): string {
  return parent === "" ? name : `${parent}.${name}`;
}

/** A copy of the object with the members that `change` answers something else for; the object itself when there are none. */
export function withMembers(
  object: Readonly<Record<string, unknown>>,
  change: (name: string, value: unknown) => unknown,
): Record<string, unknown> {
  let changed: [string, unknown][] | undefined;
  for (const name in object) {
    const value = object[name];
    const next = change(name, value);
    if (next === value) continue;
    changed ??= [];
    changed.push([name, next]);
  }
  if (!changed) return object;
  const next = new Map(Object.entries(object));
  for (const [name, value] of changed) {
    if (value === absent) next.delete(name);
    else next.set(name, value);
  }
  return Object.fromEntries(next);
}

/** What `withMembers` is answered for a member that goes. */
export const absent: unique symbol = Symbol("absent");

/** A copy of the list with the items that `change` answers something else for; the list itself when there are none. */
export function withItems(
  list: readonly unknown[],
  change: (item: unknown, index: number) => unknown,
): readonly unknown[] {
  let out: unknown[] | undefined;
  for (let i = 0; i < list.length; i++) {
    const item = list[i];
    const next = change(item, i);
    if (next === item) continue;
    out ??= [...list];
    out[i] = next;
  }
  return out ?? list;
}
