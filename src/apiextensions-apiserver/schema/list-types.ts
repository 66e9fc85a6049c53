import { goJson } from "../../apimachinery/go-format.ts";
import { isJsonObject } from "../../apimachinery/object.ts";
import { type FieldError, fieldDuplicate } from "../../apimachinery/validation/field-error.ts";
import { itemSchema, type JsonSchema, memberPath, memberSchema } from "./json-schema.ts";

/** Items that occur twice in lists that are sets or maps. */
export function validateListTypes(value: unknown, schema: JsonSchema | undefined): FieldError[] {
  const errors: FieldError[] = [];
  walk(value, schema, "", errors);
  return errors;
}

function walk(value: unknown, schema: JsonSchema | undefined, path: string, errors: FieldError[]): void {
  if (!schema) return;
  if (Array.isArray(value)) {
    for (const error of duplicates(value, schema, path)) errors.push(error);
    const items = itemSchema(schema);
    if (items) for (const [i, item] of value.entries()) walk(item, items, `${path}[${i}]`, errors);
  } else if (isJsonObject(value)) {
    for (const name in value) walk(value[name], memberSchema(schema, name), memberPath(path, name), errors);
  }
}

function duplicates(list: readonly unknown[], schema: JsonSchema, path: string): FieldError[] {
  const type = schema["x-kubernetes-list-type"];
  if (type !== "set" && type !== "map") return [];
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const identity = (item: unknown): unknown =>
    type === "map" && isJsonObject(item)
      ? Object.fromEntries(keys.flatMap((key) => (item[key] === undefined ? [] : [[key, item[key]] as const])))
      : item;
  const errors: FieldError[] = [];
  const seen = new Map<string, number>();
  for (const [i, item] of list.entries()) {
    const value = identity(item);
    const text = canonical(value);
    const count = (seen.get(text) ?? 0) + 1;
    seen.set(text, count);
    // As upstream, a value that occurs three times is told once.
    if (count === 2) errors.push({ ...fieldDuplicate(undefined, value), field: `${path}[${i}]` });
  }
  return errors;
}

/** The same text for equal values, in whatever order members are written. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isJsonObject(value)) return goJson(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${goJson(name)}:${canonical(member)}`).join(",")}}`;
}
