import { apiVersionOf, type Input, type ResourceType } from "../../apimachinery/resource-type.ts";
import type { DeleteOptions } from "../../apimachinery/meta/v1/types.gen.ts";
import { assert } from "../../component-base/assert.ts";
import { utf8Encode } from "../../component-base/bytes.ts";
import type {
  ApiClient,
  ClientWatchEvent,
  ListOptions,
  ObjectList,
  PatchType,
  RequestOptions,
  ResourceClient,
  WatchOptions,
  WriteOptions,
} from "./api-client.ts";
import { RequestSender, type RequestSenderOptions } from "./request-sender.ts";
import { decodeWatchStream } from "./watch-decoder.ts";

const patchContentTypes: Readonly<Record<PatchType, string>> = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
};

const json = "application/json";
// Plain JSON last: a server that cannot reduce objects to their metadata sends them whole.
const metadataList = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
const metadataObject = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";

/**
 * A client that speaks JSON over a Transport. What it retries, and how often, is in RequestSender. The identity is the
 * transport's (a client certificate, an in-process user) or that of `bearerToken`.
 */
export function createApiClient(options: RequestSenderOptions): ApiClient {
  const sender = new RequestSender(options);
  return {
    resource: <T>(type: ResourceType<T>, namespace?: string) => new RestResourceClient<T>(sender, type, namespace),
    request: async <R>(method: string, path: string, body?: unknown, requestOptions: RequestOptions = {}) => {
      const { contentType, text } = await sender.exchange({
        method,
        path,
        accept: json,
        ...(body === undefined ? {} : { body: encode(body), contentType: json }),
        ...(requestOptions.signal ? { signal: requestOptions.signal } : {}),
      });
      // Health endpoints answer in plain text.
      return (contentType.startsWith(json) ? JSON.parse(text) : text) as R;
    },
  };
}

/** What every call of one resource shares: paths, queries and bodies. */
class RestResourceClient<T> implements ResourceClient<T> {
  readonly #sender: RequestSender;
  readonly #type: ResourceType<T>;
  readonly #apiVersion: string;
  readonly #namespace: string | undefined;

  constructor(sender: RequestSender, type: ResourceType<T>, namespace: string | undefined) {
    this.#sender = sender;
    this.#type = type;
    this.#apiVersion = apiVersionOf(type);
    this.#namespace = type.namespaced && namespace !== "" ? namespace : undefined;
  }

  get(name: string, options: RequestOptions = {}): Promise<T> {
    return this.#call<T>("GET", this.#itemPath(name), options);
  }

