import { assert, defined } from "../../component-base/assert.ts";
import type { Clock } from "../../component-base/clock.ts";
import type { Logger } from "../../component-base/logger.ts";
import type { MetricRegistry } from "../../component-base/metrics.ts";
import type { KubeObject, ResourceType } from "../../apimachinery/resource-type.ts";
import type { Backend } from "../../mvcc/backend.ts";
import type { ObjectStats } from "../flowcontrol/work-estimate.ts";
import type { StorageLister } from "../registry/rest/registry-access.ts";
import { Cacher } from "./cacher/cacher.ts";
import type { ResourceStorage } from "./interface.ts";
import { LeasePool } from "./lease-pool.ts";
import { MvccStore } from "./mvcc-store.ts";
import { ParsedCache } from "./parsed-cache.ts";
import type { SelectableFields } from "./stored-object.ts";
import { TransformingBackend } from "./value/transforming-backend.ts";
import type { ResourceTransformers } from "./value/transforming-backend.ts";

export interface ApiStorageOptions {
  /** Stays the caller's to dispose, after the server. */
  readonly backend: Backend;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  /** How the store keeps objects, by resource. As they are, unless given. */
  readonly transformers?: ResourceTransformers;
  /** JSON bytes of the objects kept parsed; 32 MiB unless given. */
  readonly parsedBytesMax?: number;
}

/** What the storage must know of a resource; one entry per storage prefix. */
export interface StoredResource {
  readonly group: string;
  readonly resource: string;
  /** The key segment after /registry. */
  readonly storagePrefix: string;
  readonly namespaced: boolean;
  readonly selectableFields?: SelectableFields;
}

/**
 * All persisted objects of one server. Made first, so that authorizer and admission plugins can be handed listers; the
 * server opens it with its registrations, waits for it, and closes it.
 */
export class ApiStorage {
  readonly #options: ApiStorageOptions;
  readonly #parsed: ParsedCache;
  readonly #leases: LeasePool;
  /** By storage prefix. */
  readonly #cachers = new Map<string, Cacher>();
  readonly #stores = new Map<string, MvccStore>();
  readonly #byResource = new Map<string, MvccStore>();
  readonly #listers = new Map<string, LazyLister>();
  #isOpen = false;
  #isClosed = false;

