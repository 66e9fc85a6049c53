import { assert } from "../../component-base/assert.ts";
import { EventSignal } from "../../component-base/event-signal.ts";
import type { Logger } from "../../component-base/logger.ts";
import { freezeDeep } from "./freeze-deep.ts";
import { metadataOf, objectKey } from "./object-key.ts";
import type { ReflectorTarget } from "./reflector.ts";
import type { EventHandler, Lister, SharedInformer } from "./shared-informer.ts";
import { IndexedStore } from "./store-index.ts";

export interface CachedInformerOptions<T> {
  readonly logger: Logger;
  readonly transform?: (object: T) => T;
  /** Freezes what enters the cache, so that a test fails where somebody changes a shared object. */
  readonly freeze?: boolean;
}

/**
 * The cache behind an informer. Objects are kept without their managedFields, which are half of a typical object and which no
 * component reads: a write that leaves them out says nothing of them. Each change is in the lister before handlers hear of it, and handlers are called in the
 * order they were added, before the next change is applied. A handler that throws is logged and the others still run.
 */
export class CachedInformer<T> implements SharedInformer<T>, ReflectorTarget<T> {
  readonly #store = new IndexedStore<T>();
  readonly #handlers = new Set<EventHandler<T>>();
  readonly #options: CachedInformerOptions<T>;
  readonly #synced = new EventSignal();
  #hasSynced = false;

  constructor(options: CachedInformerOptions<T>) {
    this.#options = options;
  }

  get lister(): Lister<T> {
    return this.#store;
  }

  addEventHandler(handler: EventHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of this.#store.list()) this.#call(() => handler.onAdd?.(object));
    return () => void this.#handlers.delete(handler);
  }

  /** Asking for an index that exists keeps the first: controllers that share an informer share its indexes by name. */
  addIndex(name: string, fn: (object: T) => readonly string[]): void {
    if (!this.#store.hasIndex(name)) this.#store.addIndex(name, fn);
  }

  hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** Resolves when there is a first complete state, and rejects when the signal aborts. */
  async waitForSync(signal?: AbortSignal): Promise<void> {
    while (!this.#hasSynced) {
      await this.#synced.wait(signal);
      signal?.throwIfAborted();
    }
  }

  replace(objects: readonly T[]): void {
    const gone = new Set(this.#store.keys());
    for (const object of objects) {
      gone.delete(objectKey(object));
      this.set(object);
    }
    for (const key of gone) this.#remove(key, true);
    this.#hasSynced = true;
    this.#synced.set();
  }

  set(received: T): void {
    const object = this.#prepare(received);
    const previous = this.#store.getByKey(objectKey(object));
    if (previous === undefined) {
      this.#store.set(object);
      for (const handler of this.#handlers) this.#call(() => handler.onAdd?.(object));
      return;
    }
    // A relist brings back what is already known; only what changed is told.
    if (metadataOf(previous).resourceVersion === metadataOf(object).resourceVersion) return;
    this.#store.set(object);
    if (metadataOf(previous).uid !== metadataOf(object).uid) {
      // Deleted and created anew while nobody watched: told as what happened, so that owners are found through the old one.
      for (const handler of this.#handlers) this.#call(() => handler.onDelete?.(previous, true));
      for (const handler of this.#handlers) this.#call(() => handler.onAdd?.(object));
      return;
    }
    for (const handler of this.#handlers) this.#call(() => handler.onUpdate?.(previous, object));
  }

  delete(received: T): void {
    const object = this.#prepare(received);
    const key = objectKey(object);
    if (this.#store.delete(key) === undefined) return;
    for (const handler of this.#handlers) this.#call(() => handler.onDelete?.(object, false));
  }

  #remove(key: string, isStale: boolean): void {
    const last = this.#store.delete(key);
    assert(last !== undefined, `cached object ${key} vanished`);
    for (const handler of this.#handlers) this.#call(() => handler.onDelete?.(last, isStale));
  }

  #prepare(received: T): T {
    delete (received as { metadata?: { managedFields?: unknown } }).metadata?.managedFields;
    const object = this.#options.transform ? this.#options.transform(received) : received;
    return this.#options.freeze ? freezeDeep(object) : object;
  }

  #call(handle: () => void): void {
    try {
      handle();
    } catch (error) {
      this.#options.logger.error("informer handler failed", { error });
    }
  }
}
