import type { Clock } from "../component-base/clock.ts";
import { silentLogger } from "../component-base/logger.ts";
import type { Logger } from "../component-base/logger.ts";
import type { Backend } from "./backend.ts";
import { volatileLog } from "./commit-log.ts";
import { defaultHistoryPolicy } from "./history-policy.ts";
import type { HistoryPolicy } from "./history-policy.ts";
import { History } from "./history.ts";
import { MvccBackend } from "./mvcc-backend.ts";

export interface MemoryBackend extends Backend {
  /**
   * An independent store that starts as this one is now: same revision, history, leases. Keys are shared, not copied.
   * A clock of its own must show the same time.
   */
  fork(clock?: Clock): MemoryBackend;
}

export interface MemoryBackendOptions {
  readonly clock: Clock;
  readonly logger?: Logger;
  readonly historyPolicy?: HistoryPolicy;
}

/** The store without a log: everything is gone with the process. For tests, simulations and the browser. */
export function createMemoryBackend(options: MemoryBackendOptions): MemoryBackend {
  return forkable(
    new MvccBackend({
      clock: options.clock,
      logger: options.logger ?? silentLogger,
      log: volatileLog,
      historyPolicy: options.historyPolicy ?? defaultHistoryPolicy,
      initial: { history: new History(), sizeBytes: 0, leases: [], nextLeaseId: 1 },
      onFailure: () => {},
    }),
  );
}

function forkable(backend: MvccBackend): MemoryBackend {
  const fork = (clock?: Clock): MemoryBackend => forkable(backend.forkTo(volatileLog, clock));
  return Object.assign(backend, { fork });
}
