import { base64Encode, utf8Decode } from "../../component-base/bytes.ts";

/** The bytes are no protobuf message, or not one of the expected type. */
export class ProtobufError extends Error {
  override readonly name = "ProtobufError";
}

export const wireTypes = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** Reads protobuf's wire format. Every method throws ProtobufError past the end. */
export class WireReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** A field's key: number times 8 plus wire type. */
  key(): number {
    return this.#smallVarint();
  }

  /** A signed 64-bit integer; a bigint when a number does not hold it exactly. */
  int64(): number | bigint {
    let low = 0;
    for (let shift = 0; shift < 49; shift += 7) {
      const byte = this.#byte();
      low += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return low;
    }
    let value = BigInt(low);
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        const signed = BigInt.asIntN(64, value);
        const number = Number(signed);
        return Number.isSafeInteger(number) ? number : signed;
      }
    }
    throw new ProtobufError("varint is too long");
  }

  double(): number {
    const start = this.#take(8);
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + start, 8).getFloat64(0, true);
  }

  string(): string {
    return utf8Decode(this.bytes());
  }

  base64(): string {
    return base64Encode(this.bytes());
  }

  bytes(): Uint8Array {
    const length = this.#smallVarint();
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  message(): WireReader {
    const length = this.#smallVarint();
    const start = this.#take(length);
    return new WireReader(this.#bytes, start, start + length);
  }

  skip(wireType: number): void {
    switch (wireType) {
      case wireTypes.varint:
        this.int64();
        return;
      case wireTypes.fixed64:
        this.#take(8);
        return;
      case wireTypes.bytes:
        this.#take(this.#smallVarint());
        return;
      case wireTypes.fixed32:
        this.#take(4);
        return;
      default:
        throw new ProtobufError(`wire type ${wireType} is not supported`);
    }
  }

  #smallVarint(): number {
    const value = this.int64();
    if (typeof value !== "number" || value < 0 || value > 0x7fffffff) throw new ProtobufError("length is out of range");
    return value;
  }

  #byte(): number {
    if (this.#at >= this.#end) throw new ProtobufError("unexpected end of message");
    return this.#bytes[this.#at++] ?? 0;
  }

  #take(length: number): number {
    const start = this.#at;
    if (start + length > this.#end) throw new ProtobufError("unexpected end of message");
    this.#at = start + length;
    return start;
  }
}
