import {
  type FieldError,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
} from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { itemSchema, type JsonSchema, propertySchema } from "../schema/json-schema.ts";
import type { Leniency } from "./leniency.ts";

const types: ReadonlySet<string> = new Set(["array", "boolean", "integer", "number", "object", "string"]);

export function hasUnknownType({ type = "" }: JsonSchema): boolean {
  return type !== "" && !types.has(type);
}

export function validateType(schema: JsonSchema, path: FieldPath): FieldError[] {
  return hasUnknownType(schema) ? [fieldNotSupported(path.child("type"), schema.type, [...types])] : [];
}

/** What a schema says of lists and maps beside the types of their items. */
export function validateLists(schema: JsonSchema, path: FieldPath, leniency: Leniency): FieldError[] {
  const listType = schema["x-kubernetes-list-type"];
  const mapType = schema["x-kubernetes-map-type"];
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const listTypePath = path.child("x-kubernetes-list-type");
  const errors: FieldError[] = [];
  if (mapType !== undefined) {
    errors.push(...validateNeededType(schema, "object", "x-kubernetes-map-type", path));
    if (!["atomic", "granular"].includes(mapType))
      errors.push(fieldNotSupported(path.child("x-kubernetes-map-type"), mapType, ["atomic", "granular"]));
  }
  if (listType !== undefined) {
    if (schema.type !== "array") errors.push(...validateNeededType(schema, "array", "x-kubernetes-list-type", path));
    else if (!leniency.allowsNestedSets) errors.push(...validateSetItems(schema, path));
    if (!["atomic", "set", "map"].includes(listType))
      errors.push(fieldNotSupported(listTypePath, listType, ["atomic", "set", "map"]));
  }
  if (keys.length > 0 && listType !== "map") {
    const detail = "must be map if x-kubernetes-list-map-keys is non-empty";
    errors.push(
      listType === undefined ? fieldRequired(listTypePath, detail) : fieldInvalid(listTypePath, listType, detail),
    );
  }
  if (listType === "map") errors.push(...validateMapKeys(schema, keys, path));
  if (!leniency.allowsLooseKeys) errors.push(...validateMapKeysAndItems(schema, path));
  return errors;
}

function validateNeededType({ type = "" }: JsonSchema, needed: string, by: string, path: FieldPath): FieldError[] {
  const detail = `must be ${needed} if ${by} is specified`;
  if (type === needed) return [];
  return [type === "" ? fieldRequired(path.child("type"), detail) : fieldInvalid(path.child("type"), type, detail)];
}

export function hasNestedSet(schema: JsonSchema): boolean {
  return nestedTypeOf(schema) !== undefined;
}

/** The keyword that does not say that items of a set are single values. */
function nestedTypeOf(schema: JsonSchema): "x-kubernetes-list-type" | "x-kubernetes-map-type" | undefined {
  const items = itemSchema(schema);
  if (schema["x-kubernetes-list-type"] !== "set" || !items) return undefined;
  const listType = items["x-kubernetes-list-type"] ?? "atomic";
  if (items.type === "array" && listType !== "atomic") return "x-kubernetes-list-type";
  const isGranular = items["x-kubernetes-map-type"] !== "atomic";
  return items.type === "object" && isGranular ? "x-kubernetes-map-type" : undefined;
}

function validateSetItems(schema: JsonSchema, path: FieldPath): FieldError[] {
  const name = nestedTypeOf(schema);
  if (!name) return [];
  // As upstream, which shows the type of lists for both.
  const shown = itemSchema(schema)?.["x-kubernetes-list-type"] ?? null;
  const detail = "must be atomic as item of a list with x-kubernetes-list-type=set";
  return [fieldInvalid(path.child("items", name), shown, detail)];
}

function validateMapKeys(schema: JsonSchema, keys: readonly string[], path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const keysPath = path.child("x-kubernetes-list-map-keys");
  if (keys.length === 0) errors.push(fieldRequired(keysPath, "must not be empty if x-kubernetes-list-type is map"));
  const items = itemSchema(schema);
  if (!items) {
    errors.push(
      schema.items === undefined
        ? fieldRequired(path.child("items"), "must have a schema if x-kubernetes-list-type is map")
        : fieldInvalid(
            path.child("items"),
            schema.items,
            "must only have a single schema if x-kubernetes-list-type is map",
          ),
    );
    return errors;
  }
  const { type = "" } = items;
  if (type !== "object") {
    const detail = "must be object if parent array's x-kubernetes-list-type is map";
    return [...errors, fieldInvalid(path.child("items", "type"), type, detail)];
  }
  for (const [i, key] of keys.entries()) {
    const property = propertySchema(items, key);
    if (!property) errors.push(fieldInvalid(keysPath, keys, "entries must all be names of item properties"));
    else if (property.type === "array" || property.type === "object") {
      const at = path.child("items", "properties").key(key).child("type");
      errors.push(fieldInvalid(at, type, "must be a scalar type if parent array's x-kubernetes-list-type is map"));
    }
    if (keys.indexOf(key) < i) errors.push(fieldInvalid(keysPath, keys, "must not contain duplicate entries"));
  }
  return errors;
}

/** Items of maps and sets are there, and of maps their keys, too. */
export function validateMapKeysAndItems(schema: JsonSchema, path: FieldPath): FieldError[] {
  const items = itemSchema(schema);
  const listType = schema["x-kubernetes-list-type"] ?? "";
  if (!items || (listType !== "set" && listType !== "map")) return [];
  const errors: FieldError[] = [];
  const at = path.child("items");
  if (items.nullable)
    errors.push(fieldForbidden(at.child("nullable"), `cannot be nullable when x-kubernetes-list-type is ${listType}`));
  if (listType === "set") return errors;
  const why = "this property is in x-kubernetes-list-map-keys, so it";
  for (const key of schema["x-kubernetes-list-map-keys"] ?? []) {
    const property = propertySchema(items, key);
    if (!property) continue;
    const keyPath = at.child("properties").key(key);
    if (property.default === undefined && !items.required?.includes(key))
      errors.push(fieldRequired(keyPath.child("default"), `${why} must have a default or be a required property`));
    if (property.nullable) errors.push(fieldForbidden(keyPath.child("nullable"), `${why} cannot be nullable`));
  }
  return errors;
}
