import { defined } from "../../../component-base/assert.ts";
import type { Clock } from "../../../component-base/clock.ts";
import type { Random } from "../../../component-base/random.ts";
import { apiVersionOf } from "../../../apimachinery/resource-type.ts";
import type { KubeObject, ResourceType } from "../../../apimachinery/resource-type.ts";
import type { ApiResource, ApiSubresource, Scheme } from "../../../apimachinery/scheme/scheme.ts";
import type { ApiStorage, StoredResource } from "../../storage/api-storage.ts";
import type { ResourceStorage } from "../../storage/interface.ts";
import type { RegistryAccess, ResourceRegistry, ServedKind, StorageLister } from "../rest/registry-access.ts";
import type { Strategy, SubresourceStrategy } from "../rest/strategy.ts";
import { cloneJson } from "../../../apimachinery/object.ts";
import type { DynamicResource, ResourceRegistration, Subresource } from "./resource-registration.ts";
import { RegistryStore } from "./store.ts";

const noStrategy: Strategy = {};
const statusStrategy: SubresourceStrategy = {};

/** Subresources a registration need not mention. */
function defaultSubresource(data: ApiSubresource): Subresource | undefined {
  if (data.name === "status") return { type: "object", strategy: statusStrategy };
  return data.name === "scale" ? { type: "scale" } : undefined;
}

/** How each subresource of a resource is served; those that nobody serves are left out. */
export function subresourcesOf(
  registration: ResourceRegistration,
): ReadonlyMap<string, { readonly data: ApiSubresource; readonly subresource: Subresource }> {
  const out = new Map<string, { readonly data: ApiSubresource; readonly subresource: Subresource }>();
  for (const data of registration.resource.subresources) {
    const own = registration.subresources?.[data.name];
    const subresource = own ?? defaultSubresource(data);
    if (subresource) out.set(data.name, { data, subresource });
  }
  return out;
}

/** The registries of one server: a store per persisted registration; versions of one resource share storage and strategy. */
export class RegistrySet implements RegistryAccess {
  readonly #options: StoreOptions;
  readonly #storage: ApiStorage;
  readonly #stores = new Map<string, RegistryStore>();
  /** By apiVersion and kind. */
  readonly #served = new Map<string, ResourceRegistration>();

  private constructor(options: StoreOptions & { readonly storage: ApiStorage }) {
    this.#options = options;
    this.#storage = options.storage;
  }

  /** Opens the storage with what is registered. */
  static async open(options: {
    readonly scheme: Scheme;
    readonly storage: ApiStorage;
    readonly registrations: readonly ResourceRegistration[];
    readonly clock: Clock;
    readonly random: Random;
  }): Promise<RegistrySet> {
    const { storage } = options;
    const registrations = options.registrations.filter((r) => r.resource.persisted);
    const homes = new Map<string, ResourceRegistration>();
    for (const registration of registrations) {
      const { storagePrefix } = registration.resource;
      if (!homes.has(storagePrefix) || isStorageVersion(registration.resource)) homes.set(storagePrefix, registration);
    }
    await storage.open([...homes.values()].map(storedResource));
    const set = new RegistrySet(options);
    for (const registration of registrations) {
      const { resource } = registration;
      set.#served.set(kindKeyOf(apiVersionOf(resource), resource.kind), registration);
      const home = defined(homes.get(resource.storagePrefix), resource.storagePrefix);
      // A resource whose storage version is not served at all is stored as the version that is.
      if (registration !== home && !registration.convert)
        throw new TypeError(
          `${keyOf(resource)} needs a conversion from ${keyOf(home.resource)}, as which it is stored`,
        );
      set.#stores.set(
        keyOf(resource),
        createStore(options, storage.resource(resource.storagePrefix), registration, home),
      );
    }
    return set;
  }

  /** Loads a resource that comes while the server runs; it replaces what it was before when `enter` is called. */
  async load(dynamic: DynamicResource): Promise<{ enter(): void }> {
    const loaded = await this.#storage.load(dynamic.stored);
    return {
      enter: () => {
        loaded.enter();
        for (const registration of dynamic.registrations) {
          const { resource } = registration;
          this.#served.set(kindKeyOf(apiVersionOf(resource), resource.kind), registration);
          this.#stores.set(
            keyOf(registration.resource),
            createStore(this.#options, loaded.storage, registration, registration),
          );
        }
      },
    };
  }

  /** Forgets a resource; its objects stay. */
  remove(dynamic: DynamicResource): void {
    for (const { resource } of dynamic.registrations) {
      this.#stores.delete(keyOf(resource));
      this.#served.delete(kindKeyOf(apiVersionOf(resource), resource.kind));
    }
    this.#storage.remove(dynamic.stored);
  }

  resource<T>(type: ResourceType<T>): ResourceRegistry<T> {
    // The type's parameter says what is stored under its name.
    return this.store(type) as ResourceRegistry<unknown> as ResourceRegistry<T>;
  }

  lister<T>(type: ResourceType<T>): StorageLister<T> {
    return this.#storage.lister(type);
  }

  served(apiVersion: string, kind: string): ServedKind | undefined {
    const registration = this.#served.get(kindKeyOf(apiVersion, kind));
    if (!registration) return undefined;
    const { resource, convert } = registration;
    const store = this.store(resource);
    const inVersion = async (objects: readonly KubeObject[]): Promise<readonly KubeObject[]> => {
      await convert?.ask?.fromStorage(objects);
      return convert ? objects.map((object) => convert.fromStorage(object)) : objects;
    };
    return {
      resource,
      kind: defined(
        registration.kind ?? this.#options.scheme.kind(resource.group, resource.version, resource.kind),
        resource.kind,
      ),
      get: async (namespace, name) => {
        const stored = store.storage.get(namespace, name);
        return stored && (await inVersion([stored.object()]))[0];
      },
      list: async (namespace) =>
        await inVersion(store.storage.all(namespace === "" ? undefined : namespace).map((stored) => stored.object())),
    };
  }

  /** The store behind a resource. */
  store(type: { readonly group: string; readonly version: string; readonly resource: string }): RegistryStore {
    return defined(this.#stores.get(keyOf(type)), `registry of ${keyOf(type)}`);
  }

  stores(): Iterable<RegistryStore> {
    return this.#stores.values();
  }
}

