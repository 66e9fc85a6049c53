import { assert } from "../../component-base/assert.ts";
import type { ApiVersionSchema } from "./resource-schema.ts";
import {
  type EnumSchema,
  type FieldSchema,
  isInline,
  isStruct,
  type StructSchema,
  type TypeSchema,
} from "./type-schema.ts";

export type ScalarName =
  | "string"
  | "bool"
  | "int32"
  | "int64"
  | "double"
  | "bytes"
  | "any"
  | "Quantity"
  | "IntOrString"
  | "Time"
  | "MicroTime"
  | "Duration"
  | "RawExtension"
  | "FieldsV1"
  | "JSON";

const scalarNames: ReadonlySet<string> = new Set<ScalarName>([
  "string",
  "bool",
  "int32",
  "int64",
  "double",
  "bytes",
  "any",
  "Quantity",
  "IntOrString",
  "Time",
  "MicroTime",
  "Duration",
  "RawExtension",
  "FieldsV1",
  "JSON",
]);

/** A type expression, understood. */
export type ResolvedType =
  | { readonly kind: "scalar"; readonly scalar: ScalarName }
  | { readonly kind: "enum"; readonly type: EnumType }
  | { readonly kind: "struct"; readonly struct: StructType }
  | { readonly kind: "list"; readonly items: ResolvedType }
  | { readonly kind: "map"; readonly keys?: EnumType; readonly values: ResolvedType };

/** A named string type. */
export class EnumType {
  readonly version: ApiVersionSchema;
  readonly name: string;
  readonly schema: EnumSchema;

  constructor(version: ApiVersionSchema, name: string, schema: EnumSchema) {
    this.version = version;
    this.name = name;
    this.schema = schema;
  }

  /** The valid values; undefined when any string is valid. */
  get values(): readonly string[] | undefined {
    return "values" in this.schema ? this.schema.values : undefined;
  }

  /** As error texts name it, e.g. `v1.Protocol`. */
  get goName(): string {
    return `${this.version.version}.${this.name}`;
  }
}

/** One JSON field of a struct. */
export interface StructField {
  readonly name: string;
  readonly schema: FieldSchema;
  readonly type: ResolvedType;
  /** Absent is distinct from zero. */
  readonly pointer: boolean;
  /** Left out of JSON when empty. */
  readonly omit: boolean;
  /** The type an inline field was taken from, for protobuf. */
  readonly inlinedFrom?: string;
}

/** A struct whose fields are resolved when first asked for. */
export class StructType {
  readonly version: ApiVersionSchema;
  readonly name: string;
  readonly schema: StructSchema;
  readonly #registry: TypeRegistry;
  #fields: readonly StructField[] | undefined;
  #byName: ReadonlyMap<string, StructField> | undefined;

  constructor(registry: TypeRegistry, version: ApiVersionSchema, name: string, schema: StructSchema) {
    this.#registry = registry;
    this.version = version;
    this.name = name;
    this.schema = schema;
  }

  /** As error texts name it, e.g. `v1.PodSpec`. */
  get goName(): string {
    return `${this.version.version}.${this.name}`;
  }

  get openApiName(): string {
    return this.schema.openApiName ?? `${this.version.goPackage}.${this.name}`;
  }

