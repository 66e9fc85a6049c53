import type { Clock } from "../../../component-base/clock.ts";
import type { Logger } from "../../../component-base/logger.ts";
import { tooOldResourceVersion } from "../../../apimachinery/errors/new.ts";
import { CompactedError, prefixRange } from "../../../mvcc/backend.ts";
import type { Backend, KeyRange, KeyValue, Watch, WatchEvent } from "../../../mvcc/backend.ts";
import { withRevision } from "../object-codec.ts";
import type { ParsedCache } from "../parsed-cache.ts";
import { StoredObject } from "../stored-object.ts";
import type { SelectableFields } from "../stored-object.ts";
import type { Selection } from "../selection.ts";
import { CacheWatcher } from "./cache-watcher.ts";
import type { WatchConsumer } from "./cache-watcher.ts";
import { ObjectChange } from "./object-change.ts";
import { ObjectIndex } from "./object-index.ts";
import { WatcherIndex } from "./watcher-index.ts";

// Changes kept for watches that resume. Only pointers: the bytes are in the store's history anyway. Older ones come from there.
const recentMax = 4096;
const reloadDelayMs = 1000;

export interface CacherOptions {
  readonly backend: Backend;
  /** `/registry/pods/`, with the slash. */
  readonly keyPrefix: string;
  readonly namespaced: boolean;
  readonly parsed: ParsedCache;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A watch as its consumer holds it. */
export interface CacheWatch {
  close(): void;
  /** Hands over at once what would be at the end of this turn. */
  flush(): void;
}

/**
 * The newest state of one resource and everybody who watches it, fed by one watch of the store. With the embedded store
 * a write is told here in the same turn in which it becomes visible, so that reads from here are linearizable.
 *
 *     store ── one watch ──▶ index (newest state) ──▶ listers
 *                       ├──▶ recent changes ──▶ watches that resume
 *                       └──▶ watcher index ──▶ watchers, flushed once per turn
 */
export class Cacher {
  readonly #backend: Backend;
  readonly #keyPrefix: string;
  readonly #range: KeyRange;
  readonly #namespaced: boolean;
  readonly #parsed: ParsedCache;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #selectableFields: SelectableFields | undefined;
  #index = new ObjectIndex();
  #recent: ObjectChange[] = [];
  /** `#recent` holds all changes after this revision. */
  #recentSince = 0;
  #lastChange = 0;
  readonly #watchers = new WatcherIndex();
  #unflushed: CacheWatcher[] = [];
  /** What those are told. */
  #untold: ObjectChange[] = [];
  readonly #handlers = new Set<(change: ObjectChange) => void>();
  #source: Watch | undefined;
  #isClosed = false;
  #isReady = false;

  constructor(options: CacherOptions, selectableFields: SelectableFields | undefined) {
    this.#backend = options.backend;
    this.#keyPrefix = options.keyPrefix;
    this.#range = prefixRange(options.keyPrefix);
    this.#namespaced = options.namespaced;
    this.#parsed = options.parsed;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#selectableFields = selectableFields;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** The newest revision of the whole store that reads from here reflect. */
  get revision(): number {
    return this.#backend.revision();
  }

  /** The revision of the last change of this resource known here. */
  get lastChange(): number {
    return this.#lastChange;
  }

  get watcherCount(): number {
    return this.#watchers.size;
  }

  get size(): number {
    return this.#index.size;
  }

  get bytes(): number {
    return this.#index.bytes;
  }

  /** Loads the present state and follows it from there. */
  async start(): Promise<void> {
    const { entries, revision } = await this.#backend.range(this.#range);
    if (this.#isClosed) return;
    const index = new ObjectIndex();
    this.#lastChange = revision;
    for (const entry of entries) index.set(this.stored(entry));
    this.#index = index;
    this.#recent = [];
    this.#recentSince = revision;
    this.#source = this.#backend.watch(this.#range, {
      fromRevision: revision + 1,
      onEvents: (events) => this.#apply(events),
      onClose: (error) => this.#onSourceClosed(error),
    });
    this.#isReady = true;
  }

  get(namespace: string, name: string): StoredObject | undefined {
    return this.#index.get(namespace, name);
  }

  /** All objects, or a namespace's, in key order, as of `revision`. The array is the caller's. */
  list(namespace?: string): StoredObject[] {
    return this.#index.list(namespace);
  }

