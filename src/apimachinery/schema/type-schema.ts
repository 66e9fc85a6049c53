/**
 * The schema language: what an API type is, as data. Decoding, defaulting, validation, patch and apply semantics, OpenAPI,
 * protobuf and the TypeScript interfaces are all read from it.
 *
 * A version of a group is a map from type names to schemas. Names are those of the public API (`PodSpec`); a type of another
 * version is written with its folder, `core/v1.PodSpec`, `meta/v1.ObjectMeta`.
 */
export type TypeSchemas = Readonly<Record<string, TypeSchema>>;

export type TypeSchema = StructSchema | EnumSchema;

/** A named string. */
export type EnumSchema =
  /** No other value is valid; sorted. */
  | { readonly values: readonly string[] }
  /** Values with a meaning of their own; others are valid too. */
  | { readonly known: readonly string[] };

export interface StructSchema {
  /** Carries apiVersion and kind, before all other fields. */
  readonly typeMeta?: true;
  /** In order: objects are written so. An inline field is named after its type. */
  readonly fields: Readonly<Record<string, FieldSchema | InlineSchema>>;
  /** Server-side apply treats the whole struct as one value. */
  readonly mapType?: "atomic";
  /** One of these fields is set, as the discriminator says. */
  readonly union?: { readonly discriminator?: string; readonly fields: Readonly<Record<string, string>> };
  /**
   * Defaults set by the server's code, in order, by path from the struct; unlike `FieldSchema.default` they are not published.
   * A function receives the struct; its result is the value, undefined leaves the field alone. They apply wherever the struct
   * is embedded, before those of its fields.
   */
  readonly defaults?: Readonly<Record<string, unknown>>;
  /** Defaults that are no single value: functions that change the struct in place, after `defaults`. */
  readonly defaulters?: readonly StructFunction[];
  /** A JSON form that is not an object of the fields. */
  readonly customJson?: "schemaOrArray" | "schemaOrBool" | "schemaOrStrings";
  /** The published name where it is not the version's package and the type's name. */
  readonly openApiName?: string;
}

/** Takes the struct it stands at, as its generated interface made mutable; which one that is, the compiler cannot know. */
export type StructFunction = (struct: never) => unknown;

export interface FieldSchema {
  /**
   * `string bool int32 int64 double bytes any Quantity IntOrString Time MicroTime Duration RawExtension FieldsV1 JSON`, a type
   * name, `[]T`, `map[string]T`, or `map[E]T` with the known keys in enum E. A leading `*` makes absent distinct from zero.
   */
  readonly type: string;
  /** Protobuf field number. */
  readonly pb?: number;
  /** Protobuf name where it is not the JSON name. */
  readonly pbName?: string;
  /** In protobuf a list inside a message of its own, which may be absent. */
  readonly pbNullable?: true;
  readonly required?: true;
  /** Whether an empty value is left out of JSON. Unless given: left out when the field is not required. */
  readonly omit?: boolean;
  /** A struct, too, is left out when it is zero. */
  readonly omitZero?: true;
  /** Published default, applied by the server. */
  readonly default?: unknown;
  readonly listType?: "atomic" | "set" | "map";
  readonly listMapKeys?: readonly string[];
  readonly mapType?: "atomic" | "granular";
  /** Of strategic merge patch. */
  readonly patchStrategy?: readonly ("merge" | "replace" | "retainKeys")[];
  readonly patchMergeKey?: string;
  /** Ignored unless this feature gate (comma: any of these) is on. */
  readonly gate?: string;
  /** At most one field of those with the same word is set; with `oneOf` exactly one. */
  readonly oneOf?: string;
  readonly zeroOrOneOf?: string;
  /** Exists in protobuf only. */
  readonly json?: false;
}

/** The fields of the named type are fields of this struct in JSON, and a message of their own in protobuf. */
export interface InlineSchema {
  readonly inline: true;
  readonly pb: number;
}

export function isStruct(schema: TypeSchema): schema is StructSchema {
  return "fields" in schema;
}

export function isInline(field: FieldSchema | InlineSchema): field is InlineSchema {
  return "inline" in field;
}
