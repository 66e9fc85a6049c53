/**
 * THE store contract: etcd's shape over bytes. One global revision; ranges at a revision; transactions with compare;
 * watches from a revision; leases; compaction. Every implementation passes `testing/backend-suite.ts`.
 *
 * Keys are strings compared by UTF-16 code unit (our keys are ASCII, so this is byte order). Values belong to the
 * backend once given and to everybody, read-only, once returned.
 */

/** A global, gapless count of transactions that wrote; the first write makes revision 2, as in etcd. */
export type Revision = number;

export interface KeyValue {
  readonly key: string;
  readonly value: Uint8Array;
  readonly createRevision: Revision;
  readonly modRevision: Revision;
  /** 1 for a created key, plus one for each later put. */
  readonly version: number;
  /** The lease's id, 0 for none. */
  readonly lease: number;
}

/** Keys in [start, end). */
export interface KeyRange {
  readonly start: string;
  readonly end: string;
}

export interface RangeOptions {
  /** Reads the past; 0 or absent reads the newest durable state. Throws CompactedError or FutureRevisionError. */
  readonly revision?: Revision;
  /** At most so many entries; absent means all. */
  readonly limit?: number;
}

export interface RangeResult {
  readonly entries: readonly KeyValue[];
  /** Entries in the whole range at that revision, those beyond the limit included. */
  readonly count: number;
  /** The revision the result reflects: as asked, or the newest. */
  readonly revision: Revision;
}

/** A condition on one key; an absent key has modRevision, createRevision and version 0. */
export interface Compare {
  readonly key: string;
  readonly target: "modRevision" | "createRevision" | "version";
  readonly operator: "=" | "<" | ">";
  readonly operand: number;
}

export type Operation =
  | {
      readonly type: "put";
      readonly key: string;
      /** Bytes, or a function of the revision this transaction gets, for values that carry their own revision. */
      readonly value: Uint8Array | ((revision: Revision) => Uint8Array);
      readonly lease?: number;
    }
  | { readonly type: "delete"; readonly key: string }
  | { readonly type: "get"; readonly key: string };

export interface Transaction {
  readonly compare: readonly Compare[];
  readonly success: readonly Operation[];
  readonly failure?: readonly Operation[];
}

export interface TransactionResult {
  readonly succeeded: boolean;
  /** The transaction's own revision when it wrote, else the newest one. */
  readonly revision: Revision;
  /** Per operation of the branch taken: the entry after a put, the removed one of a delete, the found one of a get. */
  readonly results: readonly (KeyValue | undefined)[];
}

export type WatchEvent =
  | { readonly type: "put"; readonly current: KeyValue; readonly previous: KeyValue | undefined }
  /** `current` has the deleted key, an empty value and the revision of the deletion. */
  | { readonly type: "delete"; readonly current: KeyValue; readonly previous: KeyValue | undefined };

export interface WatchOptions {
  /** First revision to deliver, which may lie ahead; absent or 0 means from now on. Below the compaction point: CompactedError to `onClose`. */
  readonly fromRevision?: Revision;
  /**
   * Called with all the range's events of one or more whole revisions, in order, each once, after they are durable and
   * before any transaction result of a later revision resolves. Runs synchronously, but never inside the call of `watch`: it must
   * be quick. When it throws, the watch ends with that error.
   */
  readonly onEvents: (events: readonly WatchEvent[]) => void;
  /** Called once when the watch ends other than by `cancel`. */
  readonly onClose: (error: Error) => void;
}

export interface Watch {
  cancel(): void;
}

/** A time to live that keys can share: when it runs out without `keepLeaseAlive`, they are deleted in one revision. */
export interface Lease {
  /** Positive and never used twice. */
  readonly id: number;
  readonly ttlSeconds: number;
}

export interface StoreStats {
  /** Live keys. */
  readonly keyCount: number;
  /** Bytes of the live keys and values. */
  readonly sizeBytes: number;
  /** Events in the history window, and the bytes of their keys and values, those still live included. */
  readonly historyEvents: number;
  readonly historyBytes: number;
}

/**
 * Reads see only what is durable; a read that starts after a transaction's promise resolved sees that transaction.
 * Disposing waits for what was accepted, then ends watches with StoreClosedError; later calls reject with it.
 */
export interface Backend extends AsyncDisposable {
  /** The newest durable, visible revision. */
  revision(): Revision;
  /** Revisions below this one cannot be read or watched. */
  compactRevision(): Revision;
  get(key: string, options?: { readonly revision?: Revision }): Promise<KeyValue | undefined>;
  range(range: KeyRange, options?: RangeOptions): Promise<RangeResult>;
  /**
   * Compares and writes atomically, against the newest state including what is still on its way to disk. Operations run
   * in order and see each other; a key may be put at most once. Resolves when durable, also when nothing was written but
   * the outcome rests on a write that is not durable yet. Rejects with StoreFullError, having changed nothing; with
   * LeaseNotFoundError or TypeError for what is malformed; or with StoreFailedError, after which nothing is accepted any
   * more and it is unknown whether the transaction survives.
   */
  transact(transaction: Transaction): Promise<TransactionResult>;
  watch(range: KeyRange, options: WatchOptions): Watch;
  grantLease(ttlSeconds: number): Promise<Lease>;
  /** Starts the lease's time anew. Throws LeaseNotFoundError. */
  keepLeaseAlive(id: number): Promise<Lease>;
  /** Deletes the lease's keys in one revision. Throws LeaseNotFoundError. */
  revokeLease(id: number): Promise<void>;
  /**
   * Forgets history before `revision`; the state at it stays readable and its events watchable. Throws
   * FutureRevisionError, or CompactedError when `revision` is below the compaction point; at it, nothing happens.
   */
  compact(revision: Revision): Promise<void>;
  /** For metrics and limits. O(1). */
  stats(): StoreStats;
}

/** The range of all keys that begin with `prefix`, which must not be empty. */
export function prefixRange(prefix: string): KeyRange {
  const last = prefix.charCodeAt(prefix.length - 1);
  return { start: prefix, end: prefix.slice(0, -1) + String.fromCharCode(last + 1) };
}

/** The revision asked for was compacted; etcd's ErrCompacted. */
export class CompactedError extends Error {
  override readonly name = "CompactedError";
  readonly compactRevision: Revision;

  constructor(compactRevision: Revision) {
    super("mvcc: required revision has been compacted");
    this.compactRevision = compactRevision;
  }
}

/** The revision asked for does not exist yet; etcd's ErrFutureRev. */
export class FutureRevisionError extends Error {
  override readonly name = "FutureRevisionError";

  constructor() {
    super("mvcc: required revision is a future revision");
  }
}

/** No room: writes are refused, reads and watches go on, and writes resume by themselves when there is room again. */
export class StoreFullError extends Error {
  override readonly name = "StoreFullError";
}

/** The log could not be written or synced. The store has stopped accepting writes for good; restart from what is durable. */
export class StoreFailedError extends Error {
  override readonly name = "StoreFailedError";
}

/** The store was disposed. */
export class StoreClosedError extends Error {
  override readonly name = "StoreClosedError";

  constructor() {
    super("the store is closed");
  }
}

/** What is on disk is damaged in a place where no crash can have torn it. Says file and offset. */
export class StoreCorruptError extends Error {
  override readonly name = "StoreCorruptError";
}

export class LeaseNotFoundError extends Error {
  override readonly name = "LeaseNotFoundError";

  constructor(id: number) {
    super(`requested lease ${id} not found`);
  }
}
