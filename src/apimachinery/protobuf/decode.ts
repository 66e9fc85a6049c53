import { utf8Decode } from "../../component-base/bytes.ts";
import type { ResolvedType, ScalarName, StructType } from "../schema/type-registry.ts";
import { isInline, type FieldSchema } from "../schema/type-schema.ts";
import { hasEnvelope } from "./envelope.ts";
import { ProtobufError, WireReader, wireTypes } from "./wire-reader.ts";

/** How one field number is read into its struct. */
interface FieldReader {
  readonly wireType: number;
  read(reader: WireReader, into: Record<string, unknown>): void;
}

type ValueReader = (reader: WireReader) => unknown;

/**
 * Decodes protobuf messages into the JSON they stand for, by the schema's field numbers. The result is what a JSON body
 * would have been: it still goes through the kind's JSON decoder, which brings it into normal form. Unknown field numbers
 * are skipped, as protobuf wants.
 */
export class ProtobufDecoder {
  readonly #structs = new Map<StructType, ReadonlyMap<number, FieldReader>>();

  /** Throws ProtobufError. */
  decode(struct: StructType, bytes: Uint8Array): Record<string, unknown> {
    return this.#message(struct, new WireReader(bytes));
  }

  #message(struct: StructType, reader: WireReader): Record<string, unknown> {
    const out: Record<string, unknown> = {};
    const fields = this.#fieldsOf(struct);
    while (!reader.done) {
      const key = reader.key();
      const field = fields.get(key >>> 3);
      if (!field) reader.skip(key & 7);
      else if (field.wireType !== (key & 7))
        throw new ProtobufError(`wrong wireType = ${key & 7} for field of ${struct.name}`);
      else field.read(reader, out);
    }
    return out;
  }

  #fieldsOf(struct: StructType): ReadonlyMap<number, FieldReader> {
    const known = this.#structs.get(struct);
    if (known) return known;
    const fields = new Map<number, FieldReader>();
    // Entered before its fields are resolved: a type may contain itself.
    this.#structs.set(struct, fields);
    for (const [name, schema] of Object.entries(struct.schema.fields)) {
      if (isInline(schema)) {
        const inlined = struct.inlined.find((s) => s.name === name.slice(name.lastIndexOf(".") + 1));
        if (!inlined) throw new ProtobufError(`${struct.name} inlines ${name}, which is not there`);
        fields.set(schema.pb, {
          wireType: wireTypes.bytes,
          read: (reader, into) => void Object.assign(into, this.#message(inlined, reader.message())),
        });
      } else if (schema.pb !== undefined) {
        fields.set(schema.pb, this.#field(name, schema, struct.memberType(name)));
      }
    }
    return fields;
  }

  #field(name: string, schema: FieldSchema, type: ResolvedType): FieldReader {
    const wireType = wireTypeOf(type);
    const set = (read: ValueReader): FieldReader => ({
      wireType,
      read: (reader, into) => void (into[name] = read(reader)),
    });
    if (type.kind === "list") {
      if (schema.pbNullable) return set((reader) => this.#wrappedList(type.items, reader));
      const read = this.#value(type.items);
      return {
        wireType: wireTypeOf(type.items),
        read: (reader, into) => {
          const list = into[name];
          if (Array.isArray(list)) list.push(read(reader));
          else into[name] = [read(reader)];
        },
      };
    }
    if (type.kind === "map") {
      const read =
        schema.pbNullable && type.values.kind === "list"
          ? this.#listReader(type.values.items)
          : this.#value(type.values);
      const absent = emptyValue(type.values);
      return {
        wireType,
        read: (reader, into) => {
          const map = (into[name] ??= {}) as Record<string, unknown>;
          const [key, value] = readEntry(reader.message(), read, absent);
          // An own property whatever the key: `__proto__` is a label like any other.
          Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
        },
      };
    }
    return set(this.#value(type));
  }

  #value(type: ResolvedType): ValueReader {
    switch (type.kind) {
      case "scalar":
        return scalarReaders[type.scalar];
      case "enum":
        return (reader) => reader.string();
      case "struct": {
        const { struct } = type;
        const custom = struct.schema.customJson;
        if (custom === undefined) return (reader) => this.#message(struct, reader.message());
        return (reader) => customValue(custom, this.#message(struct, reader.message()));
      }
      case "list":
        return this.#listReader(type.items);
      case "map":
        throw new ProtobufError("a map cannot stand inside of a list or map");
    }
  }

  #listReader(items: ResolvedType): ValueReader {
    return (reader) => this.#wrappedList(items, reader);
  }

  /** A list in a message of its own: `{repeated items = 1}`. */
  #wrappedList(items: ResolvedType, reader: WireReader): unknown[] {
    const read = this.#value(items);
    const message = reader.message();
    const out: unknown[] = [];
    while (!message.done) {
      const key = message.key();
      if (key >>> 3 === 1) out.push(read(message));
      else message.skip(key & 7);
    }
    return out;
  }
}

