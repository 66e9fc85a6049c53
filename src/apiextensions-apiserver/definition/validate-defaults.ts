import { cloneJson, isJsonObject } from "../../apimachinery/object.ts";
import {
  aggregateMessages,
  type FieldError,
  fieldInvalid,
  formatFieldError,
} from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { finish, type Steps, Stride } from "../../component-base/steps.ts";
import { RuleValidator } from "../rules/rule-validator.ts";
import { validateEmbedded } from "../schema/embedded.ts";
import { isEmbeddedResource, itemSchema, type JsonSchema, typeMembers } from "../schema/json-schema.ts";
import { prune } from "../schema/prune.ts";
import { SchemaValidator } from "../schema/validate.ts";
import { schemasPerStep } from "./subschemas.ts";

/** A default has to be a value its own schema takes, without fields the schema would drop. */
export function* validateDefaults(root: JsonSchema, path: FieldPath, allowsUnknown: boolean): Steps<FieldError[]> {
  const errors: FieldError[] = [];
  const object = { ...root, "x-kubernetes-embedded-resource": true as const };
  const place = { resource: object, inside: (value: unknown) => value, isInMeta: false };
  yield* visit(object, path, place, new Stride(schemasPerStep), (schema, at, its) => {
    errors.push(...validateDefault(schema, at.child("default"), its, allowsUnknown));
  });
  return errors;
}

/** Of the schema itself, not of what is below. */
export function hasUnknownInDefaults(schema: JsonSchema): boolean {
  return schema.default !== undefined && unknownFields(schema).length > 0;
}

interface Place {
  /** The nearest schema of a whole object. */
  readonly resource: JsonSchema;
  /** An object of that schema that has the value at this place. */
  readonly inside: (value: unknown) => unknown;
  /** In its kind, apiVersion or metadata. */
  readonly isInMeta: boolean;
}

/** Properties and items: values of maps have no defaults. */
function* visit(
  schema: JsonSchema,
  path: FieldPath,
  above: Place,
  stride: Stride,
  each: (schema: JsonSchema, path: FieldPath, place: Place) => void,
): Steps<void> {
  if (stride.isOver()) yield;
  const place = isEmbeddedResource(schema)
    ? { resource: schema, inside: (value: unknown) => value, isInMeta: false }
    : above;
  if (schema.default !== undefined) each(schema, path, place);
  const items = itemSchema(schema);
  if (items)
    yield* visit(items, path.child("items"), { ...place, inside: (value) => place.inside([value]) }, stride, each);
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const isInMeta = place.isInMeta || (isEmbeddedResource(schema) && typeMembers.has(name));
    const inside = (value: unknown): unknown => place.inside({ [name]: value });
    yield* visit(property, path.child("properties").key(name), { ...place, inside, isInMeta }, stride, each);
  }
}

function validateDefault(schema: JsonSchema, at: FieldPath, place: Place, allowsUnknown: boolean): FieldError[] {
  const value = schema.default;
  const errors: FieldError[] = [];
  if (place.isInMeta) {
    const object = { apiVersion: "validation/v1", kind: "Validation", ...(place.inside(cloneJson(value)) as object) };
    const wrong = validateEmbedded(object, place.resource, true).map(formatFieldError);
    if (wrong.length > 0)
      return [fieldInvalid(at, value, `must result in valid metadata: ${aggregateMessages(wrong)}`)];
  } else {
    if (!allowsUnknown && unknownFields(schema).length > 0)
      errors.push(fieldInvalid(at, value, "must not have unknown fields"));
    const wrong = validateEmbedded(value, schema, isEmbeddedResource(schema));
    if (wrong.length > 0) return [...errors, ...wrong.map((error) => below(at, error))];
  }
  const own = new SchemaValidator(schema).validate(value).map((error) => below(at, error));
  return [...errors, ...(own.length > 0 ? own : validateByRules(value, schema, at))];
}

function below(at: FieldPath, error: FieldError): FieldError {
  const { field } = error;
  return { ...error, field: field === "<nil>" ? at.toString() : `${at.toString()}.${field}` };
}

function unknownFields(schema: JsonSchema): readonly string[] {
  const unknown: string[] = [];
  if (isJsonObject(schema.default))
    prune({ value: schema.default }, { properties: { value: schema } }, (field) => void unknown.push(field));
  return unknown;
}

/** A default keeps the rules of its schema, as one that stays and as a new one. */
function validateByRules(value: unknown, schema: JsonSchema, path: FieldPath): readonly FieldError[] {
  const validator = new RuleValidator(schema, isEmbeddedResource(schema));
  const errors = finish(validator.validate(value, value, { path }));
  return errors.length > 0 ? errors : finish(validator.validate(value, undefined, { path }));
}
