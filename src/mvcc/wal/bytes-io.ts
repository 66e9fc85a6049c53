import { utf8DecodeStrict } from "../../component-base/bytes.ts";

const encoder = new TextEncoder();

/** Above this a buffer is given back after use instead of being kept for the next batch. */
const keptBytesMax = 4 * 1024 * 1024;

/** Little-endian fields, written one after the other into a buffer that grows and is used again. */
export class BytesWriter {
  #bytes = new Uint8Array(64 * 1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** What was written: a view that holds until the next call of this writer. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** The buffer itself, for checksums. Holds until the next write. */
  get buffer(): Uint8Array {
    return this.#bytes;
  }

  reset(): void {
    this.#length = 0;
    if (this.#bytes.length <= keptBytesMax) return;
    this.#bytes = new Uint8Array(64 * 1024);
    this.#view = new DataView(this.#bytes.buffer);
  }

  uint8(value: number): void {
    this.#reserve(1);
    this.#view.setUint8(this.#length, value);
    this.#length += 1;
  }

  uint32(value: number): void {
    this.#reserve(4);
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
  }

  /** Integers up to 2^53 are exact. */
  number(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  setUint32(offset: number, value: number): void {
    this.#view.setUint32(offset, value, true);
  }

  /** Length and bytes. */
  bytes(value: Uint8Array): void {
    this.uint32(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** Length and UTF-8. */
  string(value: string): void {
    this.#reserve(4 + value.length * 3);
    const start = this.#length + 4;
    let i = 0;
    for (; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code >= 0x80) break;
      this.#bytes[start + i] = code;
    }
    const written = i === value.length ? i : encoder.encodeInto(value, this.#bytes.subarray(start)).written;
    this.uint32(written);
    this.#length += written;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

/** Reads what BytesWriter wrote. Throws RangeError or TypeError where the bytes end early or are not UTF-8. */
export class BytesReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#offset === this.#bytes.length;
  }

  uint8(): number {
    const value = this.#view.getUint8(this.#offset);
    this.#offset += 1;
    return value;
  }

  uint32(): number {
    const value = this.#view.getUint32(this.#offset, true);
    this.#offset += 4;
    return value;
  }

  number(): number {
    const value = this.#view.getFloat64(this.#offset, true);
    this.#offset += 8;
    return value;
  }

  /** A copy in memory of its own. */
  bytes(): Uint8Array {
    return new Uint8Array(this.#take());
  }

  string(): string {
    return utf8DecodeStrict(this.#take());
  }

  #take(): Uint8Array {
    const length = this.uint32();
    const end = this.#offset + length;
    if (end > this.#bytes.length) throw new RangeError("field reaches beyond the record");
    const taken = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return taken;
  }
}
