import type { ResourceType } from "../../apimachinery/resource-type.ts";

/** The cached objects of one type. Objects are shared and read-only. */
export interface Lister<T> {
  get(namespace: string | undefined, name: string): T | undefined;
  /** By `namespace/name`, or `name` for cluster-scoped kinds. */
  getByKey(key: string): T | undefined;
  list(namespace?: string): readonly T[];
  /** The objects for which the index function of that name returned `value`. */
  byIndex(index: string, value: string): readonly T[];
}

/** Changes in the order the server made them. A resync is an update with `previous === current`. */
export interface EventHandler<T> {
  readonly onAdd?: (object: T) => void;
  readonly onUpdate?: (previous: T, current: T) => void;
  /** The last state known; `stale` when the deletion itself was missed and a relist found the object gone. */
  readonly onDelete?: (object: T, stale: boolean) => void;
}

/** Lists and watches one type, keeps the result in memory and tells its handlers. */
export interface SharedInformer<T> {
  readonly lister: Lister<T>;
  /** Also delivers the objects already cached, as adds. Returns the removal. */
  addEventHandler(handler: EventHandler<T>): () => void;
  /** Must be called before the informer starts. `fn` returns the index values of an object. */
  addIndex(name: string, fn: (object: T) => readonly string[]): void;
  hasSynced(): boolean;
  /** Resolves when there is a first complete list; rejects with the signal's reason. */
  waitForSync(signal?: AbortSignal): Promise<void>;
}

/** One informer per type and selector, shared by all who ask. */
export interface InformerFactory {
  for<T>(type: ResourceType<T>, options?: InformerOptions<T>): SharedInformer<T>;
  /** Starts every informer asked for so far; idempotent, and call it again after asking for more. */
  start(): void;
  /** Resolves when every started informer holds a first complete list. */
  waitForSync(signal?: AbortSignal): Promise<void>;
}

export interface InformerOptions<T> {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Drops what the users of this informer do not need, to save memory. Runs once per object received. */
  readonly transform?: (object: T) => T;
  /** Only metadata is needed. Served by the informer of whole objects when somebody has asked for that one before. */
  readonly metadataOnly?: boolean;
}
