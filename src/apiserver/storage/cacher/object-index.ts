import type { StoredObject } from "../stored-object.ts";

interface Bucket {
  readonly byName: Map<string, StoredObject>;
  /** Ascending. */
  readonly names: string[];
}

/**
 * The newest state of one resource in the order of its keys: by namespace, then name. Lookup is O(1), insertion and
 * removal a binary search and a move of pointers within one namespace.
 */
export class ObjectIndex {
  readonly #buckets = new Map<string, Bucket>();
  /** Namespaces in key order. `a-b/` comes before `a/`, so it is not the order of the bare names. */
  readonly #namespaces: string[] = [];
  #size = 0;
  #bytes = 0;

  get size(): number {
    return this.#size;
  }

  /** Of all objects as they are stored. */
  get bytes(): number {
    return this.#bytes;
  }

  get(namespace: string, name: string): StoredObject | undefined {
    return this.#buckets.get(namespace)?.byName.get(name);
  }

  /** Returns what was there before. */
  set(object: StoredObject): StoredObject | undefined {
    const { namespace, name } = object;
    let bucket = this.#buckets.get(namespace);
    if (!bucket) {
      bucket = { byName: new Map(), names: [] };
      this.#buckets.set(namespace, bucket);
      this.#namespaces.splice(position(this.#namespaces, namespace, compareNamespaces), 0, namespace);
    }
    const previous = bucket.byName.get(name);
    bucket.byName.set(name, object);
    this.#bytes += object.bytes.length - (previous?.bytes.length ?? 0);
    if (!previous) {
      bucket.names.splice(position(bucket.names, name, compareText), 0, name);
      this.#size++;
    }
    return previous;
  }

  /** Returns what was there. */
  delete(namespace: string, name: string): StoredObject | undefined {
    const bucket = this.#buckets.get(namespace);
    const previous = bucket?.byName.get(name);
    if (!bucket || !previous) return undefined;
    bucket.byName.delete(name);
    bucket.names.splice(position(bucket.names, name, compareText), 1);
    this.#size--;
    this.#bytes -= previous.bytes.length;
    if (bucket.names.length === 0) {
      this.#buckets.delete(namespace);
      this.#namespaces.splice(position(this.#namespaces, namespace, compareNamespaces), 1);
    }
    return previous;
  }

  /** In key order; of one namespace unless undefined. The array is the caller's. */
  list(namespace?: string): StoredObject[] {
    const out: StoredObject[] = [];
    if (namespace !== undefined) {
      this.#collect(namespace, out);
      return out;
    }
    for (const each of this.#namespaces) this.#collect(each, out);
    return out;
  }

  #collect(namespace: string, out: StoredObject[]): void {
    const bucket = this.#buckets.get(namespace);
    if (!bucket) return;
    for (const name of bucket.names) {
      const object = bucket.byName.get(name);
      if (object) out.push(object);
    }
  }
}

/** The first position whose text is not before `text`. */
function position(sorted: readonly string[], text: string, compare: (a: string, b: string) => number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(sorted[middle] ?? "", text) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** By UTF-16 code unit, as the store compares keys. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareNamespaces(a: string, b: string): number {
  return compareText(`${a}/`, `${b}/`);
}
