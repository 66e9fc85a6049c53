import type { KubeObject, Mutable } from "../../apimachinery/resource-type.ts";
import type { CacheWatch } from "./cacher/cacher.ts";
import type { WatchConsumer } from "./cacher/cache-watcher.ts";
import type { ObjectChange } from "./cacher/object-change.ts";
import type { Selection } from "./selection.ts";
import type { StoredObject } from "./stored-object.ts";

export interface StorageListOptions {
  readonly selection: Selection;
  /** At most so many items; 0 for all. */
  readonly limit: number;
  /** A token a page of this list ended with; then resourceVersion is "". */
  readonly continueToken: string;
  readonly resourceVersion: string;
  readonly resourceVersionMatch: "" | "Exact" | "NotOlderThan";
}

export interface StorageList {
  readonly items: readonly StoredObject[];
  readonly revision: number;
  /** "" on the last page. */
  readonly continueToken: string;
  /** Unknown when a selector narrows the list. */
  readonly remainingItemCount: number | undefined;
}

/** What an update decides to do with the state it was shown. */
export type StorageChange =
  /** `object` becomes the store's; its resourceVersion is set. */
  | { readonly type: "put"; readonly object: Mutable<KubeObject>; readonly ttlSeconds?: number }
  | { readonly type: "delete" }
  /** Leave everything as it is, at the same revision. */
  | { readonly type: "keep" };

export interface StorageWriteResult {
  readonly type: "put" | "delete" | "keep";
  /** The object as written or kept; of a deletion, its last state at the deletion's revision. Undefined when kept absent. */
  readonly object: StoredObject | undefined;
}

/** Start of a watch: synthetic ADDED events for what is there, or only what comes after a revision. */
export type WatchStart =
  | { readonly type: "state"; readonly notOlderThan: number }
  | { readonly type: "now" }
  | { readonly type: "after"; readonly revision: number };

export interface StorageWatch extends CacheWatch {
  /** With `state`: the objects there were, to be sent before anything the consumer is given, and their revision. */
  readonly initial: readonly StoredObject[];
  readonly revision: number;
  /** Hands over at once what would be at the end of this turn. */
  flush(): void;
  /** The revision up to which everything was handed over once flushed. */
  progress(): number;
}

/**
 * The objects of one resource; upstream's storage.Interface. Reads are from the cache, synchronous and linearizable;
 * writes resolve when durable. Failures that concern a resourceVersion are StatusErrors, all else is a value.
 */
export interface ResourceStorage {
  get(namespace: string, name: string): StoredObject | undefined;
  /** Everything, or a namespace's, in key order. The array is the caller's. */
  all(namespace?: string): StoredObject[];
  /** Throws Timeout (too large resource version) when the store is older. */
  checkNotOlderThan(resourceVersion: string): void;
  list(options: StorageListOptions): Promise<StorageList>;
  watch(selection: Selection, start: WatchStart, consumer: WatchConsumer): StorageWatch;
  /** Undefined when there is such an object already. */
  create(object: Mutable<KubeObject>, ttlSeconds?: number): Promise<StoredObject | undefined>;
  /**
   * Shows `change` the newest state until what it decides could be written against exactly that state. What it throws
   * ends the update. It may be called any number of times; `attempt` counts from 0.
   */
  guaranteedUpdate(
    namespace: string,
    name: string,
    change: (current: StoredObject | undefined, attempt: number) => Promise<StorageChange>,
  ): Promise<StorageWriteResult>;
  /** An update is to be written even if it changes nothing: the store keeps the object in a form that is no longer wanted. */
  isOutdated(object: StoredObject): boolean;
  onChange(handler: (change: ObjectChange) => void): () => void;
  /** The revision of the last change. */
  readonly lastChange: number;
  readonly revision: number;
  readonly size: number;
  readonly watcherCount: number;
}
