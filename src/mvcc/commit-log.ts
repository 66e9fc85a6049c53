import type { KeyValue, Lease, Revision, StoreFullError } from "./backend.ts";
import type { OrderedMap } from "./ordered-map.ts";

/** One change of one key, as logged; a WatchEvent is one. The rest of a KeyValue follows from replaying in order. */
export interface Mutation {
  readonly type: "put" | "delete";
  readonly current: Pick<KeyValue, "key" | "value" | "lease">;
}

/** What the state machine is driven by. Applying the same records in order always gives the same state. */
export type LogRecord =
  | {
      readonly type: "transaction";
      readonly revision: Revision;
      readonly mutations: readonly Mutation[];
    }
  | { readonly type: "grant"; readonly lease: Lease }
  /** Follows the transaction that deleted the lease's keys. */
  | { readonly type: "revoke"; readonly id: number }
  | { readonly type: "compact"; readonly revision: Revision };

/** The state at the start of the history window: what a log needs to forget everything before it. */
export interface BaseState {
  readonly revision: Revision;
  readonly entries: OrderedMap<KeyValue>;
  readonly leases: readonly Lease[];
  readonly nextLeaseId: number;
}

/**
 * Where records become durable. The engine calls `append` and `sync` one at a time and in order; after a failure other
 * than StoreFullError it never calls again.
 */
export interface CommitLog {
  /**
   * Why new writes must be refused at present, if they must. `isGrowing` is false for transactions that only delete,
   * which get through somewhat longer.
   */
  admission(isGrowing: boolean): StoreFullError | undefined;
  /** Writes the records, all or (rejecting with StoreFullError) none of them. Not durable before the next `sync`. */
  append(records: readonly LogRecord[]): Promise<void>;
  /** Resolves when everything appended is durable. */
  sync(): Promise<void>;
  /** History before `base` is gone for good; the log may drop what it holds about it, in its own time. */
  compacted(base: BaseState): void;
  /** Nothing is under way any more. Called once, whether or not the log has failed. */
  close(): Promise<void>;
}

/** No log: everything is durable at once and gone with the process. */
export const volatileLog: CommitLog = {
  admission: () => undefined,
  append: async () => {},
  sync: async () => {},
  compacted: () => {},
  close: async () => {},
};
