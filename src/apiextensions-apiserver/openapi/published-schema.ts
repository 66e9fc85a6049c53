import type { JsonSchema } from "../schema/json-schema.ts";
import { isEmbeddedResource, itemSchema, preservesUnknown, valueSchema } from "../schema/json-schema.ts";

type SchemaObject = Readonly<Record<string, unknown>>;

/** What differs between the documents a schema is published in. */
export interface Dialect {
  /** `#/components/schemas/` or `#/definitions/` */
  readonly refPrefix: string;
  /** Version 2 has no words for alternatives, null and several types. */
  readonly isV2: boolean;
}

export const publishedV2: Dialect = { refPrefix: "#/definitions/", isV2: true };
export const publishedV3: Dialect = { refPrefix: "#/components/schemas/", isV2: false };

const objectMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const listMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

const typeMembers: Readonly<Record<string, SchemaObject>> = {
  apiVersion: {
    type: "string",
    // Clients look for the first words of this and of the description of metadata.
    description: "APIVersion defines the schema this object is written in, with its group: `example.com/v1`.",
  },
  kind: {
    type: "string",
    description: "What the object is: the name of its type, in CamelCase. It cannot be changed.",
  },
};

/** The schema of a kind with what every kind has. */
export function publishedObject(
  schema: JsonSchema,
  kind: { readonly group: string; readonly version: string; readonly kind: string },
  dialect: Dialect,
): SchemaObject {
  const gvk = { "x-kubernetes-group-version-kind": [kind] };
  // To clients of version 2, properties are all there are: what may have others is said to have none.
  if (dialect.isV2 && preservesUnknown(schema)) return { type: "object", ...gvk };
  return { ...withObjectMembers(published(schema, dialect), dialect), type: "object", ...gvk };
}

/** The schema of its lists. */
export function publishedList(
  name: string,
  list: { readonly group: string; readonly version: string; readonly kind: string },
  dialect: Dialect,
): SchemaObject {
  return {
    description: `A list of ${list.kind.replace(/List$/, "")} objects.`,
    type: "object",
    required: ["items"],
    properties: {
      ...typeMembers,
      items: { description: "The objects of the list.", type: "array", items: { $ref: dialect.refPrefix + name } },
      metadata: reference(listMeta, "What the server says about the list itself.", dialect),
    },
    "x-kubernetes-group-version-kind": [list],
  };
}

function withObjectMembers(schema: SchemaObject, dialect: Dialect): SchemaObject {
  const own = (schema.properties ?? {}) as SchemaObject;
  const metadata = reference(
    objectMeta,
    "Standard object's metadata: name, namespace, labels and everything else that all objects have.",
    dialect,
  );
  return { ...schema, properties: { ...own, ...typeMembers, metadata } };
}

/** Version 3 knows no siblings of a reference; they stand beside a conjunction of one. */
function reference(name: string, description: string, { refPrefix, isV2 }: Dialect): SchemaObject {
  const $ref = refPrefix + name;
  return isV2 ? { description, $ref } : { description, allOf: [{ $ref }] };
}

function published(schema: JsonSchema, dialect: Dialect): SchemaObject {
  const { items: _items, additionalProperties, properties, ...rest } = schema;
  const items = itemSchema(schema);
  const values = valueSchema(schema);
  const nested: SchemaObject = {
    ...rest,
    ...(items ? { items: published(items, dialect) } : {}),
    ...(values
      ? { additionalProperties: published(values, dialect) }
      : additionalProperties === undefined
        ? {}
        : { additionalProperties }),
    ...(properties
      ? {
          properties: Object.fromEntries(
            Object.entries(properties).map(([name, property]) => [name, published(property, dialect)]),
          ),
        }
      : {}),
  };
  const whole = isEmbeddedResource(schema) ? withObjectMembers(nested, dialect) : nested;
  return dialect.isV2 ? inV2(whole, schema) : whole;
}

const notInV2 = ["id", "$schema", "anyOf", "oneOf", "allOf", "not", "nullable", "x-kubernetes-validations"];

/** As upstream: what version 2 cannot say is left out, rather than said wrongly. */
function inV2(whole: SchemaObject, schema: JsonSchema): SchemaObject {
  const dropped = new Set(notInV2);
  // Clients of version 2 would refuse a null, or an unknown field, that the server takes.
  if (schema.nullable === true)
    for (const name of ["type", "items", "properties", "additionalProperties"]) dropped.add(name);
  if (preservesUnknown(schema)) for (const name of ["items", "properties", "additionalProperties"]) dropped.add(name);
  if (schema["x-kubernetes-int-or-string"] === true) dropped.add("type");
  return Object.fromEntries(Object.entries(whole).filter(([name]) => !dropped.has(name)));
}
