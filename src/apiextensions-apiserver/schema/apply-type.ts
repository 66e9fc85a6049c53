import {
  type ApplyType,
  type ListType,
  type MapField,
  type MapType,
  plainTypes,
} from "../../apimachinery/structured-merge-diff/apply-type.ts";
import { isEmbeddedResource, itemSchema, type JsonSchema, preservesUnknown, valueSchema } from "./json-schema.ts";

/** How server-side apply sees objects of a structural schema. `metadata` is the type of every object's metadata. */
export function applyTypeOf(schema: JsonSchema, metadata: ApplyType): MapType {
  return mapType(schema, { metadata, isResource: true, keepsUnknown: preservesUnknown(schema) });
}

interface Place {
  readonly metadata: ApplyType;
  /** The object has kind, apiVersion and metadata whether or not its schema says so. */
  readonly isResource: boolean;
  /** Here or further out the schema keeps fields it does not know: to the updater, they are then known everywhere below. */
  readonly keepsUnknown: boolean;
}

function typeOf(schema: JsonSchema, outer: Place): ApplyType {
  const keepsUnknown = outer.keepsUnknown || preservesUnknown(schema);
  switch (schema.type) {
    case "object":
      return mapType(schema, { ...outer, keepsUnknown, isResource: isEmbeddedResource(schema) });
    case "array":
      return listType(schema, { ...outer, keepsUnknown });
    case "string":
      return schema.format === undefined || schema.format === "" || schema.format === "byte"
        ? plainTypes.string
        : plainTypes.anyScalar;
    case "integer":
    case "number":
      return plainTypes.numeric;
    case "boolean":
      return plainTypes.boolean;
    default:
      // Integers or strings, and whatever a schema leaves open.
      return plainTypes.deduced;
  }
}

function mapType(schema: JsonSchema, place: Place): MapType {
  const isAtomic = schema["x-kubernetes-map-type"] === "atomic";
  const properties = schema.properties ?? {};
  const hasFields = place.isResource || Object.keys(properties).length > 0;
  const values = valuesType(schema, place, hasFields);
  // The updater knows objects nothing is said about by their type.
  if (!hasFields && !isAtomic && values === plainTypes.deduced) return plainTypes.deducedMap;
  // Made one by one when asked for: most of a schema is never met.
  const fields = new Map<string, MapField | undefined>();
  const make = (name: string): MapField | undefined => {
    if (place.isResource && name === "metadata") return { type: place.metadata, keyDefault: undefined };
    if (place.isResource && (name === "apiVersion" || name === "kind"))
      return { type: plainTypes.string, keyDefault: undefined };
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    return property && { type: typeOf(property, place), keyDefault: property.default };
  };
  return {
    kind: "map",
    isAtomic,
    field: (name) => {
      if (!fields.has(name)) {
        const made = make(name);
        // Names nobody declared are not kept: clients make them up.
        if (!made) return undefined;
        fields.set(name, made);
      }
      return fields.get(name);
    },
    values,
  };
}

function valuesType(schema: JsonSchema, place: Place, hasFields: boolean): ApplyType | undefined {
  const { additionalProperties } = schema;
  if (additionalProperties === undefined) return place.keepsUnknown || !hasFields ? plainTypes.deduced : undefined;
  const values = valueSchema(schema);
  if (values) return typeOf(values, place);
  return additionalProperties === true ? plainTypes.deduced : undefined;
}

function listType(schema: JsonSchema, place: Place): ListType {
  const items = itemSchema(schema);
  const type = schema["x-kubernetes-list-type"];
  return {
    kind: "list",
    relationship: type === "set" || type === "map" ? type : "atomic",
    keys: type === "map" ? (schema["x-kubernetes-list-map-keys"] ?? []) : [],
    items: items ? typeOf(items, place) : plainTypes.atomic,
  };
}
