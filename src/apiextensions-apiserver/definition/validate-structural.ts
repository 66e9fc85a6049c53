import {
  type FieldError,
  fieldForbidden,
  fieldInvalid,
  fieldRequired,
  formatFieldError,
} from "../../apimachinery/validation/field-error.ts";
import { type Steps, Stride } from "../../component-base/steps.ts";
import { deepEqual } from "../../apimachinery/object.ts";
import { compileRegexp } from "../../apimachinery/regexp/regexp.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { isEmbeddedResource, itemSchema, type JsonSchema, preservesUnknown } from "../schema/json-schema.ts";
import { logicalSubschemas, schemasPerStep, structuralSubschemas } from "./subschemas.ts";

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
export function* validateStructural(schema: JsonSchema, path: FieldPath): Steps<FieldError[]> {
  const errors: FieldError[] = [];
  yield* validateInvariants(schema, "root", path, errors, new Stride(schemasPerStep));
  errors.push(...validateCompleteness(schema, path));
  // Upstream tells them in the order of their texts.
  const told = errors.map((error) => [formatFieldError(error), error] as const);
  return told.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, error]) => error);
}

function* validateInvariants(
  schema: JsonSchema,
  level: Level,
  path: FieldPath,
  errors: FieldError[],
  stride: Stride,
): Steps<void> {
  if (stride.isOver()) yield;
  const { type = "" } = schema;
  if (type === "array" && !itemSchema(schema)) errors.push(fieldRequired(path.child("items"), "must be specified"));
  for (const { schema: inner, at } of structuralSubschemas(schema))
    yield* validateInvariants(inner, inner === itemSchema(schema) ? "item" : "field", at(path), errors, stride);
  if (level === "root" && schema.additionalProperties !== undefined)
    errors.push(fieldForbidden(path.child("additionalProperties"), "must not be used at the root"));
  errors.push(...validateExtensions(schema, path), ...validatePattern(schema, path));
  for (const { schema: option, at } of logicalSubschemas(schema))
    errors.push(...validateRestriction(option, at(path), isIntOrStringPattern(option, schema)));
  const isIntOrString = schema["x-kubernetes-int-or-string"] === true;
  if (isEmbeddedResource(schema)) errors.push(...validateEmbeddedSchema(schema, path));
  else if (type === "" && !isIntOrString && !preservesUnknown(schema))
    errors.push(fieldRequired(path.child("type"), missingType[level]));
  if (level === "root" && type !== "" && type !== "object")
    errors.push(fieldInvalid(path.child("type"), type, "must be object at the root"));
  if (level === "root" || isEmbeddedResource(schema))
    errors.push(...validateTypeMembers(schema, path.child("properties")));
  if (level === "root") errors.push(...validateRootMetadata(schema, path));
}

/** What an int-or-string cannot be as well. */
function validateExtensions(schema: JsonSchema, path: FieldPath): FieldError[] {
  if (schema["x-kubernetes-int-or-string"] !== true) return [];
  const others = ["x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"] as const;
  return others
    .filter((name) => schema[name] === true)
    .map((name) => fieldInvalid(path.child(name), true, "must be false if x-kubernetes-int-or-string is true"));
}

function validatePattern({ pattern = "" }: JsonSchema, path: FieldPath): FieldError[] {
  const { error } = compileRegexp(pattern);
  return error === undefined
    ? []
    : [fieldInvalid(path.child("pattern"), pattern, `must be a valid regular expression, but isn't: ${error}`)];
}

/** How much of an alternative only spells out what int-or-string means, and so is allowed to have types. */
type Spelling = "it" | "its first" | undefined;

function isIntOrStringPattern(option: JsonSchema, schema: JsonSchema): Spelling {
  const isBoth = (options: readonly JsonSchema[] | undefined): boolean =>
    deepEqual(options, [{ type: "integer" }, { type: "string" }]);
  if (schema.anyOf?.includes(option)) return isBoth(schema.anyOf) ? "it" : undefined;
  return schema.allOf?.[0] === option && isBoth(option.anyOf) ? "its first" : undefined;
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
  const types = { kind: "string", apiVersion: "string", metadata: "object" };
  return Object.entries(types).flatMap(([name, wanted]) => {
    const member = schema.properties?.[name];
    if (!member || member.type === wanted) return [];
    return [fieldInvalid(path.key(name).child("type"), member.type ?? "", `must be ${wanted}`)];
  });
}

/** The object's own metadata can only be told names to keep to. */
function validateRootMetadata({ properties }: JsonSchema, path: FieldPath): FieldError[] {
  const metadata = properties?.metadata;
  if (!metadata) return [];
  const { type: _type, default: _default, properties: members = {}, ...rest } = metadata;
  const others = Object.keys(members).filter((name) => name !== "name" && name !== "generateName");
  const isMore = others.length > 0 || Object.values(rest).some((value) => value !== undefined);
  if (!isMore) return [];
  const detail = "must not specify anything other than name and generateName, but metadata is implicitly specified";
  return [fieldForbidden(path.child("properties").key("metadata"), detail)];
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

function validateRestriction(schema: JsonSchema, path: FieldPath, spelling?: Spelling): FieldError[] {
  // It may have types, and then has nothing else.
  if (spelling === "it") return [];
  const errors = validatePattern(schema, path);
  for (const [name, detail] of notInRestrictions) {
    const value = schema[name];
    const isSaid = Array.isArray(value) ? value.length > 0 : value !== undefined && value !== "" && value !== false;
    if (isSaid) errors.push(fieldForbidden(path.child(name), detail));
  }
  if (schema.properties?.metadata)
    errors.push(fieldForbidden(path.child("properties").key("metadata"), "must not be specified in a nested context"));
  const options = logicalSubschemas(schema).filter(
    ({ schema: option }) => spelling !== "its first" || !schema.anyOf?.includes(option),
  );
  const inner = [...structuralSubschemas({ ...schema, additionalProperties: undefined }), ...options];
  for (const { schema: option, at } of inner) errors.push(...validateRestriction(option, at(path)));
  return errors;
}

/**
 * Every field an alternative speaks of is a field of the schema. As upstream, only alternatives at the root, and what is
 * inside of them, are held to that.
 */
function validateCompleteness(schema: JsonSchema, path: FieldPath): FieldError[] {
  return logicalSubschemas(schema).flatMap(({ schema: option, at }) => validateKnown(option, schema, at(path), path));
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
  for (const [name, property] of Object.entries(option.properties ?? {})) {
    const inner = (at: FieldPath): FieldPath => at.child("properties").key(name);
    errors.push(...validateKnown(property, schema.properties?.[name], inner(optionPath), inner(path)));
  }
  return errors;
}
