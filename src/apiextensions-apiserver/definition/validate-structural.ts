import {
  type FieldError,
  fieldForbidden,
  fieldInvalid,
  fieldRequired,
} from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import {
  isEmbeddedResource,
  itemSchema,
  type JsonSchema,
  preservesUnknown,
  valueSchema,
} from "../schema/json-schema.ts";
import { logicalSubschemas, structuralSubschemas } from "./subschemas.ts";

/** Where a schema stands: errors differ a little. */
type Level = "root" | "field" | "item";

const missingType: Readonly<Record<Level, string>> = {
  root: "must not be empty at the root",
  field: "must not be empty for specified object fields",
  item: "must not be empty for specified array items",
};

/**
 * What keeps a schema from being structural: every value has a type in the schema itself, and alternatives (`anyOf` and the
 * like) only restrict what the schema already has.
 */
export function validateStructural(schema: JsonSchema, path: FieldPath): FieldError[] {
  return [...validateInvariants(schema, "root", path), ...validateCompleteness(schema, path)];
}

function validateInvariants(schema: JsonSchema, level: Level, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const { type = "" } = schema;
  if (type === "array" && !itemSchema(schema)) errors.push(fieldRequired(path.child("items"), "must be specified"));
  for (const { schema: inner, at } of structuralSubschemas(schema))
    errors.push(...validateInvariants(inner, inner === itemSchema(schema) ? "item" : "field", at(path)));
  const isIntOrString = schema["x-kubernetes-int-or-string"] === true;
  if (isIntOrString && type !== "")
    errors.push(fieldInvalid(path.child("type"), type, "must be empty if x-kubernetes-int-or-string is true"));
  for (const { schema: option, at } of logicalSubschemas(schema))
    if (!(isIntOrString && isIntOrStringPattern(option, schema))) errors.push(...validateRestriction(option, at(path)));
  if (isEmbeddedResource(schema)) errors.push(...validateEmbeddedSchema(schema, path));
  else if (type === "" && !isIntOrString && !preservesUnknown(schema))
    errors.push(fieldRequired(path.child("type"), missingType[level]));
  if (level === "root" && type !== "" && type !== "object")
    errors.push(fieldInvalid(path.child("type"), type, "must be object at the root"));
  if (preservesUnknown(schema) && type !== "" && type !== "object")
    errors.push(
      fieldInvalid(path.child("type"), type, "must be object or empty if x-kubernetes-preserve-unknown-fields is true"),
    );
  if (level === "root" || isEmbeddedResource(schema))
    errors.push(...validateTypeMembers(schema, path.child("properties")));
  return errors;
}

/** The alternatives that spell out what int-or-string means are allowed to have types. */
function isIntOrStringPattern(option: JsonSchema, schema: JsonSchema): boolean {
  const isBoth = (options: readonly JsonSchema[] | undefined): boolean =>
    options?.length === 2 && options[0]?.type === "integer" && options[1]?.type === "string";
  if (schema.anyOf?.includes(option)) return isBoth(schema.anyOf);
  return schema.allOf?.[0] === option && isBoth(option.anyOf);
}

function validateEmbeddedSchema(schema: JsonSchema, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const { type = "" } = schema;
  const mustBeObject = "must be object if x-kubernetes-embedded-resource is true";
  if (type === "") errors.push(fieldRequired(path.child("type"), mustBeObject));
  else if (type !== "object") errors.push(fieldInvalid(path.child("type"), type, mustBeObject));
  if (schema.additionalProperties !== undefined)
    errors.push(
      fieldForbidden(path.child("additionalProperties"), "must not be used if x-kubernetes-embedded-resource is set"),
    );
  if (!preservesUnknown(schema) && Object.keys(schema.properties ?? {}).length === 0)
    errors.push(
      fieldRequired(
        path.child("properties"),
        "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields",
      ),
    );
  return errors;
}

