import type { Clock } from "../../component-base/clock.ts";
import { badRequest, expired, tooLargeResourceVersion } from "../../apimachinery/errors/new.ts";
import { StatusError } from "../../apimachinery/errors/status-error.ts";
import type { KubeObject, Mutable } from "../../apimachinery/resource-type.ts";
import { CompactedError } from "../../mvcc/backend.ts";
import type { Backend, KeyValue, Operation } from "../../mvcc/backend.ts";
import { prefixRange } from "../../mvcc/backend.ts";
import type { Cacher } from "./cacher/cacher.ts";
import type { WatchConsumer } from "./cacher/cache-watcher.ts";
import type { ObjectChange } from "./cacher/object-change.ts";
import { decodeContinueToken, encodeContinueToken } from "./continue-token.ts";
import type { ContinueToken } from "./continue-token.ts";
import type {
  ResourceStorage,
  StorageChange,
  StorageList,
  StorageListOptions,
  StorageWatch,
  StorageWriteResult,
  WatchStart,
} from "./interface.ts";
import type { LeasePool } from "./lease-pool.ts";
import { encoderOf, withRevision } from "./object-codec.ts";
import type { ParsedCache } from "./parsed-cache.ts";
import { parseListVersion, parseResourceVersion } from "./resource-version.ts";
import { matches, selectsAll } from "./selection.ts";
import type { Selection } from "./selection.ts";
import type { StoredObject } from "./stored-object.ts";

const expiredContinue =
  "The provided continue parameter is too old to display a consistent list result. " +
  "You can start a new list without the continue parameter, or use the continue token in this response to retrieve " +
  "the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that " +
  "were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";

/** One resource over the revisioned store: writes go to the backend, reads come from the cacher that follows it. */
export class MvccStore implements ResourceStorage {
  readonly #backend: Backend;
  readonly #cacher: Cacher;
  readonly #parsed: ParsedCache;
  readonly #leases: LeasePool;
  readonly #keyPrefix: string;
  readonly #clock: Clock;
  readonly #isOutdated: (bytes: Uint8Array) => boolean;

  constructor(options: {
    readonly backend: Backend;
    readonly cacher: Cacher;
    readonly parsed: ParsedCache;
    readonly leases: LeasePool;
    readonly keyPrefix: string;
    readonly clock: Clock;
    /** The store keeps these bytes in another form than it would now. */
    readonly isOutdated: (bytes: Uint8Array) => boolean;
  }) {
    this.#isOutdated = options.isOutdated;
    this.#clock = options.clock;
    this.#backend = options.backend;
    this.#cacher = options.cacher;
    this.#parsed = options.parsed;
    this.#leases = options.leases;
    this.#keyPrefix = options.keyPrefix;
  }

  get lastChange(): number {
    return this.#cacher.lastChange;
  }

  get revision(): number {
    return this.#cacher.revision;
  }

  get size(): number {
    return this.#cacher.size;
  }

  /** Of all its objects as they are stored. */
  get bytes(): number {
    return this.#cacher.bytes;
  }

  get watcherCount(): number {
    return this.#cacher.watcherCount;
  }

  isOutdated(object: StoredObject): boolean {
    return this.#isOutdated(object.bytes);
  }

  get(namespace: string, name: string): StoredObject | undefined {
    return this.#cacher.get(namespace, name);
  }

  all(namespace?: string): StoredObject[] {
    return this.#cacher.list(namespace);
  }

  checkNotOlderThan(resourceVersion: string): void {
    const revision = parseResourceVersion(resourceVersion);
    if (revision > this.revision) throw tooLargeResourceVersion(revision, this.revision);
  }

  onChange(handler: (change: ObjectChange) => void): () => void {
    return this.#cacher.onChange(handler);
  }

  async list(options: StorageListOptions): Promise<StorageList> {
    if (options.continueToken !== "") return this.#listFrom(decodeContinueToken(options.continueToken), options);
    const asked = parseListVersion(options.resourceVersion);
    if (asked > this.revision) throw tooLargeResourceVersion(asked, this.revision);
    // As upstream: a page at a given revision without a match rule means that very revision.
    const isExact =
      options.resourceVersionMatch === "Exact" ||
      (options.resourceVersionMatch === "" && options.limit > 0 && asked > 0);
    if (!isExact || this.#isNewest(asked))
      return this.#page(this.#cacher.list(options.selection.namespace), isExact ? asked : this.revision, options);
    try {
      return this.#page(await this.#listAt(asked, options.selection), asked, options);
    } catch (error) {
      if (error instanceof CompactedError) throw expired("The resourceVersion for the provided list is too old.");
      throw error;
    }
  }

  watch(selection: Selection, start: WatchStart, consumer: WatchConsumer): StorageWatch {
    const now = this.revision;
    if (start.type === "state" && start.notOlderThan > now) throw tooLargeResourceVersion(start.notOlderThan, now);
    const revision = start.type === "after" ? start.revision : now;
    const initial = start.type === "state" ? select(this.#cacher.list(selection.namespace), selection) : [];
    const watch = this.#cacher.watch(selection, revision, consumer);
    return { initial, revision, progress: () => Math.max(this.revision, revision), ...watch };
  }

  async create(object: Mutable<KubeObject>, ttlSeconds?: number): Promise<StoredObject | undefined> {
    const key = this.#key(object.metadata.namespace ?? "", object.metadata.name ?? "");
    const put = await this.#put(key, object, ttlSeconds);
    const { succeeded, results } = await this.#backend.transact({
      compare: [{ key, target: "modRevision", operator: "=", operand: 0 }],
      success: [put],
    });
    return succeeded && results[0] ? this.#written(results[0], object) : undefined;
  }

