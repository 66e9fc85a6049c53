import type {
  Backend,
  KeyRange,
  KeyValue,
  Lease,
  Operation,
  RangeOptions,
  RangeResult,
  Revision,
  StoreStats,
  Transaction,
  TransactionResult,
  Watch,
  WatchEvent,
  WatchOptions,
} from "../../../mvcc/backend.ts";
import { TransformError } from "./transformer.ts";
import type { ValueTransformer } from "./transformer.ts";

/**
 * A store whose values are kept in another form than they are given and read in. Every stored value is read back once, and
 * whoever reads it gets the same bytes. The transformer is asked for anew each time, so that it may be replaced.
 */
export class TransformingBackend implements Backend {
  readonly #inner: Backend;
  readonly #transformer: () => ValueTransformer;
  /** By what is stored. */
  readonly #values = new WeakMap<Uint8Array, Uint8Array>();
  /** By the value. */
  readonly #stored = new WeakMap<Uint8Array, Uint8Array>();

  constructor(inner: Backend, transformer: () => ValueTransformer) {
    this.#inner = inner;
    this.#transformer = transformer;
  }

  /** A value read from here would be kept in another form if it were written now. */
  isOutdated(value: Uint8Array): boolean {
    const transformer = this.#transformer();
    const stored = this.#stored.get(value) ?? value;
    return !transformer.isCurrent(stored);
  }

  revision(): Revision {
    return this.#inner.revision();
  }

  compactRevision(): Revision {
    return this.#inner.compactRevision();
  }

  async get(key: string, options?: { readonly revision?: Revision }): Promise<KeyValue | undefined> {
    return this.#read(await this.#inner.get(key, options));
  }

  async range(range: KeyRange, options?: RangeOptions): Promise<RangeResult> {
    const result = await this.#inner.range(range, options);
    return { ...result, entries: result.entries.map((entry) => this.#readEntry(entry)) };
  }

  async transact(transaction: Transaction): Promise<TransactionResult> {
    const { compare, success, failure } = transaction;
    const result = await this.#inner.transact({
      compare,
      success: success.map((operation) => this.#toStore(operation)),
      ...(failure ? { failure: failure.map((operation) => this.#toStore(operation)) } : {}),
    });
    return { ...result, results: result.results.map((entry) => this.#read(entry)) };
  }

  watch(range: KeyRange, options: WatchOptions): Watch {
    return this.#inner.watch(range, {
      ...options,
      onEvents: (events) => options.onEvents(events.map((event) => this.#readEvent(event))),
    });
  }

  grantLease(ttlSeconds: number): Promise<Lease> {
    return this.#inner.grantLease(ttlSeconds);
  }

  keepLeaseAlive(id: number): Promise<Lease> {
    return this.#inner.keepLeaseAlive(id);
  }

  revokeLease(id: number): Promise<void> {
    return this.#inner.revokeLease(id);
  }

  compact(revision: Revision): Promise<void> {
    return this.#inner.compact(revision);
  }

  stats(): StoreStats {
    return this.#inner.stats();
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#inner[Symbol.asyncDispose]();
  }

  #toStore(operation: Operation): Operation {
    if (operation.type !== "put") return operation;
    const { key, value } = operation;
    // What is remembered must not keep alive a larger buffer it is a part of.
    if (typeof value !== "function") return { ...operation, value: this.#write(key, value.slice()) };
    return { ...operation, value: (revision) => this.#write(key, value(revision)) };
  }

  #write(key: string, value: Uint8Array): Uint8Array {
    const stored = this.#transformer().toStorage(value, key);
    this.#remember(stored, value);
    return stored;
  }

  #remember(stored: Uint8Array, value: Uint8Array): void {
    if (stored === value) return;
    this.#values.set(stored, value);
    this.#stored.set(value, stored);
  }

  #read(entry: KeyValue | undefined): KeyValue | undefined {
    return entry && this.#readEntry(entry);
  }

  #readEntry(entry: KeyValue): KeyValue {
    const { key, value: stored } = entry;
    let value = this.#values.get(stored);
    if (!value) {
      // A deletion has no value.
      if (stored.length === 0) return entry;
      value = this.#fromStorage(stored, key);
      if (value === stored) return entry;
      this.#remember(stored, value);
    }
    return { ...entry, value };
  }

  #fromStorage(stored: Uint8Array, key: string): Uint8Array {
    try {
      return this.#transformer().fromStorage(stored, key);
    } catch (error) {
      if (!(error instanceof TransformError)) throw error;
      throw new TransformError(`unable to transform key "${key}": ${error.message}`, { cause: error });
    }
  }

  #readEvent(event: WatchEvent): WatchEvent {
    const current = this.#readEntry(event.current);
    const previous = this.#read(event.previous);
    return { ...event, current, previous };
  }
}

/** The transformers of a server's resources; each may be another one from one moment to the next. */
export interface ResourceTransformers {
  transformerOf(group: string, resource: string): ValueTransformer;
}
