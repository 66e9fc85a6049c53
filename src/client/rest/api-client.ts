import type { Input, ResourceType } from "../../apimachinery/resource-type.ts";
import type { DeleteOptions, ListMeta, Status } from "../../apimachinery/meta/v1/types.gen.ts";

/** A list as the server returns it. Items carry no apiVersion and kind of their own on the wire; the client fills them in. */
export interface ObjectList<T> {
  readonly metadata: ListMeta;
  readonly items: readonly T[];
}

export type PatchType = "json" | "merge" | "strategic" | "apply";

export interface RequestOptions {
  readonly signal?: AbortSignal;
}

export interface WriteOptions extends RequestOptions {
  readonly fieldManager?: string;
  readonly dryRun?: boolean;
  readonly fieldValidation?: "Strict" | "Warn" | "Ignore";
  /** For apply patches: take fields over from other managers. */
  readonly force?: boolean;
}

export interface ListOptions extends RequestOptions {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: "Exact" | "NotOlderThan";
  readonly limit?: number;
  readonly continue?: string;
  /** Asks for metadata alone; a server that cannot leave the rest out sends whole objects. */
  readonly metadataOnly?: boolean;
}

export interface WatchOptions extends RequestOptions {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion?: string;
  readonly allowWatchBookmarks?: boolean;
  readonly sendInitialEvents?: boolean;
  readonly timeoutSeconds?: number;
  readonly metadataOnly?: boolean;
}

export type ClientWatchEvent<T> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: T }
  | { readonly type: "BOOKMARK"; readonly object: T }
  | { readonly type: "ERROR"; readonly object: Status };

/**
 * One resource in one namespace (or cluster-wide). Every method rejects with StatusError when the server refuses, and
 * with TransportError when there is no answer. Objects returned are the caller's to read, not to change.
 */
export interface ResourceClient<T> {
  get(name: string, options?: RequestOptions): Promise<T>;
  list(options?: ListOptions): Promise<ObjectList<T>>;
  /** Ends when the server ends the watch; leaving the loop closes it. */
  watch(options?: WatchOptions): AsyncIterable<ClientWatchEvent<T>>;
  create(object: Input<T>, options?: WriteOptions): Promise<T>;
  /** Replaces; `metadata.resourceVersion`, when set, must be the current one. */
  update(object: Input<T>, options?: WriteOptions): Promise<T>;
  updateStatus(object: Input<T>, options?: WriteOptions): Promise<T>;
  /** `subresource` is e.g. `status` or `scale`. */
  patch(
    name: string,
    type: PatchType,
    patch: unknown,
    options?: WriteOptions & { readonly subresource?: string },
  ): Promise<T>;
  delete(name: string, options?: Input<DeleteOptions> & RequestOptions): Promise<unknown>;
  deleteCollection(options?: Input<DeleteOptions>, selection?: ListOptions): Promise<unknown>;
  /** POSTs to a subresource: `binding`, `eviction`, `token` … */
  createSubresource<R = unknown>(name: string, subresource: string, body: unknown, options?: WriteOptions): Promise<R>;
  getSubresource<R = unknown>(name: string, subresource: string, options?: RequestOptions): Promise<R>;
  updateSubresource<R = unknown>(name: string, subresource: string, body: unknown, options?: WriteOptions): Promise<R>;
}

/** A client of one API server under one identity. */
export interface ApiClient {
  /** All namespaces for reads of a namespaced type, when `namespace` is absent. */
  resource<T>(type: ResourceType<T>, namespace?: string): ResourceClient<T>;
  /** A raw request; `path` includes the query. Resolves to the parsed JSON body. For discovery and non-resource paths. */
  request<R = unknown>(method: string, path: string, body?: unknown, options?: RequestOptions): Promise<R>;
}
