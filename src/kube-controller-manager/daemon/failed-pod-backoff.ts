import type { Clock } from "../../component-base/clock.ts";

// Upstream's: 1 s, 2 s, 4 s … up to 15 minutes, forgotten after twice that.
const initialMs = 1000;
const maxMs = 15 * 60_000;

/** Keeps a DaemonSet from fighting a kubelet that refuses its pod: each further failure on a node waits longer. */
export class FailedPodBackoff {
  readonly #clock: Clock;
  readonly #entries = new Map<string, { readonly sinceMs: number; readonly delayMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** 0 when the pod may be replaced now, which starts the next and longer wait; else how long to wait. */
  tryNext(key: string): number {
    const now = this.#clock.monotonic();
    for (const [other, entry] of this.#entries) if (now - entry.sinceMs > 2 * maxMs) this.#entries.delete(other);
    const entry = this.#entries.get(key);
    const leftMs = entry ? entry.sinceMs + entry.delayMs - now : 0;
    if (leftMs > 0) return leftMs;
    this.#entries.set(key, { sinceMs: now, delayMs: entry ? Math.min(2 * entry.delayMs, maxMs) : initialMs });
    return 0;
  }
}
