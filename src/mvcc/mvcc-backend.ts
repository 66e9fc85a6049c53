import { assert } from "../component-base/assert.ts";
import type { Clock } from "../component-base/clock.ts";
import type { Logger } from "../component-base/logger.ts";
import { CompactedError, FutureRevisionError, StoreClosedError, StoreFailedError, StoreFullError } from "./backend.ts";
import type {
  Backend,
  KeyRange,
  KeyValue,
  Lease,
  RangeOptions,
  RangeResult,
  Revision,
  StoreStats,
  Transaction,
  TransactionResult,
  Watch,
  WatchEvent,
  WatchOptions,
} from "./backend.ts";
import type { CommitLog, LogRecord } from "./commit-log.ts";
import { HistoryWindow } from "./history-policy.ts";
import type { HistoryPolicy } from "./history-policy.ts";
import { History, checkpointInterval } from "./history.ts";
import { Leases } from "./leases.ts";
import type { HeldLease } from "./leases.ts";
import type { OrderedMap } from "./ordered-map.ts";
import { StateMachine } from "./state-machine.ts";
import { Watchers } from "./watchers.ts";

/** Bytes of keys and values that make one write to the log. What is beyond waits for the next. */
const appendBytesMax = 8 * 1024 * 1024;

const noEvents: readonly WatchEvent[] = [];

/** The state to go on from: what recovery found, or nothing. */
export interface InitialState {
  readonly history: History;
  /** Bytes of the live keys and values. */
  readonly sizeBytes: number;
  readonly leases: readonly HeldLease[];
  readonly nextLeaseId: number;
}

export interface MvccOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly log: CommitLog;
  readonly historyPolicy: HistoryPolicy;
  readonly initial: InitialState;
  /** Told once when the log has failed. The component should end. */
  readonly onFailure: (error: StoreFailedError) => void;
}

/** Something decided that waits to become durable. */
interface Pending {
  /** Undefined for a decision that wrote nothing but rests on what is not durable yet. */
  readonly record: LogRecord | undefined;
  readonly events: readonly WatchEvent[];
  readonly sizeBytes: number;
  /** The newest revision after it. */
  readonly revision: Revision;
  /** The index after it, for the history to keep; only at some revisions. */
  readonly checkpoint: OrderedMap<KeyValue> | undefined;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * The store: one state machine, whatever it is logged to.
 *
 *     transact → decided against the newest state, revision taken → queue
 *     queue → append → what came meanwhile → append → sync → visible, watchers told, promises resolved → queue …
 *
 * One commit is in flight; what queues up meanwhile is the next one, so batches grow with load and no timer delays a
 * lone write. Readers and watchers see `History`, which only what is durable enters.
 */
export class MvccBackend implements Backend {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #log: CommitLog;
  readonly #policy: HistoryPolicy;
  readonly #onFailure: (error: StoreFailedError) => void;
  readonly #history: History;
  readonly #historyWindow: HistoryWindow;
  readonly #watchers: Watchers;
  readonly #leases: Leases;
  readonly #state: StateMachine;
  #liveBytes: number;
  #queue: Pending[] = [];
  /** The state after the last append; what follows it can still be taken back. */
  #appended: { readonly entries: OrderedMap<KeyValue>; readonly revision: Revision };
  #lastCheckpoint: Revision;
  #committing: Promise<void> | undefined;
  #isCompactingByPolicy = false;
  #failure: StoreFailedError | undefined;
  #isClosed = false;

  constructor(options: MvccOptions) {
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#log = options.log;
    this.#policy = options.historyPolicy;
    this.#onFailure = options.onFailure;
    this.#history = options.initial.history;
    this.#historyWindow = new HistoryWindow(options.historyPolicy);
    this.#watchers = new Watchers(this.#history);
    this.#leases = new Leases(this.#clock, (id) => this.#expire(id));
    this.#leases.reserveIds(options.initial.nextLeaseId);
    const { entries, revision } = this.#history;
    this.#appended = { entries, revision };
    this.#lastCheckpoint = revision;
    this.#state = new StateMachine(entries, revision);
    this.#liveBytes = options.initial.sizeBytes;
    for (const { lease, keys } of options.initial.leases) this.#leases.add(lease, keys);
  }

