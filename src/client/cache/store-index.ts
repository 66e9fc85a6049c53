import { assert } from "../../component-base/assert.ts";
import { keyOf, metadataOf, objectKey } from "./object-key.ts";
import type { Lister } from "./shared-informer.ts";

const namespaceIndex = "namespace";

/** One index: for each value, the objects that have it, by key. */
interface Index<T> {
  readonly valuesOf: (object: T) => readonly string[];
  readonly buckets: Map<string, Map<string, T>>;
}

/** Objects of one type by key, and by any number of indexes. Always indexed by namespace. */
export class IndexedStore<T> implements Lister<T> {
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, Index<T>>();

  constructor() {
    this.addIndex(namespaceIndex, (object) => [metadataOf(object).namespace ?? ""]);
  }

  get size(): number {
    return this.#objects.size;
  }

  get(namespace: string | undefined, name: string): T | undefined {
    return this.#objects.get(keyOf(namespace, name));
  }

  getByKey(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(namespace?: string): readonly T[] {
    return namespace ? this.byIndex(namespaceIndex, namespace) : [...this.#objects.values()];
  }

  byIndex(name: string, value: string): readonly T[] {
    const index = this.#indexes.get(name);
    assert(index, `index ${name} does not exist`);
    const bucket = index.buckets.get(value);
    return bucket ? [...bucket.values()] : [];
  }

  keys(): Iterable<string> {
    return this.#objects.keys();
  }

  /** Objects already held are indexed too. */
  addIndex(name: string, valuesOf: (object: T) => readonly string[]): void {
    assert(!this.#indexes.has(name), `index ${name} exists`);
    const index: Index<T> = { valuesOf, buckets: new Map() };
    this.#indexes.set(name, index);
    for (const [key, object] of this.#objects) insert(index, key, object);
  }

  hasIndex(name: string): boolean {
    return this.#indexes.has(name);
  }

  /** Returns what was there before. */
  set(object: T): T | undefined {
    const key = objectKey(object);
    const previous = this.#objects.get(key);
    this.#objects.set(key, object);
    for (const index of this.#indexes.values()) replace(index, key, previous, object);
    return previous;
  }

  /** Returns what was there. */
  delete(key: string): T | undefined {
    const previous = this.#objects.get(key);
    if (previous === undefined) return undefined;
    this.#objects.delete(key);
    for (const index of this.#indexes.values()) remove(index, key, previous);
    return previous;
  }
}

/** Where nothing changes its place, nothing is moved: what is deleted from a Map leaves a hole in it for a while. */
function replace<T>(index: Index<T>, key: string, previous: T | undefined, object: T): void {
  if (previous !== undefined) {
    const kept = new Set(index.valuesOf(object));
    for (const value of index.valuesOf(previous)) if (!kept.has(value)) removeFrom(index, key, value);
  }
  insert(index, key, object);
}

function insert<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.valuesOf(object)) {
    const bucket = index.buckets.get(value);
    if (bucket) bucket.set(key, object);
    else index.buckets.set(value, new Map([[key, object]]));
  }
}

function remove<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.valuesOf(object)) removeFrom(index, key, value);
}

function removeFrom<T>({ buckets }: Index<T>, key: string, value: string): void {
  const bucket = buckets.get(value);
  bucket?.delete(key);
  if (bucket?.size === 0) buckets.delete(value);
}