/** kind, apiVersion and metadata are what they are in every object. */
function validateTypeMembers(schema: JsonSchema, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const { kind, apiVersion, metadata } = schema.properties ?? {};
  if (kind && kind.type !== "string")
    errors.push(fieldInvalid(path.key("kind").child("type"), kind.type ?? "", "must be string"));
  if (apiVersion && apiVersion.type !== "string")
    errors.push(fieldInvalid(path.key("apiVersion").child("type"), apiVersion.type ?? "", "must be string"));
  if (!metadata) return errors;
  const at = path.key("metadata");
  if (metadata.type !== "object") errors.push(fieldInvalid(at.child("type"), metadata.type ?? "", "must be object"));
  const others = Object.keys(metadata.properties ?? {}).filter((name) => name !== "name" && name !== "generateName");
  if (others.length > 0 || metadata.additionalProperties !== undefined)
    errors.push(
      fieldForbidden(
        at,
        "must not specify anything other than name and generateName, but metadata is implicitly specified",
      ),
    );
  return errors;
}

/** What an alternative may not say, and why: the schema itself has to. */
const notInRestrictions: readonly (readonly [keyof JsonSchema, string])[] = [
  ["additionalProperties", "must be undefined to be structural"],
  ["type", "must be empty to be structural"],
  ["title", "must be empty to be structural"],
  ["description", "must be empty to be structural"],
  ["default", "must be undefined to be structural"],
  ["nullable", "must be false to be structural"],
  ["x-kubernetes-preserve-unknown-fields", "must be false to be structural"],
  ["x-kubernetes-embedded-resource", "must be false to be structural"],
  ["x-kubernetes-int-or-string", "must be false to be structural"],
  ["x-kubernetes-list-map-keys", "must be empty to be structural"],
  ["x-kubernetes-list-type", "must be undefined to be structural"],
  ["x-kubernetes-map-type", "must be undefined to be structural"],
  ["x-kubernetes-validations", "must be empty to be structural"],
];

function validateRestriction(schema: JsonSchema, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  for (const [name, detail] of notInRestrictions) {
    const value = schema[name];
    if (value !== undefined && value !== "" && value !== false) errors.push(fieldForbidden(path.child(name), detail));
  }
  if (schema.properties?.metadata)
    errors.push(fieldForbidden(path.child("properties").key("metadata"), "must not be specified in a nested context"));
  const inner = [...structuralSubschemas({ ...schema, additionalProperties: undefined }), ...logicalSubschemas(schema)];
  for (const { schema: option, at } of inner) errors.push(...validateRestriction(option, at(path)));
  return errors;
}

/** Every field an alternative speaks of is a field of the schema. */
function validateCompleteness(schema: JsonSchema, path: FieldPath): FieldError[] {
  const errors = logicalSubschemas(schema).flatMap(({ schema: option, at }) =>
    validateKnown(option, schema, at(path), path),
  );
  for (const { schema: inner, at } of structuralSubschemas(schema))
    errors.push(...validateCompleteness(inner, at(path)));
  return errors;
}

function validateKnown(
  option: JsonSchema,
  schema: JsonSchema | undefined,
  optionPath: FieldPath,
  path: FieldPath,
): FieldError[] {
  if (!schema) return [fieldRequired(path, `because it is defined in ${optionPath.toString()}`)];
  const errors = logicalSubschemas(option).flatMap(({ schema: inner, at }) =>
    validateKnown(inner, schema, at(optionPath), path),
  );
  const items = itemSchema(option);
  if (items) errors.push(...validateKnown(items, itemSchema(schema), optionPath.child("items"), path.child("items")));
  const values = valueSchema(schema);
  for (const [name, property] of Object.entries(option.properties ?? {})) {
    const own = schema.properties?.[name];
    const at = optionPath.child("properties").key(name);
    if (!own && values) errors.push(...validateKnown(property, values, at, path.child("additionalProperties")));
    else errors.push(...validateKnown(property, own, at, path.child("properties").key(name)));
  }
  return errors;
}
