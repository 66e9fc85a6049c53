import { type CelType, formatType } from "../types/cel-type.ts";

/**
 * A value of the language. int is a bigint, double a number, strings are as JavaScript's (functions count code points), bytes
 * are Uint8Array. Immutable.
 */
export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint8Array
  | Uint
  | Timestamp
  | Duration
  | ListValue
  | MapValue
  | StructValue
  | TypeValue
  | OptionalValue
  | OpaqueValue;

export class Uint {
  readonly value: bigint;

  constructor(value: bigint) {
    this.value = value;
  }
}

/** Nanoseconds since 1970, and the offset of the zone it was written in, which is printed again. */
export class Timestamp {
  readonly nanos: bigint;
  readonly offsetMinutes: number;

  constructor(nanos: bigint, offsetMinutes = 0) {
    this.nanos = nanos;
    this.offsetMinutes = offsetMinutes;
  }
}

/** In nanoseconds. */
export class Duration {
  readonly nanos: bigint;

  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

/** How elements of a list relate, where a schema says so: to the order, and to equality. */
export type ListSemantics =
  | { readonly type: "atomic" }
  | { readonly type: "set" }
  | { readonly type: "map"; readonly keys: readonly string[] };

/** A list; elements may be made when asked for. */
export class ListValue implements Iterable<Value> {
  readonly size: number;
  readonly semantics: ListSemantics | undefined;
  readonly #at: (index: number) => Value;

  constructor(size: number, at: (index: number) => Value, semantics?: ListSemantics) {
    this.size = size;
    this.#at = at;
    this.semantics = semantics;
  }

  static of(values: readonly Value[], semantics?: ListSemantics): ListValue {
    return new ListValue(values.length, (i) => values[i] ?? null, semantics);
  }

  /** `index` is within the list. */
  at(index: number): Value {
    return this.#at(index);
  }

  toArray(): Value[] {
    const values: Value[] = [];
    for (let i = 0; i < this.size; i++) values.push(this.#at(i));
    return values;
  }

  *[Symbol.iterator](): Iterator<Value> {
    for (let i = 0; i < this.size; i++) yield this.#at(i);
  }
}

/** Keys are bool, int, uint or string; numbers of different types are the same key when they are equal. */
export interface MapValue {
  readonly isMap: true;
  readonly size: number;
  get(key: Value): Value | undefined;
  keys(): readonly Value[];
}

/** What the language has types with fields for. */
export interface StructValue {
  readonly isStruct: true;
  readonly typeName: string;
  /** The value of a field that is set. */
  get(field: string): Value | undefined;
  fields(): readonly string[];
}

export class TypeValue {
  readonly type: CelType;

  constructor(type: CelType) {
    this.type = type;
  }

  get name(): string {
    switch (this.type.kind) {
      case "list":
      case "map":
      case "type":
        return this.type.kind;
      case "null":
        return "null_type";
      case "timestamp":
        return "google.protobuf.Timestamp";
      case "duration":
        return "google.protobuf.Duration";
      case "opaque":
        return this.type.name;
      default:
        return formatType(this.type);
    }
  }
}

export class OptionalValue {
  readonly value: Value | undefined;

  constructor(value: Value | undefined) {
    this.value = value;
  }
}

/** A value of a library, known by its functions. */
export interface OpaqueValue {
  readonly opaque: string;
  /** Without it no two are equal. */
  equals?(other: OpaqueValue): boolean;
}

export function isMap(value: Value): value is MapValue {
  return typeof value === "object" && value !== null && "isMap" in value;
}

export function isStruct(value: Value): value is StructValue {
  return typeof value === "object" && value !== null && "isStruct" in value;
}

export function isOpaque(value: Value): value is OpaqueValue {
  return typeof value === "object" && value !== null && "opaque" in value;
}

/** What distinguishes a value when a function is chosen for it: a kind of type, or the name of an object or opaque type. */
export function kindOf(value: Value): string {
  switch (typeof value) {
    case "boolean":
      return "bool";
    case "bigint":
      return "int";
    case "number":
      return "double";
    case "string":
      return "string";
    default:
      return kindOfObject(value);
  }
}

function kindOfObject(value: Exclude<Value, boolean | bigint | number | string>): string {
  if (value === null) return "null";
  if (value instanceof ListValue) return "list";
  if (value instanceof Uint) return "uint";
  if (value instanceof Uint8Array) return "bytes";
  if (value instanceof Timestamp) return "timestamp";
  if (value instanceof Duration) return "duration";
  if (value instanceof TypeValue) return "type";
  if (value instanceof OptionalValue) return "optional_type";
  if ("isMap" in value) return "map";
  return "isStruct" in value ? value.typeName : value.opaque;
}
