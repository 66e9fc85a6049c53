import type { ResolvedType, StructType } from "../schema/type-registry.ts";
import { isInline, type FieldSchema } from "../schema/type-schema.ts";
import { toMembers } from "./custom-json.ts";
import { bytesKey, writeEnvelope } from "./envelope.ts";
import { absentScalar, scalarCodecs, wireTypeOf } from "./scalars.ts";
import { ProtobufError } from "./wire-reader.ts";
import { WireWriter } from "./wire-writer.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/** Anything with a kind: an object, a list, a Status. */
export interface TypedObject {
  readonly apiVersion: string;
  readonly kind: string;
}

/** Writes one field of an object, or nothing. */
type FieldWriter = (writer: WireWriter, object: JsonObject) => void;

/** Writes a value, which may be null or undefined where it is always written; its key is written by the caller. */
type ValueWriter = (writer: WireWriter, value: unknown) => void;

/**
 * Encodes objects in normal form as protobuf messages, byte for byte as upstream does: fields in ascending order of their
 * numbers; what is no pointer even when it is empty, except lists and maps; map entries in the order of their keys.
 *
 * One writer serves all calls, as an encoding is never interrupted.
 */
export class ProtobufEncoder {
  readonly #structs = new Map<StructType, readonly FieldWriter[]>();
  readonly #writer = new WireWriter();

  /** The bare message. */
  encode(struct: StructType, object: JsonObject): Uint8Array {
    return this.#take((writer) => this.#fields(struct, writer, object));
  }

  /** The message in its envelope, as bodies and embedded objects have it. */
  encodeObject(struct: StructType, object: TypedObject): Uint8Array {
    return this.#take((writer) =>
      writeEnvelope(writer, object.apiVersion, object.kind, () =>
        this.#fields(struct, writer, object as unknown as JsonObject),
      ),
    );
  }

  #take(write: (writer: WireWriter) => void): Uint8Array {
    const writer = this.#writer;
    try {
      write(writer);
      return writer.take();
    } catch (error) {
      writer.reset();
      throw error;
    }
  }

  #fields(struct: StructType, writer: WireWriter, object: JsonObject): void {
    for (const write of this.#fieldsOf(struct)) write(writer, object);
  }

  /** From the highest number to the lowest, as the writer goes backwards. */
  #fieldsOf(struct: StructType): readonly FieldWriter[] {
    const known = this.#structs.get(struct);
    if (known) return known;
    const numbered: (readonly [number, FieldWriter])[] = [];
    for (const [name, schema] of Object.entries(struct.schema.fields)) {
      if (isInline(schema)) {
        const write = this.#message(struct.inlinedStruct(name));
        const key = bytesKey(schema.pb);
        numbered.push([
          schema.pb,
          (writer, object) => {
            write(writer, object);
            writer.varint(key);
          },
        ]);
      } else if (schema.pb !== undefined) {
        numbered.push([schema.pb, this.#field(name, schema, schema.pb, struct.memberType(name))]);
      }
    }
    const fields = numbered.sort(([a], [b]) => b - a).map(([, write]) => write);
    this.#structs.set(struct, fields);
    return fields;
  }

  #field(name: string, schema: FieldSchema, number: number, type: ResolvedType): FieldWriter {
    if (type.kind === "map") return this.#mapField(name, number, type.values);
    if (type.kind === "list" && schema.pbNullable !== true) return this.#listField(name, number, type.items);
    const write = this.#value(type);
    const key = number * 8 + wireTypeOf(type);
    if (schema.type.startsWith("*") || type.kind === "list" || (type.kind === "scalar" && type.scalar === "bytes")) {
      return (writer, object) => {
        const value = object[name];
        if (value === undefined || value === null) return;
        write(writer, value);
        writer.varint(key);
      };
    }
    return (writer, object) => {
      write(writer, object[name]);
      writer.varint(key);
    };
  }

  #listField(name: string, number: number, items: ResolvedType): FieldWriter {
    const write = this.#value(items);
    const key = number * 8 + wireTypeOf(items);
    return (writer, object) => writeList(writer, object[name], write, key);
  }

  #mapField(name: string, number: number, values: ResolvedType): FieldWriter {
    const write = this.#value(values);
    const key = bytesKey(number);
    const valueKey = 2 * 8 + wireTypeOf(values);
    const omitsNull = values.kind === "scalar" && values.scalar === "bytes";
    return (writer, object) => {
      const map = object[name] as JsonObject | undefined | null;
      if (map === undefined || map === null) return;
      const names = sortedKeys(map);
      for (let i = names.length - 1; i >= 0; i--) {
        const entry = names[i] ?? "";
        const value = map[entry];
        const end = writer.length;
        if (!omitsNull || value !== null) {
          write(writer, value);
          writer.varint(valueKey);
        }
        writer.string(entry);
        writer.varint(bytesKey(1));
        writer.closeMessage(end);
        writer.varint(key);
      }
    };
  }

  #value(type: ResolvedType): ValueWriter {
    switch (type.kind) {
      case "scalar": {
        const { write } = scalarCodecs[type.scalar];
        const absent = absentScalar(type.scalar);
        return (writer, value) => write(writer, value ?? absent);
      }
      case "enum":
        return (writer, value) => writer.string((value ?? "") as string);
      case "struct":
        return this.#message(type.struct);
      case "list": {
        const write = this.#value(type.items);
        const key = 8 + wireTypeOf(type.items);
        return (writer, value) => {
          const end = writer.length;
          writeList(writer, value, write, key);
          writer.closeMessage(end);
        };
      }
      case "map":
        throw new ProtobufError("a map cannot stand inside of a list or map");
    }
  }

  #message(struct: StructType): ValueWriter {
    // Resolved on first use: a type may contain itself.
    let fields: readonly FieldWriter[] | undefined;
    const custom = struct.schema.customJson;
    return (writer, value) => {
      fields ??= this.#fieldsOf(struct);
      const given = value ?? nothing;
      const object = custom === undefined || given === nothing ? given : toMembers(custom, given);
      const end = writer.length;
      for (const write of fields) write(writer, object as JsonObject);
      writer.closeMessage(end);
    };
  }
}

const nothing: JsonObject = Object.freeze({});

function writeList(writer: WireWriter, list: unknown, write: ValueWriter, key: number): void {
  if (!Array.isArray(list)) return;
  for (let i = list.length - 1; i >= 0; i--) {
    write(writer, list[i]);
    writer.varint(key);
  }
}

/** By their UTF-8 bytes, which is the order of code points; sort's own is that of UTF-16 units. */
function sortedKeys(map: JsonObject): string[] {
  const keys = Object.keys(map);
  if (keys.length < 2) return keys;
  keys.sort();
  return keys.some((key) => /[\ud800-\udfff]/.test(key)) ? keys.sort(byCodePoints) : keys;
}

function byCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    // Pairs of surrogates that differ do so at their first unit, where the whole code point is seen.
    const difference = (a.codePointAt(i) ?? 0) - (b.codePointAt(i) ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
