import { type Steps, Stride } from "../../component-base/steps.ts";
import { type FieldError, fieldForbidden, fieldInvalid } from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { isEmbeddedResource, itemSchema, type JsonSchema, typeMembers, valueSchema } from "../schema/json-schema.ts";
import type { Leniency } from "./leniency.ts";
import { logicalSubschemas, schemasPerStep, subschemas } from "./subschemas.ts";
import { validateLists, validateType } from "./validate-lists.ts";
import { validateRuleTexts } from "./validate-rules.ts";

/** JSON schema has it, and definitions may not use it. */
const notSupported = ["id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"];

/** Why nothing structural can be made of a schema, in upstream's words; undefined when it can. */
export function* unstructurable(schema: JsonSchema, stride = new Stride(schemasPerStep)): Steps<string | undefined> {
  if (stride.isOver()) yield;
  const members = schema as Readonly<Record<string, unknown>>;
  const name = ["id", "$schema", "$ref", "patternProperties", "dependencies", "additionalItems", "definitions"].find(
    (each) => members[each] !== undefined && members[each] !== "",
  );
  if (name !== undefined) return `OpenAPIV3Schema '${name === "$schema" ? "schema" : name}' is not supported`;
  if (schema["x-kubernetes-preserve-unknown-fields"] === false)
    return "internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined";
  if (Array.isArray(schema.items)) return "OpenAPIV3Schema 'items' must be a schema, but is an array";
  for (const { schema: inner } of subschemas(schema)) {
    const why = yield* unstructurable(inner, stride);
    if (why !== undefined) return why;
  }
  return undefined;
}

export interface ValidatedSchema {
  readonly errors: readonly FieldError[];
  /** Whether a part of the schema has no errors, and none below it. */
  readonly isSound: (part: JsonSchema) => boolean;
}

/** What is wrong with a schema wherever it stands, by upstream's rules for OpenAPI v3 schemas of definitions. */
export function* validateSchema(schema: JsonSchema, path: FieldPath, leniency: Leniency): Steps<ValidatedSchema> {
  const walk = new SchemaWalk(leniency);
  yield* walk.visit(schema, path, { isRoot: true, isInMeta: false, noDefaults: undefined });
  return { errors: walk.errors, isSound: (part) => !walk.unsound.has(part) };
}

interface Place {
  readonly isRoot: boolean;
  /** In what every object has: kind, apiVersion, metadata. */
  readonly isInMeta: boolean;
  /** Why there may be no defaults. */
  readonly noDefaults: string | undefined;
}

class SchemaWalk {
  readonly errors: FieldError[] = [];
  readonly unsound = new Set<JsonSchema>();
  readonly #leniency: Leniency;
  readonly #stride = new Stride(schemasPerStep);

  constructor(leniency: Leniency) {
    this.#leniency = leniency;
  }

  *visit(schema: JsonSchema, path: FieldPath, place: Place): Steps<void> {
    if (this.#stride.isOver()) yield;
    const before = this.errors.length;
    this.errors.push(...this.#keywords(schema, path, place), ...validateMutualExclusion(schema, path));
    yield* this.#inner(schema, path, { ...place, isRoot: false }, place.isRoot);
    if (schema["x-kubernetes-preserve-unknown-fields"] === false)
      this.errors.push(
        fieldInvalid(path.child("x-kubernetes-preserve-unknown-fields"), false, "must be true or undefined"),
      );
    this.errors.push(...validateLists(schema, path, this.#leniency), ...validateRuleTexts(schema, path));
    if (this.errors.length > before) this.unsound.add(schema);
  }

  *#inner(schema: JsonSchema, path: FieldPath, below: Place, isRoot: boolean): Steps<void> {
    const values = valueSchema(schema);
    const anyName = "inside additionalProperties applying to object metadata";
    if (values)
      yield* this.visit(
        values,
        path.child("additionalProperties"),
        below.isInMeta ? { ...below, noDefaults: anyName } : below,
      );
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      const isMeta = (isRoot || isEmbeddedResource(schema)) && typeMembers.has(name);
      const noDefaults = isMeta && isRoot ? `in top-level ${name}` : below.noDefaults;
      const isInMeta = below.isInMeta || isMeta;
      yield* this.visit(property, path.child("properties").key(name), { ...below, isInMeta, noDefaults });
    }
    for (const { schema: option, at } of logicalSubschemas(schema)) yield* this.visit(option, at(path), below);
    const items = itemSchema(schema);
    if (items) yield* this.visit(items, path.child("items"), below);
  }

  #keywords(schema: JsonSchema, path: FieldPath, { isInMeta, noDefaults }: Place): FieldError[] {
    const errors = this.#leniency.allowsUnknownTypes ? [] : validateType(schema, path);
    if (schema.default !== undefined && noDefaults !== undefined)
      errors.push(fieldForbidden(path.child("default"), `must not be set ${noDefaults}`));
    const members = schema as Readonly<Record<string, unknown>>;
    for (const name of notSupported)
      if (members[name] !== undefined && members[name] !== "")
        errors.push(fieldForbidden(path.child(name), `${name} is not supported`));
    if (schema.type === "null")
      errors.push(fieldForbidden(path.child("type"), "type cannot be set to null, use nullable as an alternative"));
    if (Array.isArray(schema.items))
      errors.push(fieldForbidden(path.child("items"), "items must be a schema object and not an array"));
    if (isInMeta && isEmbeddedResource(schema))
      errors.push(
        fieldForbidden(path.child("x-kubernetes-embedded-resource"), "must not be used inside of resource meta"),
      );
    return errors;
  }
}

function validateMutualExclusion(schema: JsonSchema, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.uniqueItems === true) {
    const detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
    errors.push(fieldForbidden(path.child("uniqueItems"), detail));
  }
  const hasProperties = Object.keys(schema.properties ?? {}).length > 0;
  // `true` adds nothing to what is there.
  if (schema.additionalProperties !== undefined && schema.additionalProperties !== true && hasProperties)
    errors.push(
      fieldForbidden(path.child("additionalProperties"), "additionalProperties and properties are mutual exclusive"),
    );
  return errors;
}
