import { setOwn } from "../schema/decode.ts";
import type { ResolvedType, StructType } from "../schema/type-registry.ts";
import { isInline, type FieldSchema } from "../schema/type-schema.ts";
import { fromMembers } from "./custom-json.ts";
import { bytesKey } from "./envelope.ts";
import { absentScalar, scalarCodecs, wireTypeOf } from "./scalars.ts";
import { ProtobufError, WireReader, wireTypes } from "./wire-reader.ts";

/** How one field number is read into its struct. */
interface FieldReader {
  readonly wireType: number;
  read(reader: WireReader, into: Record<string, unknown>): void;
  /** For lists of numbers, which a client may write as one string of bytes. */
  readonly readPacked?: (reader: WireReader, into: Record<string, unknown>) => void;
}

type ValueReader = (reader: WireReader) => unknown;

/**
 * Decodes protobuf messages into the JSON they stand for, by the schema's field numbers. The result is what a JSON body
 * would have been: it still goes through the kind's JSON decoder, which brings it into normal form. Unknown field numbers
 * are skipped, as protobuf wants.
 *
 * Differs from upstream: a message given twice for a field that is no list replaces the first one instead of being merged
 * with it. No encoder writes that.
 */
export class ProtobufDecoder {
  readonly #structs = new Map<StructType, ReadonlyMap<number, FieldReader>>();

  /** Throws ProtobufError. */
  decode(struct: StructType, bytes: Uint8Array): Record<string, unknown> {
    const out: Record<string, unknown> = {};
    this.#fieldsInto(this.#fieldsOf(struct), struct, new WireReader(bytes), out);
    return out;
  }

  #fieldsInto(
    fields: ReadonlyMap<number, FieldReader>,
    struct: StructType,
    reader: WireReader,
    into: Record<string, unknown>,
  ): void {
    while (!reader.done) {
      const key = reader.key();
      const field = fields.get(key >>> 3);
      if (field === undefined) reader.skip(key & 7);
      else if (field.wireType === (key & 7)) field.read(reader, into);
      else if (field.readPacked && (key & 7) === wireTypes.bytes) field.readPacked(reader, into);
      else throw new ProtobufError(`proto: wrong wireType = ${key & 7} for field ${key >>> 3} of ${struct.name}`);
    }
  }

  #fieldsOf(struct: StructType): ReadonlyMap<number, FieldReader> {
    const known = this.#structs.get(struct);
    if (known) return known;
    const fields = new Map<number, FieldReader>();
    // Entered before its fields are resolved: a type may contain itself.
    this.#structs.set(struct, fields);
    for (const [name, schema] of Object.entries(struct.schema.fields)) {
      if (isInline(schema)) {
        const inlined = struct.inlinedStruct(name);
        const inner = this.#fieldsOf(inlined);
        fields.set(schema.pb, {
          wireType: wireTypes.bytes,
          read: (reader, into) => {
            const outer = reader.enter();
            this.#fieldsInto(inner, inlined, reader, into);
            reader.leave(outer);
          },
        });
      } else if (schema.pb !== undefined) {
        fields.set(schema.pb, this.#field(name, schema, struct.memberType(name)));
      }
    }
    return fields;
  }

  #field(name: string, schema: FieldSchema, type: ResolvedType): FieldReader {
    if (type.kind === "list" && schema.pbNullable !== true) return this.#listField(name, type.items);
    if (type.kind === "map") return this.#mapField(name, type.values);
    const read = this.#value(type);
    return { wireType: wireTypeOf(type), read: (reader, into) => void (into[name] = read(reader)) };
  }

  #listField(name: string, items: ResolvedType): FieldReader {
    const read = this.#value(items);
    const wireType = wireTypeOf(items);
    const add = (reader: WireReader, into: Record<string, unknown>): void => {
      const list = into[name] as unknown[] | undefined;
      if (list === undefined) into[name] = [read(reader)];
      else list.push(read(reader));
    };
    if (wireType === wireTypes.bytes) return { wireType, read: add };
    const readPacked = (reader: WireReader, into: Record<string, unknown>): void => {
      const outer = reader.enter();
      while (!reader.done) add(reader, into);
      reader.leave(outer);
    };
    return { wireType, read: add, readPacked };
  }

  #mapField(name: string, values: ResolvedType): FieldReader {
    const read = this.#value(values);
    const valueKey = 2 * 8 + wireTypeOf(values);
    return {
      wireType: wireTypes.bytes,
      read: (reader, into) => {
        const map = (into[name] ??= {}) as Record<string, unknown>;
        const outer = reader.enter();
        let key = "";
        let value: unknown;
        while (!reader.done) {
          const tag = reader.key();
          if (tag === bytesKey(1)) key = reader.string();
          else if (tag === valueKey) value = read(reader);
          else reader.skip(tag & 7);
        }
        reader.leave(outer);
        setOwn(map, key, value ?? absentValue(values));
      },
    };
  }

  #value(type: ResolvedType): ValueReader {
    switch (type.kind) {
      case "scalar":
        return scalarCodecs[type.scalar].read;
      case "enum":
        return scalarCodecs.string.read;
      case "struct":
        return this.#structReader(type.struct);
      case "list":
        return this.#wrappedList(type.items);
      case "map":
        throw new ProtobufError("a map cannot stand inside of a list or map");
    }
  }

  #structReader(struct: StructType): ValueReader {
    let fields: ReadonlyMap<number, FieldReader> | undefined;
    const read = (reader: WireReader): Record<string, unknown> => {
      fields ??= this.#fieldsOf(struct);
      const out: Record<string, unknown> = {};
      const outer = reader.enter();
      this.#fieldsInto(fields, struct, reader, out);
      reader.leave(outer);
      return out;
    };
    const custom = struct.schema.customJson;
    return custom === undefined ? read : (reader) => fromMembers(custom, read(reader));
  }

  /** A list in a message of its own: `{repeated items = 1}`. */
  #wrappedList(items: ResolvedType): ValueReader {
    const read = this.#value(items);
    const itemKey = 8 + wireTypeOf(items);
    return (reader) => {
      const out: unknown[] = [];
      const outer = reader.enter();
      while (!reader.done) {
        const key = reader.key();
        if (key === itemKey) out.push(read(reader));
        else reader.skip(key & 7);
      }
      reader.leave(outer);
      return out;
    };
  }
}

/** The value of a map entry that has none. */
function absentValue(type: ResolvedType): unknown {
  switch (type.kind) {
    case "scalar":
      return absentScalar(type.scalar);
    case "enum":
      return "";
    case "struct":
      return type.struct.schema.customJson === undefined ? {} : null;
    case "list":
      return [];
    case "map":
      return {};
  }
}
