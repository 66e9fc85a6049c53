import { LeaseNotFoundError } from "./backend.ts";
import type { Compare, KeyValue, Operation, Revision, Transaction, TransactionResult, WatchEvent } from "./backend.ts";
import type { Mutation } from "./commit-log.ts";
import { OrderedMap } from "./ordered-map.ts";
import type { OrderedMapEditor } from "./ordered-map.ts";

const noBytes = new Uint8Array(0);
const noEvents: readonly WatchEvent[] = [];

/** What a transaction did to the newest state. Without events it wrote nothing and took no revision. */
export interface Outcome {
  readonly result: TransactionResult;
  readonly events: readonly WatchEvent[];
}

/**
 * The newest state, writes on their way to disk included: where transactions are decided. Deterministic: replaying the
 * logged mutations through `apply` gives the state that `transact` made.
 */
export class StateMachine {
  #entries: OrderedMapEditor<KeyValue>;
  #revision: Revision;

  constructor(entries: OrderedMap<KeyValue>, revision: Revision) {
    this.#entries = entries.edit();
    this.#revision = revision;
  }

  get revision(): Revision {
    return this.#revision;
  }

  get(key: string): KeyValue | undefined {
    return this.#entries.get(key);
  }

  /** The present version of the index. */
  seal(): OrderedMap<KeyValue> {
    return this.#entries.seal();
  }

  /** Takes back everything after a sealed version. */
  reset(entries: OrderedMap<KeyValue>, revision: Revision): void {
    this.#entries = entries.edit();
    this.#revision = revision;
  }

  /** Decides and applies. Throws, having changed nothing, on a malformed transaction or an unknown lease. */
  transact(transaction: Transaction, leaseExists: (id: number) => boolean): Outcome {
    const succeeded = transaction.compare.every((c) => this.#holds(c));
    const operations = succeeded ? transaction.success : (transaction.failure ?? []);
    const doesWrite = operations.some((o) => o.type === "put" || (o.type === "delete" && this.get(o.key)));
    if (!doesWrite) {
      const results = operations.map((o) => (o.type === "get" ? this.get(o.key) : undefined));
      return { result: { succeeded, revision: this.#revision, results }, events: noEvents };
    }
    const revision = this.#revision + 1;
    checkPuts(operations, leaseExists);
    // Values may be functions that throw: all are computed before anything changes.
    const values = operations.map((o) => (o.type === "put" ? ownedValue(o.value, revision) : noBytes));
    this.#revision = revision;
    const events: WatchEvent[] = [];
    const results = operations.map((o, i) => this.#perform(o, values[i] ?? noBytes, events));
    return { result: { succeeded, revision, results }, events };
  }

  /** Applies a logged transaction, whose revision must be the next one. */
  apply(mutations: readonly Mutation[]): readonly WatchEvent[] {
    this.#revision++;
    const events: WatchEvent[] = [];
    for (const { type, current } of mutations) {
      if (type === "put") this.#put(current.key, current.value, current.lease, events);
      else this.#delete(current.key, events);
    }
    return events;
  }

  #perform(operation: Operation, value: Uint8Array, events: WatchEvent[]): KeyValue | undefined {
    switch (operation.type) {
      case "put":
        return this.#put(operation.key, value, operation.lease ?? 0, events);
      case "delete":
        return this.#delete(operation.key, events);
      case "get":
        return this.get(operation.key);
    }
  }

  #put(key: string, value: Uint8Array, lease: number, events: WatchEvent[]): KeyValue {
    const previous = this.#entries.get(key);
    const current: KeyValue = {
      key,
      value,
      createRevision: previous ? previous.createRevision : this.#revision,
      modRevision: this.#revision,
      version: previous ? previous.version + 1 : 1,
      lease,
    };
    this.#entries.set(current);
    events.push({ type: "put", current, previous });
    return current;
  }

  #delete(key: string, events: WatchEvent[]): KeyValue | undefined {
    const previous = this.#entries.get(key);
    if (!previous) return undefined;
    this.#entries.delete(key);
    const current = { key, value: noBytes, createRevision: 0, modRevision: this.#revision, version: 0, lease: 0 };
    events.push({ type: "delete", current, previous });
    return previous;
  }

  #holds(compare: Compare): boolean {
    const actual = this.get(compare.key)?.[compare.target] ?? 0;
    switch (compare.operator) {
      case "=":
        return actual === compare.operand;
      case "<":
        return actual < compare.operand;
      case ">":
        return actual > compare.operand;
    }
  }
}

/** As etcd: keys are not empty, a transaction puts a key at most once, a lease exists. */
function checkPuts(operations: readonly Operation[], leaseExists: (id: number) => boolean): void {
  const seen = operations.length > 1 ? new Set<string>() : undefined;
  for (const operation of operations) {
    if (operation.type !== "put") continue;
    const { key, lease } = operation;
    if (key === "") throw new TypeError("etcdserver: key is not provided");
    if (!key.isWellFormed()) throw new TypeError("key is not well-formed Unicode");
    if (seen?.has(key)) throw new TypeError("etcdserver: duplicate key given in txn request");
    seen?.add(key);
    if (lease && !leaseExists(lease)) throw new LeaseNotFoundError(lease);
  }
}

/**
 * The bytes in memory of their own: a view would keep the whole buffer it looks into, and a pooled one would do so for
 * as long as history lasts. Arrays up to 64 bytes are copied unseen, since asking for their buffer costs more.
 */
function ownedValue(value: Uint8Array | ((revision: Revision) => Uint8Array), revision: Revision): Uint8Array {
  const bytes = typeof value === "function" ? value(revision) : value;
  if (bytes.length > 64 && bytes.length === bytes.buffer.byteLength) return bytes;
  const copy = new Uint8Array(bytes.length);
  copy.set(bytes);
  return copy;
}
