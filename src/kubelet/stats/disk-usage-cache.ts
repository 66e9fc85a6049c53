import type { Clock } from "../../component-base/clock.ts";
import { Singleflight } from "../../component-base/singleflight.ts";
import type { DiskInspector } from "../ports.ts";

export interface TreeUsage {
  readonly usedBytes: number;
  readonly inodesUsed: number;
}

// Upstream's volumeStatsAggPeriod.
const freshMs = 60_000;
const entriesMax = 10_000;

/** What directories take up, counted at most once a minute each: counting reads every file's metadata. */
export class DiskUsageCache {
  readonly #disks: DiskInspector;
  readonly #clock: Clock;
  readonly #entries = new Map<string, { readonly usage: TreeUsage; readonly atMs: number }>();
  readonly #flights = new Singleflight<string, TreeUsage>();

  constructor(disks: DiskInspector, clock: Clock) {
    this.#disks = disks;
    this.#clock = clock;
  }

  tree(path: string): Promise<TreeUsage> {
    const known = this.#entries.get(path);
    if (known && this.#clock.monotonic() - known.atMs < freshMs) return Promise.resolve(known.usage);
    return this.#flights.run(path, async () => {
      const usage = await this.#disks.tree(path);
      // Directories of pods long gone are all that is dropped early.
      if (this.#entries.size >= entriesMax) this.#entries.clear();
      this.#entries.set(path, { usage, atMs: this.#clock.monotonic() });
      return usage;
    });
  }
}
