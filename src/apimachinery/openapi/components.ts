import { scalarZero, structLikeScalars } from "../schema/scalars.ts";
import type { ResolvedType, ScalarName, StructField, StructType } from "../schema/type-registry.ts";
import type { GroupVersionKind } from "./operations.ts";

/** A JSON schema as OpenAPI writes it. */
export type SchemaObject = Readonly<Record<string, unknown>>;

export interface SchemaDialect {
  /** `#/components/schemas/` or `#/definitions/` */
  readonly refPrefix: string;
  /** Version 3 tells enum values and defaults, version 2 neither. */
  readonly tellsValues: boolean;
}

export const dialectV2: SchemaDialect = { refPrefix: "#/definitions/", tellsValues: false };
export const dialectV3: SchemaDialect = { refPrefix: "#/components/schemas/", tellsValues: true };

/** Every group and version a struct is a kind of; a few belong to all. */
export type KindsOf = (struct: StructType) => readonly GroupVersionKind[];

interface NamedScalar {
  readonly openApiName: string;
  readonly v2: SchemaObject;
  readonly v3?: SchemaObject;
}

const apimachinery = "io.k8s.apimachinery.pkg";
const dateTime = { type: "string", format: "date-time" };

/** Scalars that are types of their own in the published documents. */
const namedScalars: Partial<Readonly<Record<ScalarName, NamedScalar>>> = {
  Quantity: {
    openApiName: `${apimachinery}.api.resource.Quantity`,
    v2: { type: "string" },
    v3: { oneOf: [{ type: "string" }, { type: "number" }] },
  },
  IntOrString: {
    openApiName: `${apimachinery}.util.intstr.IntOrString`,
    v2: { type: "string", format: "int-or-string" },
    v3: { format: "int-or-string", oneOf: [{ type: "integer" }, { type: "string" }] },
  },
  Time: { openApiName: `${apimachinery}.apis.meta.v1.Time`, v2: dateTime },
  MicroTime: { openApiName: `${apimachinery}.apis.meta.v1.MicroTime`, v2: dateTime },
  Duration: { openApiName: `${apimachinery}.apis.meta.v1.Duration`, v2: { type: "string" } },
  RawExtension: { openApiName: `${apimachinery}.runtime.RawExtension`, v2: { type: "object" } },
  FieldsV1: { openApiName: `${apimachinery}.apis.meta.v1.FieldsV1`, v2: { type: "object" } },
  JSON: { openApiName: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON", v2: {} },
};

const plainScalars: Partial<Readonly<Record<ScalarName, SchemaObject>>> = {
  string: { type: "string" },
  bool: { type: "boolean" },
  int32: { type: "integer", format: "int32" },
  int64: { type: "integer", format: "int64" },
  double: { type: "number", format: "double" },
  bytes: { type: "string", format: "byte" },
  any: { type: "object" },
};

/** Collects the schemas of the types that are asked for, and of all they refer to. */
export class Components {
  readonly #dialect: SchemaDialect;
  readonly #kindsOf: KindsOf;
  readonly #schemas = new Map<string, SchemaObject>();
  readonly #custom: ReadonlySet<string>;

  /** `custom` are schemas that are given instead of made, by name. */
  constructor(dialect: SchemaDialect, kindsOf: KindsOf, custom: Readonly<Record<string, SchemaObject>> = {}) {
    this.#dialect = dialect;
    this.#kindsOf = kindsOf;
    for (const [name, schema] of Object.entries(custom)) this.#schemas.set(name, schema);
    this.#custom = new Set(Object.keys(custom));
  }

  /** A reference to a schema that was given; undefined for others. */
  custom(name: string): SchemaObject | undefined {
    return this.#custom.has(name) ? { $ref: this.#dialect.refPrefix + name } : undefined;
  }

  /** All schemas met so far, by name. */
  schemas(): Record<string, SchemaObject> {
    return Object.fromEntries([...this.#schemas].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  add(struct: StructType): SchemaObject {
    const name = struct.openApiName;
    if (!this.#schemas.has(name)) {
      // Entered before it is made: types may contain themselves.
      this.#schemas.set(name, {});
      this.#schemas.set(name, this.#struct(struct));
    }
    return { $ref: this.#dialect.refPrefix + name };
  }

  #struct(struct: StructType): SchemaObject {
    const { schema, version } = struct;
    const texts = version.descriptions?.[struct.name];
    const description = texts?.[""] === undefined ? {} : { description: texts[""] };
    if (schema.customJson !== undefined) {
      this.add(struct.memberStruct("schema"));
      return description;
    }
    const required = struct.fields.flatMap((field) => (field.schema.required === true ? [field.name] : []));
    const properties = struct.fields.map((field) => [field.name, this.#field(struct, field)] as const);
    const kinds = this.#kindsOf(struct);
    return {
      ...description,
      type: "object",
      ...(required.length === 0 ? {} : { required: required.toSorted() }),
      ...(properties.length === 0 ? {} : { properties: Object.fromEntries(properties.toSorted(byKey)) }),
      ...(kinds.length === 0 ? {} : { "x-kubernetes-group-version-kind": kinds }),
      ...(schema.mapType === undefined ? {} : { "x-kubernetes-map-type": schema.mapType }),
      ...(schema.union === undefined ? {} : { "x-kubernetes-unions": [unionExtension(schema.union)] }),
    };
  }

  #field(struct: StructType, field: StructField): SchemaObject {
    const { schema, type, pointer, omit } = field;
    const description = describe(struct, field);
    const zero = pointer ? undefined : this.#zero(type, omit);
    const value = schema.default ?? zero;
    const siblings = {
      ...(description === undefined ? {} : { description }),
      ...(this.#dialect.tellsValues && value !== undefined ? { default: value } : {}),
    };
    return { ...this.#withSiblings(this.#type(type), siblings), ...extensions(field) };
  }

  /** Version 3 knows no siblings of a reference; they stand beside a conjunction of one. */
  #withSiblings(type: SchemaObject, siblings: SchemaObject): SchemaObject {
    if (Object.keys(siblings).length === 0) return type;
    if (this.#dialect.tellsValues && "$ref" in type) return { ...siblings, allOf: [type] };
    return { ...siblings, ...type };
  }

  /** What an absent value is read as; told for structs, and for plain values that are always written. */
  #zero(type: ResolvedType, omit: boolean): unknown {
    switch (type.kind) {
      case "struct":
        return type.struct.schema.customJson === undefined ? {} : undefined;
      case "enum":
        return omit ? undefined : "";
      case "scalar": {
        const isPlain = !structLikeScalars.has(type.scalar) && type.scalar !== "bytes" && type.scalar !== "any";
        return isPlain && !omit ? scalarZero[type.scalar] : undefined;
      }
      case "list":
      case "map":
        return undefined;
    }
  }

  #type(type: ResolvedType): SchemaObject {
    switch (type.kind) {
      case "scalar":
        return plainScalars[type.scalar] ?? this.#namedScalar(type.scalar);
      case "enum": {
        const { values } = type.type;
        return this.#dialect.tellsValues && values !== undefined
          ? { type: "string", enum: values }
          : { type: "string" };
      }
      case "struct":
        return this.add(type.struct);
      case "list":
        return { type: "array", items: this.#element(type.items) };
      case "map":
        return { type: "object", additionalProperties: this.#element(type.values) };
    }
  }

  #element(type: ResolvedType): SchemaObject {
    const zero = this.#dialect.tellsValues ? this.#zero(type, false) : undefined;
    return this.#withSiblings(this.#type(type), zero === undefined ? {} : { default: zero });
  }

  #namedScalar(scalar: ScalarName): SchemaObject {
    const named = namedScalars[scalar];
    if (named === undefined) return {};
    this.#schemas.set(named.openApiName, this.#dialect.tellsValues ? (named.v3 ?? named.v2) : named.v2);
    return { $ref: this.#dialect.refPrefix + named.openApiName };
  }
}

function byKey(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : 1;
}

/** A field's text, or that of the field it was inlined as. */
function describe(struct: StructType, field: StructField): string | undefined {
  const home = field.inlinedFrom ?? struct.name;
  const { descriptions } = struct.version;
  if (field.inlinedFrom === "TypeMeta") return typeMetaDescriptions[field.name];
  return descriptions?.[struct.name]?.[field.name] ?? descriptions?.[home]?.[field.name] ?? sharedDescription(field);
}

const typeMetaDescriptions: Readonly<Record<string, string>> = {
  apiVersion:
    "The version of the schema this object is written in, with its group: `apps/v1`, or `v1` for the legacy group.",
  kind: "What the object is: the name of its type, in CamelCase. It cannot be changed.",
};

/** Fields that mean the same in every kind. */
function sharedDescription({ name, type }: StructField): string | undefined {
  if (name === "metadata" && type.kind === "struct") {
    return type.struct.name === "ListMeta"
      ? "What the server says about the list itself: its version and, when it is a page, where the next one starts."
      : "Name, namespace, labels and everything else that all objects have.";
  }
  if (name === "spec" && type.kind === "struct") return "The desired state: what whoever wrote the object wants.";
  if (name === "status" && type.kind === "struct") return "The state that was last observed. Written by the system.";
  if (name === "items" && type.kind === "list") return "The objects of the list.";
  return undefined;
}

function extensions({ schema }: StructField): SchemaObject {
  return {
    ...(schema.listMapKeys === undefined ? {} : { "x-kubernetes-list-map-keys": schema.listMapKeys }),
    ...(schema.listType === undefined ? {} : { "x-kubernetes-list-type": schema.listType }),
    ...(schema.mapType === undefined ? {} : { "x-kubernetes-map-type": schema.mapType }),
    ...(schema.patchMergeKey === undefined ? {} : { "x-kubernetes-patch-merge-key": schema.patchMergeKey }),
    ...(schema.patchStrategy === undefined ? {} : { "x-kubernetes-patch-strategy": schema.patchStrategy.join(",") }),
  };
}

function unionExtension(union: NonNullable<StructType["schema"]["union"]>): SchemaObject {
  return {
    ...(union.discriminator === undefined ? {} : { discriminator: union.discriminator }),
    "fields-to-discriminateBy": union.fields,
  };
}