function readEntry(entry: WireReader, read: ValueReader, absent: unknown): readonly [string, unknown] {
  let key = "";
  let value = absent;
  while (!entry.done) {
    const tag = entry.key();
    if (tag >>> 3 === 1) key = entry.string();
    else if (tag >>> 3 === 2) value = read(entry);
    else entry.skip(tag & 7);
  }
  return [key, value];
}

function emptyValue(type: ResolvedType): unknown {
  if (type.kind === "list") return [];
  if (type.kind === "struct") return {};
  if (type.kind === "scalar" && type.scalar === "bool") return false;
  if (type.kind === "scalar" && (type.scalar === "int32" || type.scalar === "int64")) return 0;
  return "";
}

/** A member that is JSON Schema or something else; which, its message says by what it holds. */
function customValue(
  form: "schemaOrArray" | "schemaOrBool" | "schemaOrStrings",
  message: Record<string, unknown>,
): unknown {
  switch (form) {
    case "schemaOrArray":
      return message["schema"] ?? message["jSONSchemas"] ?? null;
    case "schemaOrBool":
      return message["schema"] ?? message["allows"] ?? false;
    case "schemaOrStrings":
      return message["schema"] ?? message["property"] ?? null;
  }
}

function wireTypeOf(type: ResolvedType): number {
  if (type.kind !== "scalar") return wireTypes.bytes;
  switch (type.scalar) {
    case "bool":
    case "int32":
    case "int64":
      return wireTypes.varint;
    case "double":
      return wireTypes.fixed64;
    default:
      return wireTypes.bytes;
  }
}

const scalarReaders: Readonly<Record<ScalarName, ValueReader>> = {
  string: (reader) => reader.string(),
  bool: (reader) => reader.int64() !== 0,
  int32: (reader) => Number(reader.int64()) | 0,
  int64: (reader) => reader.int64(),
  double: (reader) => reader.double(),
  bytes: (reader) => reader.base64(),
  any: (reader) => JSON.parse(reader.string()) as unknown,
  Quantity: (reader) => singleField(reader, (inner) => inner.string()) ?? "0",
  IntOrString: readIntOrString,
  Time: (reader) => {
    const time = readTimestamp(reader);
    return time && new Date(time.seconds * 1000).toISOString().replace(/\.000Z$/, "Z");
  },
  MicroTime: (reader) => {
    const time = readTimestamp(reader);
    if (!time) return null;
    const whole = new Date(time.seconds * 1000).toISOString().slice(0, 19);
    return `${whole}.${String(Math.floor(time.nanos / 1000)).padStart(6, "0")}Z`;
  },
  Duration: (reader) => `${Number(singleField(reader, (inner) => inner.int64()) ?? 0) / 1e9}s`,
  RawExtension: readRawJson,
  FieldsV1: readRawJson,
  JSON: readRawJson,
};

/** The field 1 of a message of one field. */
function singleField<T>(reader: WireReader, read: (inner: WireReader) => T): T | undefined {
  const message = reader.message();
  let value: T | undefined;
  while (!message.done) {
    const key = message.key();
    if (key >>> 3 === 1) value = read(message);
    else message.skip(key & 7);
  }
  return value;
}

function readIntOrString(reader: WireReader): number | string {
  const message = reader.message();
  let isString = false;
  let int = 0;
  let text = "";
  while (!message.done) {
    const key = message.key();
    if (key >>> 3 === 1) isString = message.int64() === 1;
    else if (key >>> 3 === 2) int = Number(message.int64());
    else if (key >>> 3 === 3) text = message.string();
    else message.skip(key & 7);
  }
  return isString ? text : int;
}

/** Null for the zero time, which is an empty message. */
function readTimestamp(reader: WireReader): { readonly seconds: number; readonly nanos: number } | null {
  const message = reader.message();
  if (message.done) return null;
  let seconds = 0;
  let nanos = 0;
  while (!message.done) {
    const key = message.key();
    if (key >>> 3 === 1) seconds = Number(message.int64());
    else if (key >>> 3 === 2) nanos = Number(message.int64());
    else message.skip(key & 7);
  }
  return { seconds, nanos };
}

function readRawJson(reader: WireReader): unknown {
  const raw = singleField(reader, (inner) => inner.bytes());
  if (!raw || raw.length === 0) return null;
  if (hasEnvelope(raw)) throw new ProtobufError("an embedded object must be JSON");
  try {
    return JSON.parse(utf8Decode(raw)) as unknown;
  } catch (cause) {
    throw new ProtobufError("an embedded object is no JSON", { cause });
  }
}
