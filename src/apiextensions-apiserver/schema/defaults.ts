import { cloneJson, isJsonObject } from "../../apimachinery/object.ts";
import { itemSchema, type JsonSchema, memberSchema, typeMembers, withItems, withMembers } from "./json-schema.ts";

/**
 * The object with what is missing filled in from the defaults of its schema. Nothing is changed in place; what needs no default
 * is shared.
 */
export function withDefaults(
  object: Readonly<Record<string, unknown>>,
  schema: JsonSchema | undefined,
): Record<string, unknown> {
  return defaulted(object, schema, true) as Record<string, unknown>;
}

function defaulted(value: unknown, schema: JsonSchema | undefined, isRoot: boolean): unknown {
  if (!schema) return value;
  if (Array.isArray(value)) {
    const items = itemSchema(schema);
    return items ? withItems(value, (item) => defaulted(orDefault(item, items), items, false)) : value;
  }
  if (!isJsonObject(value)) return value;
  const whole = withMissing(value, schema);
  return withMembers(whole, (name, member) => {
    if (isRoot && typeMembers.has(name)) return member;
    const own = memberSchema(schema, name);
    return own ? defaulted(orDefault(member, own), own, false) : member;
  });
}

/** A null that may not be stands for a missing value. */
function orDefault(value: unknown, schema: JsonSchema): unknown {
  return value === null && schema.nullable !== true && schema.default !== undefined ? cloneJson(schema.default) : value;
}

function withMissing(object: Record<string, unknown>, schema: JsonSchema): Record<string, unknown> {
  const { properties = {} } = schema;
  let missing: [string, unknown][] | undefined;
  for (const name in properties) {
    const value = properties[name]?.default;
    if (value === undefined || Object.hasOwn(object, name)) continue;
    missing ??= [];
    missing.push([name, cloneJson(value)]);
  }
  return missing ? Object.fromEntries([...Object.entries(object), ...missing]) : object;
}
