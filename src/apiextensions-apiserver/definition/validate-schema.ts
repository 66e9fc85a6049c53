import {
  type FieldError,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
} from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { compileRegexp } from "../../apimachinery/regexp/regexp.ts";
import { itemSchema, type JsonSchema, propertySchema } from "../schema/json-schema.ts";
import { validateRuleTexts } from "./validate-rules.ts";
import { subschemas } from "./subschemas.ts";

const types: ReadonlySet<string> = new Set(["array", "boolean", "integer", "number", "object", "string"]);

/** JSON schema has it, and definitions may not use it. */
const forbidden: readonly (readonly [string, string])[] = [
  ["definitions", "definitions is not supported"],
  ["dependencies", "dependencies is not supported"],
  ["id", "id is not supported"],
  ["patternProperties", "patternProperties is not supported"],
  ["additionalItems", "additionalItems is not supported"],
  ["$ref", "$ref is not supported"],
];

/** What is wrong with a schema wherever it stands, by upstream's rules for OpenAPI v3 schemas of definitions. */
export function validateSchema(schema: JsonSchema, path: FieldPath): FieldError[] {
  const errors = [
    ...validateKeywords(schema, path),
    ...validateListKeywords(schema, path),
    ...validateRuleTexts(schema, path),
  ];
  for (const { schema: inner, at } of subschemas(schema)) errors.push(...validateSchema(inner, at(path)));
  return errors;
}

function validateKeywords(schema: JsonSchema, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const members = schema as Readonly<Record<string, unknown>>;
  for (const [name, detail] of forbidden)
    if (members[name] !== undefined) errors.push(fieldForbidden(path.child(name), detail));
  if (schema.uniqueItems === true)
    errors.push(
      fieldForbidden(
        path.child("uniqueItems"),
        "uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
      ),
    );
  if (schema.additionalProperties !== undefined) {
    if (Object.keys(schema.properties ?? {}).length > 0)
      errors.push(
        fieldForbidden(path.child("additionalProperties"), "additionalProperties and properties are mutual exclusive"),
      );
    if (schema.additionalProperties === false)
      errors.push(fieldForbidden(path.child("additionalProperties"), "additionalProperties cannot be set to false"));
  }
  if (Array.isArray(schema.items))
    errors.push(fieldForbidden(path.child("items"), "items must be a schema object and not an array"));
  if (schema.type !== undefined && schema.type !== "" && !types.has(schema.type))
    errors.push(fieldNotSupported(path.child("type"), schema.type, [...types]));
  if (schema.pattern !== undefined) errors.push(...validatePattern(schema.pattern, path.child("pattern")));
  if (schema["x-kubernetes-preserve-unknown-fields"] === false)
    errors.push(fieldInvalid(path.child("x-kubernetes-preserve-unknown-fields"), false, "must be true or undefined"));
  return errors;
}

function validatePattern(pattern: string, path: FieldPath): FieldError[] {
  const { error } = compileRegexp(pattern);
  return error === undefined
    ? []
    : [fieldInvalid(path, pattern, `must be a valid regular expression, but isn't: ${error}`)];
}

function validateListKeywords(schema: JsonSchema, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const listType = schema["x-kubernetes-list-type"];
  const mapType = schema["x-kubernetes-map-type"];
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const type = schema.type ?? "";
  const needsType = (expected: string, because: string): void => {
    const detail = `must be ${expected} if ${because} is specified`;
    if (type === "") errors.push(fieldRequired(path.child("type"), detail));
    else if (type !== expected) errors.push(fieldInvalid(path.child("type"), type, detail));
  };
  if (listType !== undefined) {
    needsType("array", "x-kubernetes-list-type");
    if (!["atomic", "set", "map"].includes(listType))
      errors.push(fieldNotSupported(path.child("x-kubernetes-list-type"), listType, ["atomic", "set", "map"]));
  }
  if (mapType !== undefined) {
    needsType("object", "x-kubernetes-map-type");
    if (!["atomic", "granular"].includes(mapType))
      errors.push(fieldNotSupported(path.child("x-kubernetes-map-type"), mapType, ["atomic", "granular"]));
  }
  if (keys.length > 0 && listType !== "map") {
    const at = path.child("x-kubernetes-list-type");
    const detail = "must be map if x-kubernetes-list-map-keys is non-empty";
    errors.push(listType === undefined ? fieldRequired(at, detail) : fieldInvalid(at, listType, detail));
  }
  if (listType === "map") errors.push(...validateMapKeys(schema, keys, path));
  return errors;
}

function validateMapKeys(schema: JsonSchema, keys: readonly string[], path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const keysPath = path.child("x-kubernetes-list-map-keys");
  if (keys.length === 0) errors.push(fieldRequired(keysPath, "must not be empty if x-kubernetes-list-type is map"));
  const items = itemSchema(schema);
  if (!items) {
    errors.push(fieldRequired(path.child("items"), "must have a schema if x-kubernetes-list-type is map"));
    return errors;
  }
  if (items.type !== "object")
    errors.push(
      fieldInvalid(
        path.child("items").child("type"),
        items.type ?? "",
        "must be object if parent array's x-kubernetes-list-type is map",
      ),
    );
  for (const [i, key] of keys.entries()) {
    const property = propertySchema(items, key);
    if (!property) {
      errors.push(fieldInvalid(keysPath.index(i), key, "entries must all be names of item properties"));
      continue;
    }
    const at = path.child("items").child("properties").key(key);
    if (property.type === "array" || property.type === "object")
      errors.push(
        fieldInvalid(
          at.child("type"),
          property.type,
          "must be a scalar type if parent array's x-kubernetes-list-type is map",
        ),
      );
    if (property.default === undefined && !items.required?.includes(key))
      errors.push(
        fieldRequired(
          at.child("default"),
          "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
        ),
      );
    if (keys.indexOf(key) < i)
      errors.push({ type: "FieldValueDuplicate", field: keysPath.index(i).toString(), badValue: key, detail: "" });
  }
  return errors;
}
