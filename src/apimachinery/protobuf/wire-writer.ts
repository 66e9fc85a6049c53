import { utf8Encode } from "../../component-base/bytes.ts";

const firstSize = 4096;
/** A buffer beyond this is given back after use instead of being kept for the next message. */
const keptSizeMax = 1 << 20;

/**
 * Writes protobuf's wire format from the end to the beginning: the last field first, a value before its key. So the length
 * of a message is known when its turn comes to be written, and nothing is measured beforehand or moved afterwards.
 */
export class WireWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #at: number;

  constructor(size = firstSize) {
    this.#bytes = new Uint8Array(size);
    this.#at = size;
  }

  /** How many bytes have been written. */
  get length(): number {
    return this.#bytes.length - this.#at;
  }

  /** What was written, as a copy; the writer begins anew. */
  take(): Uint8Array {
    const out = this.#bytes.slice(this.#at);
    this.reset();
    return out;
  }

  /** Forgets what was written. */
  reset(): void {
    if (this.#bytes.length > keptSizeMax) this.#bytes = new Uint8Array(firstSize);
    this.#at = this.#bytes.length;
  }

  /** The length of the message whose content was written since `length` was `end`. */
  closeMessage(end: number): void {
    this.varint(this.length - end);
  }

  varint(value: number | bigint): void {
    if (typeof value === "number" && value >= 0) {
      if (value < 0x80) {
        this.#reserve(1);
        this.#bytes[this.#at] = value;
      } else this.#longVarint(value);
    } else this.#bigVarint(BigInt.asUintN(64, BigInt(value)));
  }

  #longVarint(value: number): void {
    let size = 1;
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) size++;
    this.#reserve(size);
    let rest = value;
    for (let i = 0; i < size; i++) {
      this.#bytes[this.#at + i] = (rest % 128) + (i + 1 < size ? 0x80 : 0);
      rest = Math.floor(rest / 128);
    }
  }

  #bigVarint(value: bigint): void {
    const groups: number[] = [];
    let rest = value;
    do {
      groups.push(Number(rest & 0x7fn));
      rest >>= 7n;
    } while (rest > 0n);
    this.bytes(groups.map((group, i) => (i + 1 < groups.length ? group + 0x80 : group)));
  }

  double(value: number): void {
    this.#reserve(8);
    new DataView(this.#bytes.buffer).setFloat64(this.#at, value, true);
  }

  bool(value: boolean): void {
    this.varint(value ? 1 : 0);
  }

  /** With its length. */
  string(text: string): void {
    const { length } = text;
    this.#reserve(length);
    const bytes = this.#bytes;
    const at = this.#at;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        this.#at += length;
        this.lengthAndBytes(utf8Encode(text));
        return;
      }
      bytes[at + i] = code;
    }
    this.varint(length);
  }

  lengthAndBytes(bytes: ArrayLike<number>): void {
    this.bytes(bytes);
    this.varint(bytes.length);
  }

  bytes(bytes: ArrayLike<number>): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#at);
  }

  /** Four bytes, the highest first. */
  uint32(value: number): void {
    this.#reserve(4);
    new DataView(this.#bytes.buffer).setUint32(this.#at, value);
  }

  /** Moves the beginning forward by `size` bytes. */
  #reserve(size: number): void {
    if (size > this.#at) {
      const written = this.length;
      const larger = new Uint8Array(Math.max(this.#bytes.length * 2, written + size));
      larger.set(this.#bytes.subarray(this.#at), larger.length - written);
      this.#bytes = larger;
      this.#at = larger.length - written;
    }
    this.#at -= size;
  }
}
