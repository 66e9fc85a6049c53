import type { Clock, Timer } from "../component-base/clock.ts";
import { LeaseNotFoundError } from "./backend.ts";
import type { Lease } from "./backend.ts";

/** A lease and every key ever put under it; some may have left it since. */
export interface HeldLease {
  readonly lease: Lease;
  readonly keys: Iterable<string>;
}

interface LeaseState extends HeldLease {
  /** On the monotonic clock. */
  deadline: number;
  readonly keys: Set<string>;
  /** Its revocation is under way: nothing may join it any more. */
  isEnding: boolean;
}

/** How long to wait before trying again to revoke a lease when the store would not take it. */
const retryMs = 1000;

/**
 * Who holds which keys until when. Time runs on the monotonic clock and starts anew with the process, as in etcd: a
 * lease may live longer than granted, never shorter.
 */
export class Leases {
  readonly #clock: Clock;
  readonly #onExpired: (id: number) => void;
  readonly #leases = new Map<number, LeaseState>();
  #nextId = 1;
  #timer: { readonly timer: Timer; readonly deadline: number } | undefined;

  /** `onExpired` is called again from time to time until the lease is removed. */
  constructor(clock: Clock, onExpired: (id: number) => void) {
    this.#clock = clock;
    this.#onExpired = onExpired;
  }

  get nextId(): number {
    return this.#nextId;
  }

  /** Ids below are taken. */
  reserveIds(nextId: number): void {
    this.#nextId = Math.max(this.#nextId, nextId);
  }

  takeId(): number {
    return this.#nextId++;
  }

  held(): readonly HeldLease[] {
    return [...this.#leases.values()];
  }

  add(lease: Lease, keys?: Iterable<string>): void {
    this.reserveIds(lease.id + 1);
    const deadline = this.#clock.monotonic() + lease.ttlSeconds * 1000;
    this.#leases.set(lease.id, { lease, deadline, keys: new Set(keys), isEnding: false });
    this.#arm(deadline);
  }

  remove(id: number): void {
    this.#leases.delete(id);
  }

  /** Whether keys may be put under the lease. */
  isUsable(id: number): boolean {
    return this.#leases.get(id)?.isEnding === false;
  }

  /** The lease now holds the key. */
  attach(id: number, key: string): void {
    this.#leases.get(id)?.keys.add(key);
  }

  keepAlive(id: number): Lease {
    const state = this.#usable(id);
    state.deadline = this.#clock.monotonic() + state.lease.ttlSeconds * 1000;
    return state.lease;
  }

  /** Closes the lease to newcomers and returns the keys that may be under it. */
  beginEnd(id: number): readonly string[] {
    const state = this.#usable(id);
    state.isEnding = true;
    return [...state.keys];
  }

  /** The revocation did not happen. */
  cancelEnd(id: number): void {
    const state = this.#leases.get(id);
    if (!state) return;
    state.isEnding = false;
    this.#arm(this.#clock.monotonic() + retryMs);
  }

  stop(): void {
    this.#timer?.timer.cancel();
    this.#timer = undefined;
  }

  #usable(id: number): LeaseState {
    const state = this.#leases.get(id);
    if (!state || state.isEnding) throw new LeaseNotFoundError(id);
    return state;
  }

  /** One timer, at the earliest deadline. Renewals do not move it: when it fires early, it is set again. */
  #arm(deadline: number): void {
    if (this.#timer && this.#timer.deadline <= deadline) return;
    this.stop();
    // Long time-outs are cut to a day; waking up without need costs nothing.
    const delayMs = Math.min(deadline - this.#clock.monotonic(), 86_400_000);
    this.#timer = { timer: this.#clock.setTimer(delayMs, () => this.#expire()), deadline };
  }

  #expire(): void {
    this.#timer = undefined;
    const now = this.#clock.monotonic();
    let next = Infinity;
    for (const [id, state] of this.#leases) {
      if (state.isEnding) continue;
      if (state.deadline <= now) this.#onExpired(id);
      else next = Math.min(next, state.deadline);
    }
    if (next < Infinity) this.#arm(next);
  }
}