interface StoreOptions {
  readonly scheme: Scheme;
  readonly clock: Clock;
  readonly random: Random;
}

function createStore(
  { scheme, clock, random }: StoreOptions,
  storage: ResourceStorage,
  registration: ResourceRegistration,
  home: ResourceRegistration,
): RegistryStore {
  const { resource } = registration;
  const strategy = home.strategy ?? noStrategy;
  const subresources: Record<string, SubresourceStrategy> = {};
  for (const [name, { subresource }] of subresourcesOf(home))
    if ("strategy" in subresource && subresource.strategy) subresources[name] = subresource.strategy;
  if (subresources["status"] === statusStrategy && strategy.validateStatus) {
    subresources["status"] = { validateUpdate: strategy.validateStatus.bind(strategy) };
  }
  const hasStatusSubresource = resource.subresources.some(({ name }) => name === "status");
  return new RegistryStore({
    names: {
      gr: { group: resource.group, resource: resource.resource },
      // Messages about an object name the kind it is stored as.
      gk: { group: home.resource.group, kind: home.resource.kind },
      namespaced: resource.namespaced,
      storagePrefix: resource.storagePrefix,
      checksMetadataOnce: strategy.checksMetadataOnce ?? false,
    },
    storage,
    strategy,
    generation: strategy.generation ?? (hasStatusSubresource ? "spec" : "none"),
    hasStatus: strategy.hasStatus ?? hasStatusSubresource,
    emptyStatus: emptyStatusOf(scheme, home.resource),
    subresources,
    clock,
    random,
  });
}

/** The status of an object that has none yet, in normal form. */
function emptyStatusOf(scheme: Scheme, resource: ApiResource): () => unknown {
  let status: { readonly value: unknown } | undefined;
  return () => {
    if (!status) {
      const { group, version, kind } = resource;
      const decoded = scheme.kind(group, version, kind)?.decode({ kind, apiVersion: "" }).object;
      status = { value: (decoded as { readonly status?: unknown } | undefined)?.status };
    }
    return cloneJson(status.value);
  };
}

function storedResource({ resource, strategy }: ResourceRegistration): StoredResource {
  const { group, resource: name, storagePrefix, namespaced } = resource;
  const selectableFields = strategy?.selectableFields?.bind(strategy);
  return { group, resource: name, storagePrefix, namespaced, ...(selectableFields ? { selectableFields } : {}) };
}

function isStorageVersion(resource: ApiResource): boolean {
  return resource.group === resource.storage.group && resource.version === resource.storage.version;
}

function kindKeyOf(apiVersion: string, kind: string): string {
  return `${apiVersion}/${kind}`;
}

function keyOf(type: { readonly group: string; readonly version: string; readonly resource: string }): string {
  return `${type.group}/${type.version}/${type.resource}`;
}
