import type { Input, KubeObject, Mutable, ResourceType } from "../../../apimachinery/resource-type.ts";
import type { ApiResource, ObjectKind } from "../../../apimachinery/scheme/scheme.ts";
import type { DeleteOptions } from "../../../apimachinery/meta/v1/types.gen.ts";
import type { RequestContext } from "./strategy.ts";

/**
 * One resource's objects, synchronously, from the watch cache: what has been committed at the moment of the call.
 * Objects are shared and read-only. Reads before the storage is ready see nothing.
 */
export interface StorageLister<T = KubeObject> {
  /** `namespace` is "" for cluster-scoped kinds. Parses on demand; O(1) besides. */
  get(namespace: string, name: string): T | undefined;
  /** All objects, or those of one namespace. */
  list(namespace?: string): readonly T[];
  /** Rises with every change of this resource; equal means that nothing changed, so that derived data may be kept. */
  readonly revision: number;
  /** Calls back after every change, with the state before and after; returns the removal. Must be quick and must not throw. */
  onChange(handler: (current: T | undefined, previous: T | undefined) => void): () => void;
}

/** Preconditions of a write; a mismatch is a Conflict. */
export interface WritePreconditions {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/** The registry of one resource as server-side code uses it: the strategy's rules apply, admission and authorization do not. */
export interface ResourceRegistry<T = KubeObject> {
  /** Rejects with NotFound. Objects returned are read-only. */
  get(namespace: string, name: string): Promise<T>;
  list(namespace?: string): Promise<readonly T[]>;
  /** Owns the object, which must be complete but for what the server sets: it is neither defaulted nor decoded. */
  create(object: Input<T>, context: RequestContext): Promise<T>;
  /**
   * Reads, changes, checks and writes, again on a concurrent change. `change` owns its argument, a private copy, and
   * may be called several times; what it throws ends the update. `subresource` picks that subresource's strategy.
   */
  update(
    namespace: string,
    name: string,
    change: (object: Mutable<T>) => void | Promise<void>,
    context: RequestContext,
    options?: { readonly preconditions?: WritePreconditions; readonly subresource?: string },
  ): Promise<T>;
  /** Graceful where the strategy says so; the object as it is after the call, or as it was when it is gone. */
  delete(namespace: string, name: string, options: DeleteOptions, context: RequestContext): Promise<T>;
}

/** A kind in one of the versions it is served in. Objects are read-only, and in that version. */
export interface ServedKind {
  readonly resource: ApiResource;
  readonly kind: ObjectKind;
  get(namespace: string, name: string): Promise<KubeObject | undefined>;
  /** Those of one namespace, or all when it is "". */
  list(namespace: string): Promise<readonly KubeObject[]>;
}

/** The registries of one server by resource. Throws AssertionError for a resource that is not registered. */
export interface RegistryAccess {
  /** A kind by the names clients use, custom ones included; undefined when it is not served, or not stored. */
  served(apiVersion: string, kind: string): ServedKind | undefined;
  resource<T>(type: ResourceType<T>): ResourceRegistry<T>;
  lister<T>(type: ResourceType<T>): StorageLister<T>;
}
