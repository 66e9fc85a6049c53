import type { KubeObject } from "../../apimachinery/resource-type.ts";
import { decodeObject } from "./object-codec.ts";

/** Bytes in this map, by the size of the JSON they were parsed from; the parsed form takes about twice as much. */
export const parsedBytesMaxDefault = 32 * 1024 * 1024;

/**
 * Parsed objects by their stored bytes. Holding every object parsed would make garbage collection pause for hundreds of
 * milliseconds; this keeps those used last, up to a limit. Objects are shared and read-only.
 */
export class ParsedCache {
  readonly #bytesMax: number;
  /** In order of last use, oldest first. */
  readonly #objects = new Map<Uint8Array, KubeObject>();
  #bytes = 0;

  constructor(bytesMax = parsedBytesMaxDefault) {
    this.#bytesMax = bytesMax;
  }

  /** The object these bytes encode. */
  get(bytes: Uint8Array): KubeObject {
    const known = this.#objects.get(bytes);
    if (known) {
      this.#objects.delete(bytes);
      this.#objects.set(bytes, known);
      return known;
    }
    const object = decodeObject(bytes);
    this.put(bytes, object);
    return object;
  }

  /** For writers, which have the object at hand. */
  put(bytes: Uint8Array, object: KubeObject): void {
    if (this.#objects.has(bytes)) return;
    this.#objects.set(bytes, object);
    this.#bytes += bytes.length;
    while (this.#bytes > this.#bytesMax) {
      const oldest = this.#objects.keys().next();
      if (oldest.done) break;
      this.forget(oldest.value);
    }
  }

  /** For replaced and deleted objects, which nobody will ask for. */
  forget(bytes: Uint8Array): void {
    if (this.#objects.delete(bytes)) this.#bytes -= bytes.length;
  }
}
