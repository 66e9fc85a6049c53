import type { StructType } from "../schema/type-registry.ts";
import { ProtobufDecoder } from "./decode.ts";
import { ProtobufEncoder, type TypedObject } from "./encode.ts";

/** Both directions for all kinds of one scheme. */
export class ProtobufCodec {
  readonly #decoder = new ProtobufDecoder();
  readonly #encoder = new ProtobufEncoder();

  /** The JSON a bare message stands for; it is not in normal form. Throws ProtobufError. */
  decode(type: StructType, message: Uint8Array): Record<string, unknown> {
    return this.#decoder.decode(type, message);
  }

  /** An object in normal form, in its envelope. */
  encode(type: StructType, object: TypedObject): Uint8Array {
    return this.#encoder.encodeObject(type, object);
  }
}

/** Whether a kind has a message at all. Views of an API, such as Table, are JSON only. */
export function hasMessage(type: StructType): boolean {
  const fields = Object.values(type.schema.fields);
  return fields.length === 0 || fields.some((field) => field.pb !== undefined);
}
