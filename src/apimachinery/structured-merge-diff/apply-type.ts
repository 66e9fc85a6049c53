import { assert } from "../../component-base/assert.ts";
import type { ResolvedType, ScalarName, StructField, StructType } from "../schema/type-registry.ts";
import type { FieldSchema } from "../schema/type-schema.ts";

// How server-side apply sees types: less than the schema knows (no names, no numbers), and in one respect more: which part
// of a value is owned as a whole.

export type ApplyType = ScalarType | ListType | MapType | UntypedType;

/** A value of one of these types, never looked into. */
export interface ScalarType {
  readonly kind: "scalar";
  readonly scalar: "string" | "numeric" | "boolean" | "untyped";
}

export interface ListType {
  readonly kind: "list";
  /** `atomic` is owned as a whole; items of a `set` are known by their value, those of a `map` by their keys. */
  readonly relationship: "atomic" | "set" | "map";
  readonly keys: readonly string[];
  readonly items: ApplyType;
}

/** A struct or a map. */
export interface MapType {
  readonly kind: "map";
  /** Owned as a whole. */
  readonly isAtomic: boolean;
  /** A declared field, undefined for none. */
  field(name: string): MapField | undefined;
  /** Of members that are no declared fields; undefined when there may be none. */
  readonly values: ApplyType | undefined;
}

export interface MapField {
  readonly type: ApplyType;
  /** What the field is taken to be where it is a list key and absent. */
  readonly keyDefault: unknown;
}

/** Anything. `deduced` objects are owned field by field, all other values as a whole. */
export interface UntypedType {
  readonly kind: "untyped";
  readonly isDeduced: boolean;
}

const noField = (): undefined => undefined;
const noKeys: readonly string[] = [];

const untypedAtomic: UntypedType = { kind: "untyped", isDeduced: false };
const deduced: UntypedType = { kind: "untyped", isDeduced: true };
const untypedScalar: ScalarType = { kind: "scalar", scalar: "untyped" };
const stringScalar: ScalarType = { kind: "scalar", scalar: "string" };
const untypedList: ListType = { kind: "list", relationship: "atomic", keys: noKeys, items: untypedAtomic };
const untypedMap: MapType = { kind: "map", isAtomic: true, field: noField, values: untypedAtomic };
/** An object whose members are deduced: RawExtension, and structs without fields. */
const deducedMap: MapType = { kind: "map", isAtomic: false, field: noField, values: deduced };

/** The types that need no schema, for makers of others. */
export const plainTypes = {
  string: stringScalar,
  numeric: { kind: "scalar", scalar: "numeric" },
  boolean: { kind: "scalar", scalar: "boolean" },
  anyScalar: untypedScalar,
  /** Anything, owned as a whole. */
  atomic: untypedAtomic,
  /** Anything; objects are owned field by field. */
  deduced,
  deducedMap,
} as const satisfies Readonly<Record<string, ApplyType>>;

/** A type that says how its value is walked. */
export type WalkedType = Exclude<ApplyType, UntypedType>;

/** What an untyped value turns out to be; typed ones are what they are. Null goes as an object. */
export function walkedType(type: ApplyType, value: unknown): WalkedType {
  if (type.kind !== "untyped") return type;
  if (Array.isArray(value)) return untypedList;
  if (typeof value === "object" || value === undefined) return type.isDeduced ? deducedMap : untypedMap;
  return untypedScalar;
}

/** An object nothing is known of: what is inside RawExtension. */
export function isDeducedMap(type: WalkedType): boolean {
  return type === deducedMap;
}

/** The type of a map's member; undefined when the map has no such member. */
export function memberType(type: MapType, name: string): ApplyType | undefined {
  return type.field(name)?.type ?? type.values;
}

const scalarTypes: Readonly<Record<ScalarName, ApplyType>> = {
  string: stringScalar,
  bool: plainTypes.boolean,
  int32: plainTypes.numeric,
  int64: plainTypes.numeric,
  double: plainTypes.numeric,
  bytes: stringScalar,
  any: deduced,
  Quantity: untypedScalar,
  IntOrString: untypedScalar,
  Time: untypedScalar,
  MicroTime: untypedScalar,
  Duration: stringScalar,
  RawExtension: deducedMap,
  FieldsV1: deducedMap,
  JSON: deduced,
};

/** Makes and keeps the apply types of a registry's structs; each is made when it is first met. */
export class ApplyTypeCache {
  readonly #structs = new Map<StructType, { granular?: ApplyType; atomic?: ApplyType }>();

  of(struct: StructType): ApplyType {
    return this.#struct(struct, struct.schema.mapType === "atomic");
  }

  #struct(struct: StructType, isAtomic: boolean): ApplyType {
    if (struct.schema.customJson !== undefined) return deduced;
    let known = this.#structs.get(struct);
    if (known === undefined) this.#structs.set(struct, (known = {}));
    return (known[isAtomic ? "atomic" : "granular"] ??= this.#makeStruct(struct, isAtomic));
  }

  #makeStruct(struct: StructType, isAtomic: boolean): MapType {
    // Fields are resolved one by one when asked for: a type may contain itself.
    const fields = new Map<string, MapField>();
    return {
      kind: "map",
      isAtomic,
      field: (name) => {
        const known = fields.get(name);
        if (known !== undefined) return known;
        const field = struct.field(name);
        if (field === undefined) return undefined;
        const made = { type: this.#resolved(field.type, field.schema), keyDefault: keyDefaultOf(field) };
        fields.set(name, made);
        return made;
      },
      values: struct.fields.length === 0 ? deduced : undefined,
    };
  }

  #resolved(type: ResolvedType, schema: FieldSchema | undefined): ApplyType {
    switch (type.kind) {
      case "scalar":
        return scalarTypes[type.scalar];
      case "enum":
        return stringScalar;
      case "struct": {
        const own = schema?.mapType;
        return own === undefined ? this.of(type.struct) : this.#struct(type.struct, own === "atomic");
      }
      case "list":
        return { kind: "list", ...relationshipOf(schema), items: this.#resolved(type.items, undefined) };
      case "map":
        return {
          kind: "map",
          isAtomic: schema?.mapType === "atomic",
          field: noField,
          values: this.#resolved(type.values, undefined),
        };
    }
  }
}

/** Where the schema names no list type, what strategic merge says counts. */
function relationshipOf(schema: FieldSchema | undefined): Pick<ListType, "relationship" | "keys"> {
  switch (schema?.listType) {
    case "atomic":
      return { relationship: "atomic", keys: noKeys };
    case "set":
      return { relationship: "set", keys: noKeys };
    case "map":
      assert(schema.listMapKeys !== undefined, "a list of type map has keys");
      return { relationship: "map", keys: schema.listMapKeys };
    case undefined:
      break;
  }
  if (schema?.patchStrategy?.includes("merge") !== true) return { relationship: "atomic", keys: noKeys };
  const key = schema.patchMergeKey;
  return key === undefined ? { relationship: "set", keys: noKeys } : { relationship: "map", keys: [key] };
}

/** The published default; a scalar that is always written has its zero as one. */
function keyDefaultOf({ schema, type, pointer, omit }: StructField): unknown {
  if (schema.default !== undefined) return schema.default;
  if (pointer || omit) return undefined;
  if (type.kind === "enum") return "";
  if (type.kind !== "scalar") return undefined;
  switch (type.scalar) {
    case "string":
      return "";
    case "bool":
      return false;
    case "int32":
    case "int64":
    case "double":
      return 0;
    default:
      return undefined;
  }
}
