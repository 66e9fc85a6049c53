import {
  boolType,
  bytesType,
  type CelType,
  doubleType,
  durationType,
  dynType,
  intType,
  listOf,
  mapOf,
  stringType,
  timestampType,
} from "../types/cel-type.ts";
import { escapePropertyName } from "./property-names.ts";
import { isEmbedded, itemsOf, type ValueSchema, valuesOf, withTypeAndObjectMeta } from "./value-schema.ts";

/** The type of values of a schema, and how large they may be. */
export interface SchemaType {
  readonly type: CelType;
  /** Characters, items or properties; 0 where there is nothing to count. */
  readonly elementsMax: number;
  /** Bytes of the smallest JSON. */
  readonly serializedMinBytes: number;
  /** By the names expressions use. */
  readonly fields?: ReadonlyMap<string, SchemaType>;
  /** Of items of lists and values of maps. */
  readonly element?: SchemaType;
}

/** The largest request that upstream's estimates count with, in bytes. */
export const requestMaxBytes = 3 * 1024 * 1024;

/** Characters of JSON, quotation marks included. */
const timeBytesMax = 32;
const dateBytes = 12;

/** What has no declared length is as long as a request, without the signs around it. */
const unboundedLength = requestMaxBytes - 2;

/**
 * Undefined for what expressions cannot see: values whose type no schema says. Objects are named after `name` and the path to
 * them. `isRoot` is the schema of a whole API object.
 */
export function schemaType(schema: ValueSchema, name: string, isRoot: boolean): SchemaType | undefined {
  if (schema["x-kubernetes-int-or-string"] === true)
    return { type: dynType, elementsMax: lengthMax(schema), serializedMinBytes: 1 };
  switch (schema.type) {
    case "array":
      return arrayType(schema, name);
    case "object":
      return objectOrMapType(isRoot ? withTypeAndObjectMeta(schema) : schema, name);
    case "string":
      return textType(schema);
    case "boolean":
      return { type: boolType, elementsMax: 0, serializedMinBytes: 4 };
    case "number":
      return { type: doubleType, elementsMax: 0, serializedMinBytes: 1 };
    case "integer":
      return { type: intType, elementsMax: 0, serializedMinBytes: 1 };
    default:
      return undefined;
  }
}

function arrayType(schema: ValueSchema, name: string): SchemaType | undefined {
  const items = itemsOf(schema);
  const element = items && schemaType(items, `${name}.@idx`, isEmbedded(items));
  if (!element) return undefined;
  const elementsMax =
    schema.maxItems === undefined
      ? Math.floor(unboundedLength / (element.serializedMinBytes + 1))
      : Math.max(schema.maxItems, 0);
  return { type: listOf(element.type), elementsMax, serializedMinBytes: 2, element };
}

function objectOrMapType(schema: ValueSchema, name: string): SchemaType | undefined {
  const values = valuesOf(schema);
  if (!values) return objectType(schema, name);
  const element = schemaType(values, `${name}.@elem`, isEmbedded(values));
  if (!element) return undefined;
  // A key of two characters, its quotation marks, a colon and a comma.
  const elementsMax =
    schema.maxProperties === undefined
      ? Math.floor(unboundedLength / (element.serializedMinBytes + 6))
      : Math.max(schema.maxProperties, 0);
  return { type: mapOf(stringType, element.type), elementsMax, serializedMinBytes: 2, element };
}

function objectType(schema: ValueSchema, name: string): SchemaType {
  const fields = new Map<string, SchemaType>();
  const required = new Set(schema.required);
  let serializedMinBytes = 2;
  for (const [property, propertySchema] of Object.entries(schema.properties ?? {})) {
    const escaped = escapePropertyName(property);
    const type = schemaType(propertySchema, `${name}.${escaped ?? property}`, isEmbedded(propertySchema));
    if (!type) continue;
    if (escaped !== undefined) fields.set(escaped, type);
    if (required.has(property) && propertySchema.default === undefined)
      serializedMinBytes += property.length + type.serializedMinBytes + 4;
  }
  const type: CelType = { kind: "object", name, field: (field) => fields.get(field)?.type };
  return { type, elementsMax: 0, serializedMinBytes, fields };
}

function textType(schema: ValueSchema): SchemaType {
  switch (schema.format) {
    case "byte":
      return {
        type: bytesType,
        elementsMax: schema.maxLength === undefined ? unboundedLength : Math.max(schema.maxLength, 0),
        serializedMinBytes: 2,
      };
    case "duration":
      return { type: durationType, elementsMax: timeBytesMax, serializedMinBytes: 3 };
    case "date":
      return { type: timestampType, elementsMax: dateBytes, serializedMinBytes: dateBytes };
    case "date-time":
      return { type: timestampType, elementsMax: timeBytesMax, serializedMinBytes: 21 };
    default:
      return { type: stringType, elementsMax: lengthMax(schema), serializedMinBytes: 2 };
  }
}

/** In bytes: a character may have four. */
function lengthMax({ maxLength, enum: values = [], ...schema }: ValueSchema): number {
  if (maxLength !== undefined) return Math.max(maxLength, 0) * 4;
  if (values.length === 0 || schema["x-kubernetes-int-or-string"] === true) return unboundedLength;
  return Math.max(...values.map((value) => (typeof value === "string" ? value.length : 0)));
}