  /** An entry of the store, as the cache would hold it; the cached object itself when it is that version. */
  stored(entry: KeyValue): StoredObject {
    const path = entry.key.slice(this.#keyPrefix.length);
    const slash = this.#namespaced ? path.indexOf("/") : -1;
    const namespace = path.slice(0, Math.max(slash, 0));
    const name = path.slice(slash + 1);
    const cached = this.#index.get(namespace, name);
    if (cached?.revision === entry.modRevision) return cached;
    return new StoredObject({
      namespace,
      name,
      revision: entry.modRevision,
      bytes: entry.value,
      parsed: this.#parsed,
      selectableFields: this.#selectableFields,
    });
  }

  onChange(handler: (change: ObjectChange) => void): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  /**
   * Delivers changes after `revision`. Throws Expired (too old resource version) when the store has compacted it; may
   * also end with it later. Nothing is delivered before this returns.
   */
  watch(selection: Selection, revision: number, consumer: WatchConsumer): CacheWatch {
    if (revision < this.#recentSince) {
      if (revision + 1 < this.#backend.compactRevision())
        throw tooOldResourceVersion(revision, this.#backend.compactRevision());
      return this.#watchHistory(selection, revision, consumer);
    }
    const watcher = new CacheWatcher(selection, revision, consumer);
    this.#join(watcher);
    return { close: () => this.#close(watcher), flush: () => watcher.flush() };
  }

  /** Ends all watches, telling their clients to come again, and the own one. */
  close(): void {
    this.#isClosed = true;
    this.#isReady = false;
    this.#source?.cancel();
    this.#endWatchers();
  }

  /** Gives the watcher the recent changes it lacks and lets it take part. */
  #join(watcher: CacheWatcher): void {
    let has = false;
    for (let i = this.#firstRecentAfter(watcher.revision); i < this.#recent.length; i++) {
      const change = this.#recent[i];
      if (change && watcher.offer(change)) has = true;
    }
    this.#watchers.add(watcher);
    if (has) this.#scheduleFlush(watcher);
  }

  #close(watcher: CacheWatcher): void {
    watcher.isOpen = false;
    this.#watchers.delete(watcher);
  }

  #firstRecentAfter(revision: number): number {
    let low = 0;
    let high = this.#recent.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#recent[middle]?.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * A watch from before the recent changes reads the store's own history, and moves over to the shared path at the first
   * change both know.
   */
  #watchHistory(selection: Selection, revision: number, consumer: WatchConsumer): CacheWatch {
    const watcher = new CacheWatcher(selection, revision, consumer);
    let isShared = false;
    const source = this.#backend.watch(this.#range, {
      fromRevision: revision + 1,
      onEvents: (events) => {
        if (isShared || !watcher.isOpen) return;
        for (const event of events) {
          if (watcher.offer(this.#changeOf(event))) this.#scheduleFlush(watcher);
        }
        const reached = events.at(-1)?.current.modRevision ?? 0;
        if (reached < this.#recentSince || this.#isClosed) return;
        isShared = true;
        source.cancel();
        watcher.skipTo(reached);
        this.#join(watcher);
      },
      onClose: (error) =>
        watcher.end(
          error instanceof CompactedError ? tooOldResourceVersion(revision, error.compactRevision) : undefined,
        ),
    });
    return {
      close: () => {
        source.cancel();
        this.#close(watcher);
      },
      flush: () => watcher.flush(),
    };
  }

  #apply(events: readonly WatchEvent[]): void {
    for (const event of events) {
      const change = this.#changeOf(event);
      const { current, previous } = change;
      if (current) this.#index.set(current);
      else if (previous) this.#index.delete(previous.namespace, previous.name);
      this.#lastChange = change.revision;
      this.#remember(change);
      this.#untold.push(change);
      this.#watchers.visit(change, (watcher) => {
        if (watcher.offer(change)) this.#scheduleFlush(watcher);
      });
      if (this.#unflushed.length === 0) this.#untold = [];
      for (const handler of this.#handlers) handler(change);
      if (previous) this.#parsed.forget(previous.bytes);
    }
  }

  #changeOf(event: WatchEvent): ObjectChange {
    const previous = event.previous && this.stored(event.previous);
    const revision = event.current.modRevision;
    const current = event.type === "put" ? this.stored(event.current) : undefined;
    return new ObjectChange(revision, current, previous, () =>
      previous?.at(revision, withRevision(previous.bytes, revision)),
    );
  }

  #remember(change: ObjectChange): void {
    this.#recent.push(change);
    if (this.#recent.length < 2 * recentMax) return;
    const dropped = this.#recent.splice(0, recentMax);
    this.#recentSince = dropped.at(-1)?.revision ?? this.#recentSince;
  }

  /** Watchers are flushed together at the end of the turn, so that a burst of changes is one write per watcher. */
  #scheduleFlush(watcher: CacheWatcher): void {
    if (this.#unflushed.push(watcher) > 1) return;
    queueMicrotask(() => {
      const watchers = this.#unflushed;
      const changes = this.#untold;
      this.#unflushed = [];
      this.#untold = [];
      for (const each of watchers) each.flush();
      for (const each of changes) each.forgetFrames();
    });
  }

  #onSourceClosed(error: Error): void {
    if (this.#isClosed) return;
    this.#isReady = false;
    this.#logger.error("watch of the store ended", { prefix: this.#keyPrefix, error });
    // What was missed is unknown: clients list again.
    this.#endWatchers();
    this.#clock.setTimer(reloadDelayMs, () => {
      if (this.#isClosed) return;
      this.start().catch((failure: unknown) => {
        this.#onSourceClosed(failure instanceof Error ? failure : new Error(String(failure)));
      });
    });
  }

  #endWatchers(): void {
    // The generator goes over live sets, which allow removal of what it has just yielded.
    for (const watcher of this.#watchers) {
      this.#watchers.delete(watcher);
      watcher.end();
    }
  }
}
