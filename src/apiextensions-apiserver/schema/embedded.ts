import { isJsonObject } from "../../apimachinery/object.ts";
import type { ObjectMeta } from "../../apimachinery/meta/v1/types.gen.ts";
import { type FieldError, fieldInvalid, fieldRequired } from "../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { nameIsPathSegment, validateDns1035Label } from "../../apimachinery/validation/names.ts";
import { validateObjectMeta } from "../../apimachinery/validation/object-meta.ts";
import { hasEmbedded, isEmbeddedResource, itemSchema, type JsonSchema, memberSchema } from "./json-schema.ts";

/** What is wrong with the type and metadata of objects inside an object, and with `isObject` of the value itself. */
export function validateEmbedded(value: unknown, schema: JsonSchema | undefined, isObject = false): FieldError[] {
  const errors: FieldError[] = [];
  if (isObject && isJsonObject(value)) errors.push(...validateResource(value, undefined));
  // Few schemas have any: those of all others need no walk.
  if (schema && hasEmbedded(schema)) walk(value, schema, undefined, errors);
  return errors;
}

function walk(value: unknown, schema: JsonSchema | undefined, path: FieldPath | undefined, errors: FieldError[]): void {
  if (!schema || !hasEmbedded(schema)) return;
  if (Array.isArray(value)) {
    const items = itemSchema(schema);
    for (const [i, item] of value.entries()) walk(item, items, path?.index(i), errors);
    return;
  }
  if (!isJsonObject(value)) return;
  if (path && isEmbeddedResource(schema)) errors.push(...validateResource(value, path));
  for (const [name, member] of Object.entries(value))
    walk(member, memberSchema(schema, name), path?.child(name) ?? FieldPath.of(name), errors);
}

function validateResource(object: Readonly<Record<string, unknown>>, path: FieldPath | undefined): FieldError[] {
  const member = (name: string): FieldPath => path?.child(name) ?? FieldPath.of(name);
  const required = ["apiVersion", "kind"].filter((name) => object[name] === undefined);
  return [
    ...required.map((name) => fieldRequired(member(name))),
    ...validateText(object.apiVersion, member("apiVersion"), wrongApiVersion),
    ...validateText(object.kind, member("kind"), wrongKind),
    ...(isJsonObject(object.metadata) ? validateMetadata(object.metadata, member("metadata")) : []),
  ];
}

function validateText(
  value: unknown,
  path: FieldPath,
  wrong: (text: string) => string | undefined,
): readonly FieldError[] {
  if (value === undefined) return [];
  const why = typeof value !== "string" ? "must be a string" : value === "" ? "must not be empty" : wrong(value);
  return why === undefined ? [] : [fieldInvalid(path, value, why)];
}

function wrongApiVersion(text: string): string | undefined {
  return text.split("/").length > 2 ? `unexpected GroupVersion string: ${text}` : undefined;
}

function wrongKind(text: string): string | undefined {
  const messages = validateDns1035Label(text.toLowerCase());
  return messages.length === 0 ? undefined : `may have mixed case, but should otherwise match: ${messages.join(",")}`;
}

function validateMetadata(metadata: Readonly<Record<string, unknown>>, path: FieldPath): readonly FieldError[] {
  const { name = "", namespace = "" } = metadata as ObjectMeta;
  // Inside an object nothing has to have a name.
  const named = { ...metadata, name: name === "" ? "fakename" : name } as ObjectMeta;
  return validateObjectMeta(named, { namespaced: namespace !== "", validateName: nameIsPathSegment }, path);
}
