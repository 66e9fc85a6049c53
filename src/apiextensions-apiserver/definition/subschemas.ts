import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { itemSchema, type JsonSchema, valueSchema } from "../schema/json-schema.ts";

/** Schemas that are looked at in one step; some microseconds each. */
export const schemasPerStep = 256;

export interface Subschema {
  readonly schema: JsonSchema;
  /** From the schema it is part of. */
  readonly at: (path: FieldPath) => FieldPath;
}

/** The schemas of what is inside a value: properties, values, items. */
export function structuralSubschemas(schema: JsonSchema): readonly Subschema[] {
  const items = itemSchema(schema);
  const values = valueSchema(schema);
  return [
    ...Object.entries(schema.properties ?? {}).map(([name, property]) => ({
      schema: property,
      at: (path: FieldPath) => path.child("properties").key(name),
    })),
    ...(items ? [{ schema: items, at: (path: FieldPath) => path.child("items") }] : []),
    ...(values ? [{ schema: values, at: (path: FieldPath) => path.child("additionalProperties") }] : []),
  ];
}

/** The schemas the same value has to match, too, in upstream's order. */
export function logicalSubschemas(schema: JsonSchema): readonly Subschema[] {
  const lists = (["allOf", "oneOf", "anyOf"] as const).flatMap((junctor) =>
    (schema[junctor] ?? []).map((option, i) => ({
      schema: option,
      at: (path: FieldPath) => path.child(junctor).index(i),
    })),
  );
  return schema.not ? [{ schema: schema.not, at: (path) => path.child("not") }, ...lists] : lists;
}

export function subschemas(schema: JsonSchema): readonly Subschema[] {
  return [...structuralSubschemas(schema), ...logicalSubschemas(schema)];
}

/** Whether the test holds for the schema or one below it. */
export function hasSubschema(schema: JsonSchema, test: (schema: JsonSchema) => boolean): boolean {
  return test(schema) || subschemas(schema).some(({ schema: inner }) => hasSubschema(inner, test));
}