  async list(options: ListOptions = {}): Promise<ObjectList<T>> {
    const path = this.#collectionPath(this.#namespace) + listQuery(options);
    const list = await this.#call<{ metadata?: ObjectList<T>["metadata"]; items?: Record<string, unknown>[] | null }>(
      "GET",
      path,
      options,
      undefined,
      json,
      options.metadataOnly ? metadataList : json,
    );
    const items = list.items ?? [];
    for (const item of items) {
      item["apiVersion"] ??= this.#apiVersion;
      item["kind"] ??= this.#type.kind;
    }
    return { metadata: list.metadata ?? {}, items: items as T[] };
  }

  async *watch(options: WatchOptions = {}): AsyncGenerator<ClientWatchEvent<T>, void, undefined> {
    const response = await this.#sender.send({
      method: "GET",
      path: this.#collectionPath(this.#namespace) + watchQuery(options),
      accept: options.metadataOnly ? metadataObject : json,
      ...(options.signal ? { signal: options.signal } : {}),
    });
    yield* decodeWatchStream<T>(response.body);
  }

  create(object: Input<T>, options: WriteOptions = {}): Promise<T> {
    const namespace = this.#namespace ?? metadataOf(object).namespace;
    return this.#call<T>("POST", this.#collectionPath(namespace) + writeQuery(options), options, this.#typed(object));
  }

  update(object: Input<T>, options: WriteOptions = {}): Promise<T> {
    return this.#call<T>("PUT", this.#objectPath(object) + writeQuery(options), options, this.#typed(object));
  }

  updateStatus(object: Input<T>, options: WriteOptions = {}): Promise<T> {
    const path = `${this.#objectPath(object)}/status${writeQuery(options)}`;
    return this.#call<T>("PUT", path, options, this.#typed(object));
  }

  patch(
    name: string,
    type: PatchType,
    patch: unknown,
    options: WriteOptions & { readonly subresource?: string } = {},
  ): Promise<T> {
    const path = this.#itemPath(name, options.subresource) + writeQuery(options);
    return this.#call<T>("PATCH", path, options, patch, patchContentTypes[type]);
  }

  delete(name: string, options: Input<DeleteOptions> & RequestOptions = {}): Promise<unknown> {
    return this.#call("DELETE", this.#itemPath(name), options, deleteBody(options));
  }

  deleteCollection(options: Input<DeleteOptions> = {}, selection: ListOptions = {}): Promise<unknown> {
    const path = this.#collectionPath(this.#namespace) + listQuery(selection);
    return this.#call("DELETE", path, selection, deleteBody(options));
  }

  createSubresource<R>(name: string, subresource: string, body: unknown, options: WriteOptions = {}): Promise<R> {
    return this.#call<R>("POST", this.#itemPath(name, subresource) + writeQuery(options), options, body);
  }

  getSubresource<R>(name: string, subresource: string, options: RequestOptions = {}): Promise<R> {
    return this.#call<R>("GET", this.#itemPath(name, subresource), options);
  }

  updateSubresource<R>(name: string, subresource: string, body: unknown, options: WriteOptions = {}): Promise<R> {
    return this.#call<R>("PUT", this.#itemPath(name, subresource) + writeQuery(options), options, body);
  }

  async #call<R>(
    method: string,
    path: string,
    options: RequestOptions,
    body?: unknown,
    contentType = json,
    accept = json,
  ): Promise<R> {
    const { text } = await this.#sender.exchange({
      method,
      path,
      accept,
      subject: { method, group: this.#type.group, resource: this.#type.resource, name: "" },
      ...(body === undefined ? {} : { body: encode(body), contentType }),
      ...(options.signal ? { signal: options.signal } : {}),
    });
    return JSON.parse(text) as R;
  }

  #collectionPath(namespace: string | undefined): string {
    const root = this.#type.group === "" ? `/api/${this.#type.version}` : `/apis/${this.#apiVersion}`;
    const inNamespace = this.#type.namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : "";
    return `${root}${inNamespace}/${this.#type.resource}`;
  }

  #itemPath(name: string, subresource?: string, namespace = this.#namespace): string {
    assert(name !== "", `${this.#type.resource}: name may not be empty`);
    assert(!this.#type.namespaced || namespace, `${this.#type.resource}: an object needs a namespace`);
    const path = `${this.#collectionPath(namespace)}/${encodeURIComponent(name)}`;
    return subresource ? `${path}/${subresource}` : path;
  }

  #objectPath(object: Input<T>): string {
    const metadata = metadataOf(object);
    return this.#itemPath(metadata.name ?? "", undefined, this.#namespace ?? metadata.namespace);
  }

  #typed(object: Input<T>): unknown {
    return { apiVersion: this.#apiVersion, kind: this.#type.kind, ...(object as object) };
  }
}

/** Every API object has metadata; the type parameter does not say so, since lists of raw types are allowed. */
function metadataOf(object: unknown): { readonly name?: string; readonly namespace?: string } {
  return (object as { readonly metadata?: { readonly name?: string; readonly namespace?: string } }).metadata ?? {};
}

function encode(body: unknown): Uint8Array {
  return utf8Encode(JSON.stringify(body));
}

function deleteBody(options: Input<DeleteOptions> & RequestOptions): unknown {
  const { signal: _, ...body } = options;
  return { apiVersion: "v1", kind: "DeleteOptions", ...body };
}

function writeQuery(options: WriteOptions): string {
  return query({
    fieldManager: options.fieldManager,
    dryRun: options.dryRun ? "All" : undefined,
    fieldValidation: options.fieldValidation,
    force: options.force,
  });
}

function listQuery(options: ListOptions): string {
  return query({
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
    resourceVersion: options.resourceVersion,
    resourceVersionMatch: options.resourceVersionMatch,
    limit: options.limit,
    continue: options.continue,
  });
}

function watchQuery(options: WatchOptions): string {
  return query({
    watch: true,
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
    resourceVersion: options.resourceVersion,
    // The server demands it with sendInitialEvents, and takes no other value.
    resourceVersionMatch: options.sendInitialEvents === undefined ? undefined : "NotOlderThan",
    sendInitialEvents: options.sendInitialEvents,
    allowWatchBookmarks: options.allowWatchBookmarks,
    timeoutSeconds: options.timeoutSeconds,
  });
}

function query(parameters: Readonly<Record<string, string | number | boolean | undefined>>): string {
  let text = "";
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined || value === "") continue;
    text += `${text === "" ? "?" : "&"}${name}=${encodeURIComponent(value)}`;
  }
  return text;
}
