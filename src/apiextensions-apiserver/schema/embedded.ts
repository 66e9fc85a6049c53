import { isJsonObject } from "../../apimachinery/object.ts";
import type { ObjectMeta } from "../../apimachinery/meta/v1/types.gen.ts";
import { type FieldError, fieldInvalid, fieldRequired } from "../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { validatePathSegmentName } from "../../apimachinery/validation/names.ts";
import { validateAnnotations, validateLabels } from "../../apimachinery/validation/object-meta.ts";
import { hasEmbedded, isEmbeddedResource, itemSchema, type JsonSchema, memberSchema } from "./json-schema.ts";

/** What is wrong with the type and metadata of objects inside an object. */
export function validateEmbedded(value: unknown, schema: JsonSchema | undefined): FieldError[] {
  const errors: FieldError[] = [];
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

function validateResource(object: Readonly<Record<string, unknown>>, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  for (const name of ["apiVersion", "kind"]) {
    const value = object[name];
    if (value === undefined || value === "") errors.push(fieldRequired(path.child(name), "must not be empty"));
    else if (typeof value !== "string") errors.push(fieldInvalid(path.child(name), value, "must be a string"));
  }
  if (!isJsonObject(object.metadata)) return errors;
  const metadata = object.metadata as ObjectMeta;
  const at = path.child("metadata");
  for (const message of validatePathSegmentName(metadata.name ?? ""))
    errors.push(fieldInvalid(at.child("name"), metadata.name, message));
  errors.push(...validateLabels(metadata.labels, at.child("labels")));
  errors.push(...validateAnnotations(metadata.annotations, at.child("annotations")));
  return errors;
}
