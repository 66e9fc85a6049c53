import { base64Encode } from "../../component-base/bytes.ts";

/** The bytes are no protobuf message, or not one of the expected type. */
export class ProtobufError extends Error {
  override readonly name = "ProtobufError";
}

export const wireTypes = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/**
 * Messages within messages. Differs from upstream, which knows no limit: as with JSON, every recursive walk over what was
 * read may rely on the stack being large enough. A map counts twice, as its entries are messages.
 */
export const messageDepthMax = 500;

/** Strings up to here are put together from their characters; calling the decoder costs more than that. */
const shortStringMax = 14;

/** Reads protobuf's wire format. Every method throws ProtobufError past the end of the message it is in. */
export class WireReader {
  readonly #bytes: Uint8Array;
  #end: number;
  #at: number;
  #depth = 0;

  constructor(bytes: Uint8Array, start = 0) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = bytes.length;
  }

  /** Whether the message that was entered last has been read whole. */
  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** Enters the message that begins here. Give the result to `leave` once `done` is true. */
  enter(): number {
    const length = this.#length();
    const start = this.#take(length);
    if (++this.#depth > messageDepthMax) throw new ProtobufError("exceeded max depth");
    const outer = this.#end;
    this.#at = start;
    this.#end = start + length;
    return outer;
  }

  leave(outer: number): void {
    this.#depth--;
    this.#end = outer;
  }

  /** A field's key: number times 8 plus wire type. */
  key(): number {
    const key = this.#small();
    if (key < 8) throw new ProtobufError(`illegal tag ${key >>> 3} (wire type ${key & 7})`);
    return key;
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

  /** The low 32 bits of an integer, signed. */
  int32(): number {
    const value = this.int64();
    return typeof value === "number" && value <= 0x7fffffff && value >= -0x80000000
      ? value
      : Number(BigInt.asIntN(32, BigInt(value)));
  }

  bool(): boolean {
    return this.int64() !== 0;
  }

  double(): number {
    const start = this.#take(8);
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + start, 8).getFloat64(0, true);
  }

  /** Sequences that are no UTF-8 become U+FFFD. */
  string(): string {
    const length = this.#length();
    const start = this.#take(length);
    const bytes = this.#bytes;
    if (length > shortStringMax) return decoder.decode(bytes.subarray(start, start + length));
    let text = "";
    for (let i = start; i < start + length; i++) {
      const byte = bytes[i] ?? 0;
      if (byte > 0x7f) return decoder.decode(bytes.subarray(start, start + length));
      text += String.fromCharCode(byte);
    }
    return text;
  }

  base64(): string {
    return base64Encode(this.bytes());
  }

  /** A view of what is read, not a copy. */
  bytes(): Uint8Array {
    const length = this.#length();
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
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
        this.#take(this.#length());
        return;
      case wireTypes.fixed32:
        this.#take(4);
        return;
      default:
        throw new ProtobufError(`wire type ${wireType} is not supported`);
    }
  }

  #length(): number {
    return this.#small();
  }

  #small(): number {
    const byte = this.#at < this.#end ? (this.#bytes[this.#at] ?? 0) : 0x80;
    if (byte < 0x80) {
      this.#at++;
      return byte;
    }
    const value = this.int64();
    if (typeof value !== "number" || value < 0 || value > 0x7fffffff) throw new ProtobufError("length is out of range");
    return value;
  }

  #byte(): number {
    if (this.#at >= this.#end) throw new ProtobufError("unexpected EOF");
    return this.#bytes[this.#at++] ?? 0;
  }

  #take(length: number): number {
    const start = this.#at;
    if (start + length > this.#end) throw new ProtobufError("unexpected EOF");
    this.#at = start + length;
    return start;
  }
}

/** A byte order mark is text like any other. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
