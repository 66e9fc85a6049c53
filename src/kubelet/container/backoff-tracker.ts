import type { Clock } from "../../component-base/clock.ts";

interface Entry {
  delayMs: number;
  updatedMs: number;
}

/**
 * Back-off per key with upstream's rules: each `next` doubles the delay up to the maximum; a key left alone for twice the
 * maximum starts anew. Times are wall-clock, because they are compared with when containers finished.
 */
export class BackoffTracker {
  readonly #clock: Clock;
  readonly #initialMs: number;
  readonly #maxMs: number;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock, options: { readonly initialMs: number; readonly maxMs: number }) {
    this.#clock = clock;
    this.#initialMs = options.initialMs;
    this.#maxMs = options.maxMs;
  }

  /** When the key may be tried again, if that is still to come for something that failed at `failedMs`. */
  blockedUntil(key: string, failedMs: number): number | undefined {
    const entry = this.#entries.get(key);
    if (!entry || this.#isExpired(entry, failedMs)) return undefined;
    const until = failedMs + entry.delayMs;
    return this.#clock.now() < until ? until : undefined;
  }

  /** The same, counted from the last `next`. */
  blockedSinceUpdate(key: string): number | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    const until = entry.updatedMs + entry.delayMs;
    return this.#clock.now() < until ? until : undefined;
  }

  delayOf(key: string): number {
    return this.#entries.get(key)?.delayMs ?? 0;
  }

  /** Counts a failure at `failedMs`. */
  next(key: string, failedMs: number): void {
    const entry = this.#entries.get(key);
    const updatedMs = this.#clock.now();
    if (!entry || this.#isExpired(entry, failedMs)) this.#entries.set(key, { delayMs: this.#initialMs, updatedMs });
    else {
      entry.delayMs = Math.min(entry.delayMs * 2, this.#maxMs);
      entry.updatedMs = updatedMs;
    }
  }

  reset(key: string): void {
    this.#entries.delete(key);
  }

  /** Forgets every key that starts with `prefix`. O(keys). */
  forget(prefix: string): void {
    for (const key of this.#entries.keys()) if (key.startsWith(prefix)) this.#entries.delete(key);
  }

  #isExpired(entry: Entry, eventMs: number): boolean {
    return eventMs - entry.updatedMs > 2 * this.#maxMs;
  }
}
