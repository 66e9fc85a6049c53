import type { KeyValue, Lease, Revision, WatchEvent } from "../backend.ts";
import type { LogRecord } from "../commit-log.ts";
import { History, checkpointInterval } from "../history.ts";
import type { HeldLease } from "../leases.ts";
import { entryBytes } from "../mvcc-backend.ts";
import type { InitialState } from "../mvcc-backend.ts";
import { OrderedMap } from "../ordered-map.ts";
import { StateMachine } from "../state-machine.ts";
import type { Snapshot } from "./snapshot.ts";

/** Rebuilds the store's state and history window from a snapshot and the records after it. */
export class Replay {
  readonly #history: History;
  readonly #state: StateMachine;
  readonly #leases = new Map<number, Lease>();
  #nextLeaseId: number;
  #compactRevision: Revision = 0;
  #lastCheckpoint: Revision;
  /** Events not in the history yet. */
  #events: WatchEvent[] = [];
  /** The revision of the last transaction seen, even when the snapshot holds it already. */
  #seen: Revision | undefined;

  constructor(snapshot: Snapshot | undefined) {
    const base = snapshot ?? { revision: 0, entries: new OrderedMap<KeyValue>() };
    this.#history = new History({ revision: base.revision, entries: base.entries });
    this.#state = new StateMachine(base.entries, this.#history.revision);
    this.#lastCheckpoint = this.#history.revision;
    this.#nextLeaseId = snapshot?.nextLeaseId ?? 1;
    for (const lease of snapshot?.leases ?? []) this.#leases.set(lease.id, lease);
  }

  get revision(): Revision {
    return this.#state.revision;
  }

  /** Throws RangeError when a revision is missing. */
  apply(record: LogRecord): void {
    switch (record.type) {
      case "transaction":
        this.#applyTransaction(record);
        return;
      case "grant":
        this.#leases.set(record.lease.id, record.lease);
        this.#nextLeaseId = Math.max(this.#nextLeaseId, record.lease.id + 1);
        return;
      case "revoke":
        this.#leases.delete(record.id);
        return;
      case "compact":
        this.#compactRevision = Math.max(this.#compactRevision, record.revision);
        return;
    }
  }

  finish(): InitialState {
    this.#advance();
    this.#history.compact(this.#compactRevision);
    const keys = new Map<number, string[]>();
    for (const id of this.#leases.keys()) keys.set(id, []);
    let sizeBytes = 0;
    for (const entry of this.#history.entries.entries()) {
      sizeBytes += entryBytes(entry);
      if (entry.lease) keys.get(entry.lease)?.push(entry.key);
    }
    const leases = [...this.#leases.values()].map((lease): HeldLease => ({ lease, keys: keys.get(lease.id) ?? [] }));
    return { history: this.#history, sizeBytes, leases, nextLeaseId: this.#nextLeaseId };
  }

  #applyTransaction({ revision, mutations }: LogRecord & { readonly type: "transaction" }): void {
    const expected = this.#seen === undefined ? Math.min(revision, this.#state.revision + 1) : this.#seen + 1;
    if (revision !== expected) throw new RangeError(`transaction of revision ${revision}, want ${expected}`);
    this.#seen = revision;
    if (revision <= this.#state.revision) return;
    for (const event of this.#state.apply(mutations)) this.#events.push(event);
    if (revision - this.#lastCheckpoint >= checkpointInterval) this.#advance();
  }

  #advance(): void {
    const { revision } = this.#state;
    if (revision === this.#history.revision) return;
    const entries = this.#state.seal();
    this.#history.advance(revision, this.#events, entries);
    this.#history.addCheckpoint(revision, entries);
    this.#lastCheckpoint = revision;
    this.#events = [];
  }
}
