import { isJsonObject } from "../../apimachinery/object.ts";
import {
  absent,
  isEmbeddedResource,
  itemSchema,
  type JsonSchema,
  memberPath,
  memberSchema,
  preservesUnknown,
  propertySchema,
  typeMembers,
  withItems,
  withMembers,
} from "./json-schema.ts";

/**
 * The object without the fields its schema does not have. Nothing is changed in place, and what has nothing to lose is shared.
 * `onUnknown` is told the path of each field that goes.
 */
export function prune(
  object: Readonly<Record<string, unknown>>,
  schema: JsonSchema | undefined,
  onUnknown: (path: string) => void = () => {},
): Record<string, unknown> {
  return new Pruner(onUnknown).object(object, schema, "", true);
}

class Pruner {
  readonly #onUnknown: (path: string) => void;

  constructor(onUnknown: (path: string) => void) {
    this.#onUnknown = onUnknown;
  }

  object(
    object: Readonly<Record<string, unknown>>,
    schema: JsonSchema | undefined,
    path: string,
    isResource: boolean,
  ): Record<string, unknown> {
    return withMembers(object, (name, value) => {
      // kind, apiVersion and metadata have rules of their own.
      if (isResource && typeMembers.has(name)) return value;
      const member = memberSchema(schema, name);
      const at = memberPath(path, name);
      if (member) return this.#value(value, member, at);
      if (preservesUnknown(schema) || schema?.additionalProperties === true) return value;
      this.#onUnknown(at);
      return absent;
    });
  }

  #value(value: unknown, schema: JsonSchema, path: string): unknown {
    if (Array.isArray(value)) {
      const items = itemSchema(schema);
      return items ? withItems(value, (item, i) => this.#value(item, items, `${path}[${i}]`)) : value;
    }
    return isJsonObject(value) ? this.object(value, schema, path, isEmbeddedResource(schema)) : value;
  }
}

/** The object without members that are null though they may not be, unless they have a default, which then applies. */
export function pruneNulls(value: unknown, schema: JsonSchema | undefined): unknown {
  if (!schema) return value;
  if (Array.isArray(value)) {
    const items = itemSchema(schema);
    return items ? withItems(value, (item) => pruneNulls(item, items)) : value;
  }
  if (!isJsonObject(value)) return value;
  return withMembers(value, (name, member) => {
    const own = propertySchema(schema, name);
    if (member === null && own && own.nullable !== true && own.default === undefined) return absent;
    return pruneNulls(member, memberSchema(schema, name));
  });
}