  revision(): Revision {
    return this.#history.revision;
  }

  compactRevision(): Revision {
    return this.#history.compactRevision;
  }

  async get(key: string, options?: { readonly revision?: Revision }): Promise<KeyValue | undefined> {
    this.#checkOpen();
    return this.#at(options?.revision).get(key);
  }

  async range(range: KeyRange, options: RangeOptions = {}): Promise<RangeResult> {
    this.#checkOpen();
    const entries = this.#at(options.revision);
    const found = entries.range(range.start, range.end, options.limit);
    const isWhole = options.limit === undefined || found.length < options.limit;
    return {
      entries: found,
      count: isWhole ? found.length : entries.count(range.start, range.end),
      revision: options.revision || this.#history.revision,
    };
  }

  async transact(transaction: Transaction): Promise<TransactionResult> {
    this.#checkWritable();
    this.#checkAdmission(transaction);
    const { result, events } = this.#state.transact(transaction, (id) => this.#leases.isUsable(id));
    if (events.length === 0 && this.#isSettled()) return result;
    return this.#enqueue(this.#transactionRecord(result.revision, events), events, result);
  }

  watch(range: KeyRange, options: WatchOptions): Watch {
    this.#checkOpen();
    return this.#watchers.add(range, options);
  }

  async grantLease(ttlSeconds: number): Promise<Lease> {
    this.#checkWritable();
    const refusal = this.#log.admission(true);
    if (refusal) throw refusal;
    if (!(ttlSeconds > 0)) throw new RangeError(`lease TTL must be positive, got ${ttlSeconds}`);
    const lease: Lease = { id: this.#leases.takeId(), ttlSeconds };
    return this.#enqueue({ type: "grant", lease }, noEvents, lease);
  }

  async keepLeaseAlive(id: number): Promise<Lease> {
    this.#checkWritable();
    return this.#leases.keepAlive(id);
  }

  async revokeLease(id: number): Promise<void> {
    this.#checkWritable();
    const refusal = this.#log.admission(false);
    if (refusal) throw refusal;
    const keys = this.#leases.beginEnd(id).filter((key) => this.#state.get(key)?.lease === id);
    const { result, events } = this.#state.transact(
      { compare: [], success: keys.map((key) => ({ type: "delete", key })) },
      () => true,
    );
    const deleted =
      events.length > 0 ? this.#enqueue(this.#transactionRecord(result.revision, events), events, result) : undefined;
    try {
      await Promise.all([deleted, this.#enqueue({ type: "revoke", id }, noEvents, undefined)]);
    } catch (error) {
      this.#leases.cancelEnd(id);
      throw error;
    }
  }

  async compact(revision: Revision): Promise<void> {
    this.#checkWritable();
    if (revision > this.#history.revision) throw new FutureRevisionError();
    if (revision < this.#history.compactRevision) throw new CompactedError(this.#history.compactRevision);
    if (revision === this.#history.compactRevision) return;
    await this.#enqueue({ type: "compact", revision }, noEvents, undefined);
  }

  stats(): StoreStats {
    return {
      keyCount: this.#history.entries.size,
      sizeBytes: this.#liveBytes,
      historyEvents: this.#history.eventCount,
      historyBytes: this.#history.sizeBytes,
    };
  }

  /**
   * An independent store that starts as this one is now, history and leases included, and is logged to `log`. Costs a
   * pointer per event of history and per key under a lease, and nothing for other keys.
   */
  forkTo(log: CommitLog, clock: Clock = this.#clock): MvccBackend {
    this.#checkOpen();
    return new MvccBackend({
      clock,
      logger: this.#logger,
      log,
      historyPolicy: this.#policy,
      onFailure: this.#onFailure,
      initial: {
        history: this.#history.clone(),
        sizeBytes: this.#liveBytes,
        leases: this.#leases.held(),
        nextLeaseId: this.#leases.nextId,
      },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#leases.stop();
    while (this.#committing) await this.#committing;
    this.#watchers.close(new StoreClosedError());
    await this.#log.close();
  }

  #at(revision: Revision | undefined): OrderedMap<KeyValue> {
    return revision ? this.#history.at(revision) : this.#history.entries;
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new StoreClosedError();
  }

  #checkWritable(): void {
    this.#checkOpen();
    if (this.#failure) throw this.#failure;
  }

  #checkAdmission(transaction: Transaction): void {
    const isGrowing = doesPut(transaction.success) || doesPut(transaction.failure);
    const refusal = this.#log.admission(isGrowing);
    if (refusal && (isGrowing || doesDelete(transaction.success) || doesDelete(transaction.failure))) throw refusal;
  }

  /** Everything decided so far is durable. */
  #isSettled(): boolean {
    return !this.#committing && this.#queue.length === 0;
  }

  #transactionRecord(revision: Revision, events: readonly WatchEvent[]): LogRecord | undefined {
    return events.length === 0 ? undefined : { type: "transaction", revision, mutations: events };
  }

  /** Resolves with `result` once the record is durable. */
  #enqueue<T>(record: LogRecord | undefined, events: readonly WatchEvent[], result: T): Promise<T> {
    const { revision } = this.#state;
    let sizeBytes = 0;
    for (const { current } of events) {
      sizeBytes += entryBytes(current);
      if (current.lease) this.#leases.attach(current.lease, current.key);
    }
    const isCheckpoint = revision - this.#lastCheckpoint >= checkpointInterval;
    if (isCheckpoint) this.#lastCheckpoint = revision;
    const checkpoint = isCheckpoint ? this.#state.seal() : undefined;
    const promise = new Promise<T>((resolve, reject) => {
      this.#queue.push({ record, events, sizeBytes, revision, checkpoint, resolve: () => resolve(result), reject });
    });
    this.#committing ??= this.#commit();
    return promise;
  }

  async #commit(): Promise<void> {
    // What is decided in the same turn shares the batch.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch: Pending[] = [];
      try {
        await this.#append(batch);
        // What came while the first part was being written can share its sync at the price of a write.
        if (this.#queue.length > 0) await this.#append(batch);
        if (batch.some((p) => p.record)) await this.#log.sync();
      } catch (error) {
        this.#fail(error, batch);
        break;
      }
      this.#publish(batch);
    }
    this.#committing = undefined;
  }

  /** Moves what the log has taken from the queue to `batch`. When the log is full, the queue is taken back instead. */
  async #append(batch: Pending[]): Promise<void> {
    const part = this.#takeQueue();
    const records = part.flatMap((p) => p.record ?? []);
    const last = part.at(-1);
    assert(last, "append of nothing");
    // Only with an empty queue is the present index the one after this part; else it is not worth one.
    const entries = this.#queue.length === 0 ? this.#state.seal() : undefined;
    try {
      if (records.length > 0) await this.#log.append(records);
    } catch (error) {
      if (!(error instanceof StoreFullError)) {
        batch.push(...part);
        throw error;
      }
      this.#takeBack(part, error);
      return;
    }
    batch.push(...part);
    this.#appended = { entries: entries ?? replay(this.#appended.entries, part), revision: last.revision };
  }

  #takeQueue(): Pending[] {
    let sizeBytes = 0;
    let count = 0;
    for (const pending of this.#queue) {
      sizeBytes += pending.sizeBytes;
      if (count > 0 && sizeBytes > appendBytesMax) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  /** Nothing of `part` was logged: it and what was decided on top of it has not happened. */
  #takeBack(part: readonly Pending[], error: StoreFullError): void {
    const queue = this.#queue;
    this.#queue = [];
    this.#state.reset(this.#appended.entries, this.#appended.revision);
    this.#lastCheckpoint = Math.min(this.#lastCheckpoint, this.#appended.revision);
    for (const pending of [...part, ...queue]) pending.reject(error);
  }

  /** All of the batch is durable: the one place where anything becomes visible. */
  #publish(batch: readonly Pending[]): void {
    const last = batch.at(-1);
    if (!last) return;
    const events: WatchEvent[] = [];
    for (const pending of batch) {
      for (const event of pending.events) {
        events.push(event);
        this.#liveBytes += (event.type === "put" ? entryBytes(event.current) : 0) - entryBytes(event.previous);
      }
      if (pending.checkpoint) this.#history.addCheckpoint(pending.revision, pending.checkpoint);
      if (pending.record?.type === "grant") this.#leases.add(pending.record.lease);
      else if (pending.record?.type === "revoke") this.#leases.remove(pending.record.id);
    }
    this.#history.advance(last.revision, events, this.#appended.entries);
    for (const { record } of batch) if (record?.type === "compact") this.#forget(record.revision);
    this.#watchers.deliver(events);
    for (const pending of batch) pending.resolve();
    this.#compactByPolicy();
  }

  #forget(revision: Revision): void {
    this.#history.compact(revision);
    const { revision: base, entries } = this.#history.base;
    this.#log.compacted({
      revision: base,
      entries,
      leases: this.#leases.held().map((h) => h.lease),
      nextLeaseId: this.#leases.nextId,
    });
  }

  #compactByPolicy(): void {
    if (this.#isCompactingByPolicy || this.#isClosed) return;
    const target = this.#historyWindow.target({
      nowMs: this.#clock.monotonic(),
      revision: this.#history.revision,
      compactRevision: this.#history.compactRevision,
      events: this.#history.eventCount,
      sizeBytes: this.#history.sizeBytes,
    });
    if (target === undefined) return;
    this.#isCompactingByPolicy = true;
    const done = (): void => {
      this.#isCompactingByPolicy = false;
    };
    // A refusal needs no more than the next batch's attempt.
    this.compact(target).then(done, (error: unknown) => {
      done();
      this.#logger.warn("Compaction by policy failed", { revision: target, error });
    });
  }

  #expire(id: number): void {
    // A refusal has set the retry already, unless it came before the lease began to end.
    this.revokeLease(id).catch((error: unknown) => {
      if (this.#failure || this.#isClosed) return;
      this.#leases.cancelEnd(id);
      this.#logger.warn("Revoking an expired lease failed", { lease: id, error });
    });
  }

  /** Fail-stop: whether the batch survives is unknown, and what came after cannot be kept. */
  #fail(cause: unknown, batch: readonly Pending[]): void {
    const failure = new StoreFailedError("the store's log failed; writes are no longer accepted", { cause });
    this.#failure = failure;
    const queue = this.#queue;
    this.#queue = [];
    this.#leases.stop();
    this.#logger.error("Store failed", { error: failure });
    for (const pending of [...batch, ...queue]) pending.reject(failure);
    this.#onFailure(failure);
  }
}

function doesPut(operations: Transaction["failure"]): boolean {
  return operations?.some((o) => o.type === "put") ?? false;
}

function doesDelete(operations: Transaction["failure"]): boolean {
  return operations?.some((o) => o.type === "delete") ?? false;
}

/** What an entry counts for in sizes. */
export function entryBytes(entry: KeyValue | undefined): number {
  return entry ? entry.key.length + entry.value.length : 0;
}

function replay(entries: OrderedMap<KeyValue>, part: readonly Pending[]): OrderedMap<KeyValue> {
  const editor = entries.edit();
  for (const { events } of part) {
    for (const event of events) {
      if (event.type === "put") editor.set(event.current);
      else editor.delete(event.current.key);
    }
  }
  return editor.seal();
}