  constructor(options: ApiStorageOptions) {
    this.#options = options;
    this.#parsed = new ParsedCache(options.parsedBytesMax);
    this.#leases = new LeasePool(options.backend, options.clock);
    const metrics = options.metrics;
    const objects = metrics.gauge("apiserver_resource_objects", "Number of stored objects by resource.", [
      "group",
      "resource",
    ]);
    // Deprecated upstream, and what dashboards ask for.
    const byName = metrics.gauge("apiserver_storage_objects", "Number of stored objects by resource.", ["resource"]);
    this.#countObjects = () => {
      for (const [key, store] of this.#byResource) {
        const slash = key.indexOf("/");
        const [group, resource] = [key.slice(0, slash), key.slice(slash + 1)];
        objects.set(store.size, group, resource);
        byName.set(store.size, group === "" ? resource : `${resource}.${group}`);
      }
    };
  }

  readonly #countObjects: () => void;

  /** Callable at once; reads see nothing, and onChange may be subscribed, before the server is created. One per resource. */
  lister<T = KubeObject>(type: ResourceType<T>): StorageLister<T> {
    const key = `${type.group}/${type.resource}`;
    let lister = this.#listers.get(key);
    if (!lister) {
      assert(!this.#isOpen || this.#byResource.has(key), `no storage of ${key}`);
      lister = new LazyLister();
      const store = this.#byResource.get(key);
      if (store) lister.bind(store);
      this.#listers.set(key, lister);
    }
    // The type's parameter says what is stored under its key.
    return lister as StorageLister<unknown> as StorageLister<T>;
  }

  /** Loads every resource and follows it. Called once, by the server. */
  async open(resources: readonly StoredResource[]): Promise<void> {
    assert(!this.#isOpen, "storage is opened twice");
    this.#isOpen = true;
    for (const resource of resources) this.#enter(resource, this.#make(resource));
    await Promise.all([...this.#cachers.values()].map((cacher) => cacher.start()));
  }

  /**
   * Loads a resource while the server runs. What it was loaded as before goes on being used until `enter` is called, which
   * ends the watches of the former.
   */
  async load(resource: StoredResource): Promise<{ readonly storage: ResourceStorage; enter(): void }> {
    const made = this.#make(resource);
    await made.cacher.start();
    return {
      storage: made.store,
      enter: () => {
        this.#cachers.get(resource.storagePrefix)?.close();
        if (this.#isClosed) made.cacher.close();
        this.#enter(resource, made);
      },
    };
  }

  /** Ends the watches of a resource and forgets it; what is stored stays. */
  remove(resource: StoredResource): void {
    this.#cachers.get(resource.storagePrefix)?.close();
    this.#cachers.delete(resource.storagePrefix);
    this.#stores.delete(resource.storagePrefix);
    this.#byResource.delete(`${resource.group}/${resource.resource}`);
  }

  #make(resource: StoredResource): { readonly cacher: Cacher; readonly store: MvccStore } {
    const { clock, logger, transformers } = this.#options;
    const { group, resource: name } = resource;
    const transforming =
      transformers && new TransformingBackend(this.#options.backend, () => transformers.transformerOf(group, name));
    const backend = transforming ?? this.#options.backend;
    const isOutdated = (bytes: Uint8Array): boolean => transforming?.isOutdated(bytes) ?? false;
    const keyPrefix = `/registry/${resource.storagePrefix}/`;
    const cacher = new Cacher(
      { backend, keyPrefix, namespaced: resource.namespaced, parsed: this.#parsed, clock, logger },
      resource.selectableFields,
    );
    const store = new MvccStore({
      backend,
      cacher,
      parsed: this.#parsed,
      leases: this.#leases,
      keyPrefix,
      clock,
      isOutdated,
    });
    return { cacher, store };
  }

  #enter(resource: StoredResource, made: { readonly cacher: Cacher; readonly store: MvccStore }): void {
    this.#cachers.set(resource.storagePrefix, made.cacher);
    this.#stores.set(resource.storagePrefix, made.store);
    const key = `${resource.group}/${resource.resource}`;
    this.#byResource.set(key, made.store);
    this.#listers.get(key)?.bind(made.store);
  }

  resource(storagePrefix: string): ResourceStorage {
    return defined(this.#stores.get(storagePrefix), `storage ${storagePrefix}`);
  }

  /** What is stored of a resource; undefined for one that is not stored here. */
  statsOf(group: string, resource: string): ObjectStats | undefined {
    const store = this.#byResource.get(`${group}/${resource}`);
    if (!store) return undefined;
    const { size: count, bytes } = store;
    return { count, averageBytes: count === 0 ? 0 : bytes / count };
  }

  /** Why reads would not be complete, or undefined. */
  notReady(): string | undefined {
    const waiting = [...this.#cachers.values()].filter((cacher) => !cacher.isReady).length;
    return waiting > 0 ? `${waiting} resources are not loaded` : undefined;
  }

  /** Brings gauges up to date; called before metrics are rendered. */
  updateMetrics(): void {
    this.#countObjects();
  }

  /** Ends all watches. Reads go on showing the last state. */
  close(): void {
    this.#isClosed = true;
    for (const cacher of this.#cachers.values()) cacher.close();
  }
}

/** A lister that sees nothing until its resource is opened. */
class LazyLister implements StorageLister {
  #store: ResourceStorage | undefined;
  readonly #handlers = new Set<(current: KubeObject | undefined, previous: KubeObject | undefined) => void>();

  get revision(): number {
    return this.#store?.lastChange ?? 0;
  }

  get(namespace: string, name: string): KubeObject | undefined {
    return this.#store?.get(namespace, name)?.object();
  }

  list(namespace?: string): readonly KubeObject[] {
    return (this.#store?.all(namespace) ?? []).map((stored) => stored.object());
  }

  onChange(handler: (current: KubeObject | undefined, previous: KubeObject | undefined) => void): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  bind(store: ResourceStorage): void {
    this.#store = store;
    store.onChange((change) => {
      if (this.#handlers.size === 0) return;
      const current = change.current?.object();
      const previous = change.previous?.object();
      for (const handler of this.#handlers) handler(current, previous);
    });
  }
}