  async guaranteedUpdate(
    namespace: string,
    name: string,
    change: (current: StoredObject | undefined, attempt: number) => Promise<StorageChange>,
  ): Promise<StorageWriteResult> {
    const key = this.#key(namespace, name);
    let current = this.#cacher.get(namespace, name);
    for (let attempt = 0; ; attempt++) {
      const decided = await change(current, attempt);
      if (decided.type === "keep" || (decided.type === "delete" && !current)) return { type: "keep", object: current };
      const operation: Operation =
        decided.type === "put" ? await this.#put(key, decided.object, decided.ttlSeconds) : { type: "delete", key };
      const { succeeded, results, revision } = await this.#backend.transact({
        compare: [{ key, target: "modRevision", operator: "=", operand: current?.revision ?? 0 }],
        success: [operation],
        failure: [{ type: "get", key }],
      });
      const entry = results[0];
      if (!succeeded) current = entry && this.#cacher.stored(entry);
      else if (decided.type === "put" && entry) return { type: "put", object: this.#written(entry, decided.object) };
      else return { type: "delete", object: current?.at(revision, withRevision(current.bytes, revision)) };
    }
  }

  async #put(key: string, object: Mutable<KubeObject>, ttlSeconds: number | undefined): Promise<Operation> {
    const encoder = encoderOf(object);
    if (encoder.length > valueLengthMax)
      throw new StatusError({ code: 500, reason: "", message: "etcdserver: request is too large" });
    const value = (revision: number): Uint8Array => {
      const bytes = encoder.at(revision);
      // The object is at hand: nobody has to parse these bytes.
      this.#parsed.put(bytes, object);
      return bytes;
    };
    const lease = ttlSeconds === undefined ? 0 : await this.#leases.lease(ttlSeconds);
    return { type: "put", key, value, lease };
  }

  #written(entry: KeyValue, object: KubeObject): StoredObject {
    this.#parsed.put(entry.value, object);
    return this.#cacher.stored(entry);
  }

  #key(namespace: string, name: string): string {
    return namespace === "" ? `${this.#keyPrefix}${name}` : `${this.#keyPrefix}${namespace}/${name}`;
  }

  /** Nothing of this resource has changed since that revision, so the cache shows it. */
  #isNewest(revision: number): boolean {
    return this.#cacher.isReady && revision >= this.#cacher.lastChange;
  }

  async #listAt(revision: number, selection: Selection): Promise<StoredObject[]> {
    const prefix = selection.namespace === undefined ? this.#keyPrefix : `${this.#keyPrefix}${selection.namespace}/`;
    const { entries } = await this.#backend.range(prefixRange(prefix), { revision });
    return entries.map((entry) => this.#cacher.stored(entry));
  }

  async #listFrom(token: ContinueToken, options: StorageListOptions): Promise<StorageList> {
    if (options.resourceVersion !== "" && options.resourceVersion !== "0")
      throw badRequest("specifying resource version is not allowed when using continue");
    const afterKey = `${this.#keyPrefix}${token.after}`;
    const isAfter = (object: StoredObject): boolean => this.#key(object.namespace, object.name) > afterKey;
    const { namespace } = options.selection;
    const { revision, after, begunMs } = token;
    const goOn = { revision: -1, after, begunMs: 0 };
    if (revision >= 0 && begunMs > 0 && this.#clock.now() - begunMs > listMs)
      throw new ExpiredContinueError(encodeContinueToken(goOn));
    if (revision < 0) return this.#page(this.#cacher.list(namespace).filter(isAfter), this.revision, options);
    if (this.#isNewest(revision))
      return this.#page(this.#cacher.list(namespace).filter(isAfter), revision, options, begunMs);
    try {
      const objects = await this.#listAt(revision, options.selection);
      return this.#page(objects.filter(isAfter), revision, options, begunMs);
    } catch (error) {
      if (!(error instanceof CompactedError)) throw error;
      throw new ExpiredContinueError(encodeContinueToken(goOn));
    }
  }

  /** The first page of what is selected among `objects`. */
  #page(
    objects: StoredObject[],
    revision: number,
    { limit, selection }: StorageListOptions,
    begunMs = this.#clock.now(),
  ): StorageList {
    const selected = select(objects, selection);
    if (limit === 0 || selected.length <= limit)
      return { items: selected, revision, continueToken: "", remainingItemCount: undefined };
    const items = selected.slice(0, limit);
    const last = items.at(-1);
    const after = last?.namespace ? `${last.namespace}/${last.name}` : (last?.name ?? "");
    const remainingItemCount = selectsAll(selection) ? selected.length - limit : undefined;
    return { items, revision, continueToken: encodeContinueToken({ revision, after, begunMs }), remainingItemCount };
  }
}

/**
 * How long the pages of one list may be asked for at its revision. Upstream's store forgets revisions after five minutes,
 * and clients are tested to cope with it; ours keeps them longer, for watches.
 */
const listMs = 5 * 60_000;

/**
 * Upstream's store takes 1.5 MiB of protobuf, which is half of the same object in JSON. Larger objects are refused in its
 * words: every watcher and cache would have to hold them.
 */
const valueLengthMax = 3 << 20;

/** 410 with a token to go on with, from the newest state. */
export class ExpiredContinueError extends StatusError {
  readonly continueToken: string;

  constructor(continueToken: string) {
    super({ code: 410, reason: "Expired", message: expiredContinue });
    this.continueToken = continueToken;
  }

  override toStatus(): ReturnType<StatusError["toStatus"]> {
    return { ...super.toStatus(), metadata: { continue: this.continueToken } };
  }
}

function select(objects: StoredObject[], selection: Selection): StoredObject[] {
  return selectsAll(selection) ? objects : objects.filter((object) => matches(selection, object));
}
