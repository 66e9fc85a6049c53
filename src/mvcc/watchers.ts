import { CompactedError } from "./backend.ts";
import type { KeyRange, Revision, Watch, WatchEvent, WatchOptions } from "./backend.ts";
import type { History } from "./history.ts";

/** Events per call while a watch catches up with the past. */
const catchUpSlice = 1000;

interface Watcher {
  readonly range: KeyRange;
  readonly options: WatchOptions;
  /** Events before this revision are not for this watcher. */
  fromRevision: Revision;
  /** Events of the batch being delivered. */
  batch: WatchEvent[];
  isOpen: boolean;
}

/**
 * Everyone who watches. An event finds its watchers by binary search over their ranges, so that watches of other
 * ranges cost nothing.
 */
export class Watchers {
  /** Live watchers by range start, and per position the highest range end so far: both rebuilt when one comes or goes. */
  #live: Watcher[] = [];
  #highestEnd: string[] = [];
  readonly #joining = new Set<Watcher>();
  readonly #history: History;

  constructor(history: History) {
    this.#history = history;
  }

  add(range: KeyRange, options: WatchOptions): Watch {
    const watcher: Watcher = {
      range,
      options,
      fromRevision: options.fromRevision || this.#history.revision + 1,
      batch: [],
      isOpen: true,
    };
    this.#joining.add(watcher);
    // Not in this call: the caller does not have its Watch yet.
    queueMicrotask(() => this.#join(watcher));
    return { cancel: () => this.#remove(watcher) };
  }

  /** Delivers events that have just become visible. */
  deliver(events: readonly WatchEvent[]): void {
    const touched: Watcher[] = [];
    for (const event of events) this.#collect(event, touched);
    for (const watcher of touched) {
      const batch = watcher.batch;
      watcher.batch = [];
      this.#call(watcher, batch);
    }
  }

  /** Ends all watches. */
  close(error: Error): void {
    for (const watcher of [...this.#live, ...this.#joining]) this.#end(watcher, error);
  }

  /** Catches up and goes live in one step, so that nothing can come between. */
  #join(watcher: Watcher): void {
    if (!this.#joining.delete(watcher)) return;
    const { start, end } = watcher.range;
    if (watcher.fromRevision < this.#history.compactRevision) {
      this.#end(watcher, new CompactedError(this.#history.compactRevision));
      return;
    }
    this.#live.push(watcher);
    this.#reindex();
    if (watcher.fromRevision > this.#history.revision) return;
    const past = this.#history
      .eventsFrom(watcher.fromRevision)
      .filter(({ current }) => current.key >= start && current.key < end);
    for (let from = 0; from < past.length && watcher.isOpen;) {
      const to = wholeRevisions(past, from + catchUpSlice);
      this.#call(watcher, past.slice(from, to));
      from = to;
    }
  }

  #collect(event: WatchEvent, touched: Watcher[]): void {
    const { key, modRevision } = event.current;
    for (let i = this.#lastStartingAtOrBefore(key); i >= 0 && (this.#highestEnd[i] ?? "") > key; i--) {
      const watcher = this.#live[i];
      if (!watcher || watcher.range.end <= key || modRevision < watcher.fromRevision) continue;
      if (watcher.batch.length === 0) touched.push(watcher);
      watcher.batch.push(event);
    }
  }

  #lastStartingAtOrBefore(key: string): number {
    let low = 0;
    let high = this.#live.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#live[middle]?.range.start ?? "") <= key) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #call(watcher: Watcher, events: readonly WatchEvent[]): void {
    if (!watcher.isOpen) return;
    try {
      watcher.options.onEvents(events);
    } catch (error) {
      // A watcher that fails has lost events: only its end is honest, and the others must not suffer.
      this.#end(watcher, error instanceof Error ? error : new Error("watch callback failed", { cause: error }));
    }
  }

  #end(watcher: Watcher, error: Error): void {
    if (!watcher.isOpen) return;
    this.#remove(watcher);
    watcher.options.onClose(error);
  }

  #remove(watcher: Watcher): void {
    if (!watcher.isOpen) return;
    watcher.isOpen = false;
    if (this.#joining.delete(watcher)) return;
    this.#live = this.#live.filter((w) => w !== watcher);
    this.#reindex();
  }

  #reindex(): void {
    this.#live.sort((a, b) => (a.range.start < b.range.start ? -1 : Number(a.range.start > b.range.start)));
    let highest = "";
    this.#highestEnd = this.#live.map(({ range }) => (highest = range.end > highest ? range.end : highest));
  }
}

/** The first index at or after `index` where a new revision begins. */
function wholeRevisions(events: readonly WatchEvent[], index: number): number {
  let i = index;
  while (i < events.length && events[i]?.current.modRevision === events[i - 1]?.current.modRevision) i++;
  return Math.min(i, events.length);
}
