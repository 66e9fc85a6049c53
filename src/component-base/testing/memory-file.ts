import { randomInt } from "../random.ts";
import type { Random } from "../random.ts";

const pageBytes = 4096;
/** What a disk writes atomically. */
const sectorBytes = 512;

/** A file's bytes, and what they were at the last sync wherever they have changed since. */
export class MemoryFile {
  #bytes = new Uint8Array(0);
  #size = 0;
  #durableSize = 0;
  /** Former content of the pages written since the last sync, by page number. */
  #former = new Map<number, Uint8Array>();

  get size(): number {
    return this.#size;
  }

  /** Returns the number of bytes read. */
  read(buffer: Uint8Array, offset: number): number {
    const bytes = this.#bytes.subarray(offset, Math.max(offset, Math.min(this.#size, offset + buffer.length)));
    buffer.set(bytes);
    return bytes.length;
  }

  write(data: Uint8Array, offset: number): void {
    if (data.length === 0) return;
    this.#reserve(offset + data.length);
    this.#touch(offset, offset + data.length);
    this.#bytes.set(data, offset);
    this.#size = Math.max(this.#size, offset + data.length);
  }

  /** Grows with zeros. */
  resize(size: number): void {
    this.#reserve(size);
    if (size < this.#size) {
      this.#touch(size, this.#size);
      this.#bytes.fill(0, size, this.#size);
    }
    this.#size = size;
  }

  sync(): void {
    this.#former.clear();
    this.#durableSize = this.#size;
  }

  copy(): MemoryFile {
    const copy = new MemoryFile();
    copy.#bytes = this.#bytes.slice(0, this.#size);
    copy.#size = this.#size;
    copy.#durableSize = this.#size;
    return copy;
  }

  /** What a power cut leaves: of each changed page the new content, the old, or sectors of both. */
  crash(random: Random): MemoryFile {
    const copy = this.copy();
    if (random.next() < 0.5) copy.#size = this.#durableSize;
    copy.#reserve(copy.#size);
    for (const [page, former] of this.#former) {
      const start = page * pageBytes;
      const fate = randomInt(random, 3);
      for (let at = 0; at < pageBytes; at += sectorBytes) {
        const isKept = fate === 2 ? random.next() < 0.5 : fate === 1;
        if (isKept || start + at >= copy.#bytes.length) continue;
        const end = Math.min(at + sectorBytes, copy.#bytes.length - start);
        copy.#bytes.set(former.subarray(at, end), start + at);
      }
    }
    copy.#bytes.fill(0, copy.#size);
    copy.#durableSize = copy.#size;
    return copy;
  }

  #reserve(size: number): void {
    if (size <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(size, this.#bytes.length * 2));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }

  /** Keeps the former content of the pages that [from, to) lies in. */
  #touch(from: number, to: number): void {
    for (let page = Math.floor(from / pageBytes); page * pageBytes < to; page++) {
      if (this.#former.has(page)) continue;
      const former = new Uint8Array(pageBytes);
      former.set(this.#bytes.subarray(page * pageBytes, (page + 1) * pageBytes));
      this.#former.set(page, former);
    }
  }
}