  /** All JSON fields in order, those of inlined structs in their place. */
  get fields(): readonly StructField[] {
    return (this.#fields ??= this.#resolveFields());
  }

  /** The structs whose fields are this struct's own. */
  get inlined(): readonly StructType[] {
    return Object.entries(this.schema.fields).flatMap(([name, schema]) =>
      isInline(schema) ? [this.inlinedStruct(name)] : [],
    );
  }

  /** The struct a protobuf-only member points to: what a type with a JSON form of its own is made of. */
  memberStruct(name: string): StructType {
    const member = this.schema.fields[name];
    assert(member !== undefined && !isInline(member), `${this.goName} has no member ${name}`);
    const type = this.#registry.resolve(member.type.replace(/^\*/, ""), this.version.folder);
    assert(type.kind === "struct", `${name} of ${this.goName} is no struct`);
    return type.struct;
  }

  field(name: string): StructField | undefined {
    this.#byName ??= new Map(this.fields.map((field) => [field.name, field]));
    return this.#byName.get(name);
  }

  /** The type of a member, whether it is in JSON or in protobuf only. */
  memberType(name: string): ResolvedType {
    const member = this.schema.fields[name];
    assert(member !== undefined && !isInline(member), `${this.goName} has no member ${name}`);
    return this.#registry.resolve(member.type.replace(/^\*/, ""), this.version.folder);
  }

  /** The struct behind an inline field. */
  inlinedStruct(name: string): StructType {
    const inlined = this.#registry.resolve(name, this.version.folder);
    assert(inlined.kind === "struct", `${name} is inlined in ${this.goName} and is no struct`);
    return inlined.struct;
  }

  #resolveFields(): StructField[] {
    const fields: StructField[] = [];
    if (this.schema.typeMeta === true) {
      for (const name of ["kind", "apiVersion"]) {
        fields.push({ ...this.#resolveField(name, { type: "string" }), inlinedFrom: "TypeMeta" });
      }
    }
    for (const [name, schema] of Object.entries(this.schema.fields)) {
      if (isInline(schema)) {
        for (const field of this.inlinedStruct(name).fields) fields.push({ ...field, inlinedFrom: name });
      } else if (schema.json !== false) {
        fields.push(this.#resolveField(name, schema));
      }
    }
    return fields;
  }

  #resolveField(name: string, schema: FieldSchema): StructField {
    const pointer = schema.type.startsWith("*");
    const type = this.#registry.resolve(pointer ? schema.type.slice(1) : schema.type, this.version.folder);
    return { name, schema, type, pointer, omit: schema.omit ?? schema.required !== true };
  }
}

interface NamedSchema {
  readonly version: ApiVersionSchema;
  readonly schema: TypeSchema;
}

/**
 * Finds types by name. Nothing is resolved before it is asked for: a process that handles three kinds pays for three kinds.
 */
export class TypeRegistry {
  readonly #versions = new Map<string, ApiVersionSchema>();
  readonly #resolved = new Map<string, ResolvedType>();

  constructor(versions: readonly ApiVersionSchema[]) {
    for (const version of versions) this.#versions.set(version.folder, version);
  }

  /** A type expression as seen from a version's folder. It is a mistake in the schema files when it names no type. */
  resolve(expression: string, folder: string): ResolvedType {
    if (expression.startsWith("[]")) return { kind: "list", items: this.resolve(expression.slice(2), folder) };
    if (expression.startsWith("map[")) {
      const end = expression.indexOf("]");
      const values = this.resolve(expression.slice(end + 1), folder);
      const key = expression.slice("map[".length, end);
      if (key === "string") return { kind: "map", values };
      const keys = this.resolve(key, folder);
      assert(keys.kind === "enum", `keys of ${expression} are no strings`);
      return { kind: "map", keys: keys.type, values };
    }
    if (scalarNames.has(expression)) return { kind: "scalar", scalar: expression as ScalarName };
    return this.#named(expression, folder);
  }

  /** The struct of that name in `folder`, or undefined. */
  struct(folder: string, name: string): StructType | undefined {
    if (this.#find(folder, name) === undefined) return undefined;
    const type = this.#named(name, folder);
    return type.kind === "struct" ? type.struct : undefined;
  }

  /** Names of all types of a folder, in the order of its files. */
  names(folder: string): readonly string[] {
    return (this.#versions.get(folder)?.types ?? []).flatMap((types) => Object.keys(types));
  }

  #named(reference: string, folder: string): ResolvedType {
    const dot = reference.indexOf(".");
    const home = dot < 0 ? folder : reference.slice(0, dot);
    const name = reference.slice(dot + 1);
    const key = `${home}.${name}`;
    const known = this.#resolved.get(key);
    if (known !== undefined) return known;
    const found = this.#find(home, name);
    assert(found !== undefined, `${folder} refers to ${reference}, which does not exist`);
    const type: ResolvedType = isStruct(found.schema)
      ? { kind: "struct", struct: new StructType(this, found.version, name, found.schema) }
      : { kind: "enum", type: new EnumType(found.version, name, found.schema) };
    this.#resolved.set(key, type);
    return type;
  }

  #find(folder: string, name: string): NamedSchema | undefined {
    const version = this.#versions.get(folder);
    if (version === undefined) return undefined;
    for (const types of version.types) {
      if (Object.hasOwn(types, name)) {
        const schema = types[name];
        if (schema !== undefined) return { version, schema };
      }
    }
    return undefined;
  }
}
