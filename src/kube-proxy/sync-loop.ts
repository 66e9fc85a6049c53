import { backoffDelay } from "../component-base/backoff.ts";
import { isAborted, sleep, type Clock } from "../component-base/clock.ts";
import type { EventSignal } from "../component-base/event-signal.ts";
import type { Logger } from "../component-base/logger.ts";

// Changes arriving together become one transaction; half of that is what a single change waits on average.
const coalesceMs = 20;
const retryBackoff = { initialMs: 100, maxMs: 30_000 };

export interface SyncLoopOptions {
  /** For the log: `the service rules`. */
  readonly what: string;
  readonly changed: EventSignal;
  readonly sync: () => Promise<void>;
  /** Before the next attempt, which has to start from nothing. */
  readonly onFailure: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Syncs after every change until the signal aborts; after a failure again, with growing pauses. */
export async function runSyncLoop(options: SyncLoopOptions): Promise<void> {
  const { what, changed, sync, onFailure, clock, logger, signal } = options;
  let failures = 0;
  while (!signal.aborted) {
    await changed.wait(signal);
    if (signal.aborted) return;
    try {
      await sync();
      failures = 0;
      await sleep(clock, coalesceMs, signal);
    } catch (error) {
      if (signal.aborted && isAborted(error)) return;
      failures++;
      logger.error(`cannot apply ${what}; trying again with a full reload`, { error, failures });
      onFailure();
      changed.set();
      await sleep(clock, backoffDelay(retryBackoff, failures), signal).catch(() => {});
    }
  }
}
