import type { KubeObject } from "../../apimachinery/resource-type.ts";
import { decodeObject } from "./object-codec.ts";

/** Bytes in this map, by the size of the JSON they were parsed from; the parsed form takes about twice as much. */
export const parsedBytesMaxDefault = 32 * 1024 * 1024;

interface Entry {
  readonly bytes: Uint8Array;
  readonly object: KubeObject;
  isUsed: boolean;
}

/**
 * Parsed objects by their stored bytes. Holding every object parsed would make garbage collection pause for hundreds of
 * milliseconds; this keeps those used of late, up to a limit. Objects are shared and read-only.
 *
 * Displaces by second chance: the hand goes round, and who was used since it came by last may stay. A Map in order of
 * last use would be simpler, but what is moved to its end leaves a hole in its hash chain; an object everybody asks for,
 * as the namespace `default` is, left tens of thousands, and each further move walked them all (17 µs a create).
 */
export class ParsedCache {
  readonly #bytesMax: number;
  readonly #entries = new Map<Uint8Array, Entry>();
  /**
   * Stands before the entries it has not looked at yet; those it let stay are behind it again, at the end. There is none
   * while there is room: an iterator that does not move keeps every table the map has outgrown, with all that was in it.
   */
  #hand: MapIterator<Entry> | undefined;
  #bytes = 0;

  constructor(bytesMax = parsedBytesMaxDefault) {
    this.#bytesMax = bytesMax;
  }

  /** The object these bytes encode. */
  get(bytes: Uint8Array): KubeObject {
    const known = this.#entries.get(bytes);
    if (known) {
      known.isUsed = true;
      return known.object;
    }
    const object = decodeObject(bytes);
    this.put(bytes, object);
    return object;
  }

  /** For writers, which have the object at hand. */
  put(bytes: Uint8Array, object: KubeObject): void {
    if (this.#entries.has(bytes)) return;
    this.#entries.set(bytes, { bytes, object, isUsed: false });
    this.#bytes += bytes.length;
    while (this.#bytes > this.#bytesMax && this.#entries.size > 0) this.#displace();
  }

  /** For replaced and deleted objects, which nobody will ask for. */
  forget(bytes: Uint8Array): void {
    if (this.#entries.delete(bytes)) this.#bytes -= bytes.length;
  }

  #displace(): void {
    this.#hand ??= this.#entries.values();
    const next = this.#hand.next();
    if (next.done) {
      this.#hand = undefined;
      return;
    }
    const entry = next.value;
    this.#entries.delete(entry.bytes);
    if (entry.isUsed) {
      entry.isUsed = false;
      this.#entries.set(entry.bytes, entry);
    } else {
      this.#bytes -= entry.bytes.length;
    }
  }
}
