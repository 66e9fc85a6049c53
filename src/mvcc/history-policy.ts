import type { Revision } from "./backend.ts";

/** How much of the past to keep, so that watches can resume without relisting while memory stays bounded. */
export interface HistoryPolicy {
  /** Older revisions are forgotten … */
  readonly keepMs: number;
  /** … but so many events stay however old they are: a quiet store keeps hours. */
  readonly eventsMin: number;
  /** Above so many events, or so many bytes of keys and values, the oldest are forgotten however young they are. */
  readonly eventsMax: number;
  readonly sizeBytesMax: number;
}

/**
 * A watch can resume from five minutes or 100,000 events ago, whichever is nearer. At 2 KB an object the window holds at
 * most 200 MB, and in a quiet cluster about 10 MB.
 */
export const defaultHistoryPolicy: HistoryPolicy = {
  keepMs: 5 * 60_000,
  eventsMin: 5_000,
  eventsMax: 100_000,
  sizeBytesMax: 512 * 1024 * 1024,
};

export interface HistoryUsage {
  readonly nowMs: number;
  readonly revision: Revision;
  readonly compactRevision: Revision;
  readonly events: number;
  readonly sizeBytes: number;
}

/**
 * Decides when to compact and up to where. It is asked after every batch of writes instead of by a timer: an idle store
 * does no work, and one that grows is bounded. Compacts in steps of a tenth of the window, as each is a write.
 */
export class HistoryWindow {
  readonly #policy: HistoryPolicy;
  /** When revisions were the newest, a tenth of `keepMs` apart. */
  #samples: { readonly atMs: number; readonly revision: Revision }[] = [];

  constructor(policy: HistoryPolicy) {
    this.#policy = policy;
  }

  /** The revision to compact at, or undefined when there is nothing worth doing. */
  target(usage: HistoryUsage): Revision | undefined {
    return this.#byLimits(usage) ?? this.#byAge(usage);
  }

  #byLimits(usage: HistoryUsage): Revision | undefined {
    const excess = Math.max(usage.events / this.#policy.eventsMax, usage.sizeBytes / this.#policy.sizeBytesMax);
    if (excess <= 1) return undefined;
    // Down to nine tenths, taking events as evenly spread over revisions.
    return this.#forget(usage, 1 - 0.9 / excess);
  }

  #byAge(usage: HistoryUsage): Revision | undefined {
    const { keepMs, eventsMin } = this.#policy;
    const last = this.#samples.at(-1);
    if (last && usage.nowMs - last.atMs < keepMs / 10) return undefined;
    this.#samples.push({ atMs: usage.nowMs, revision: usage.revision });
    const old = this.#samples.findLast((s) => usage.nowMs - s.atMs >= keepMs);
    if (!old) return undefined;
    this.#samples = this.#samples.slice(this.#samples.indexOf(old));
    if (usage.events <= eventsMin) return undefined;
    const spare = this.#forget(usage, 1 - eventsMin / usage.events);
    const target = Math.min(old.revision, spare);
    return target > usage.compactRevision ? target : undefined;
  }

  /** The revision that leaves the given share of the window behind. */
  #forget(usage: HistoryUsage, share: number): Revision {
    const revisions = usage.revision - usage.compactRevision;
    return Math.min(usage.compactRevision + Math.ceil(revisions * share), usage.revision);
  }
}
