import { utf8Decode, utf8Encode } from "../../component-base/bytes.ts";
import type { Clock } from "../../component-base/clock.ts";
import type { Transport, TransportRequest, TransportResponse } from "../../component-base/http.ts";
import { EventSignal } from "../../component-base/event-signal.ts";
import { randomName, randomUuid, type Random } from "../../component-base/random.ts";
import type { ResourceType } from "../../apimachinery/resource-type.ts";
import { discoveryDocument } from "./fake-discovery.ts";
import { matchesLabelSelector, mergePatch } from "./fake-semantics.ts";

/** An object as the fake keeps it. */
export interface FakeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: FakeMetadata;
  readonly spec?: unknown;
  readonly status?: unknown;
}

interface FakeMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation?: number;
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly { readonly uid: string }[];
}

interface LoggedEvent {
  readonly revision: number;
  readonly collection: string;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: FakeObject;
  readonly previous: FakeObject | undefined;
}

/** A request as a test sees it. */
export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

/** What a path means. */
interface Route {
  /** `/apis/apps/v1/deployments`: one collection for all namespaces. */
  readonly collection: string;
  readonly apiVersion: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

/** Answers a request instead of the fake; undefined lets the fake answer. */
export type Interceptor = (request: RecordedRequest) => FakeAnswer | undefined;

export interface FakeAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

const withoutStatus = new Set([
  "configmaps",
  "endpoints",
  "endpointslices",
  "events",
  "leases",
  "secrets",
  "serviceaccounts",
]);

/**
 * An API server for unit tests of clients: one revision counter, optimistic locking, generateName, finalizers, graceful
 * deletion of pods, propagation policies as finalizers, generation, status subresources, watch with bookmarks and 410.
 * It neither defaults nor validates nor authorizes; integration tests use the real server.
 */
export class FakeApiServer implements Transport {
  readonly requests: RecordedRequest[] = [];
  intercept: Interceptor = () => undefined;
  /** What discovery tells. All paths work, whether told or not. */
  served: readonly ResourceType[] = [];
  /** Versions that discovery tells and nobody answers for: `metrics.k8s.io/v1beta1`. */
  unavailable: ReadonlySet<string> = new Set();
  readonly #objects = new Map<string, Map<string, FakeObject>>();
  #log: LoggedEvent[] = [];
  #revision = 1;
  #compacted = 0;
  #changed = new EventSignal();
  #cutters = new Set<() => void>();
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Requests other than reads, as `POST /api/v1/namespaces/a/pods`. */
  get writes(): readonly string[] {
    return this.requests.filter((r) => r.method !== "GET").map((r) => `${r.method} ${r.path.replace(/\?.*/, "")}`);
  }

  /** Forgets the history: watches from before get 410. */
  compact(): void {
    this.#compacted = this.#revision;
    this.#log = [];
  }

  /** Ends all watches, as a restarting server does. */
  cutWatches(): void {
    for (const cut of this.#cutters) cut();
  }

  send(request: TransportRequest): Promise<TransportResponse> {
    const recorded: RecordedRequest = {
      method: request.method,
      path: request.path,
      body: request.body ? JSON.parse(utf8Decode(request.body)) : undefined,
    };
    const url = new URL(request.path, "http://fake");
    if (this.unavailable.has(url.pathname.replace(/^\/apis\//, "")))
      return Promise.resolve(toResponse(failure(503, "ServiceUnavailable", "service unavailable")));
    const discovery = discoveryDocument(this.served, url.pathname);
    if (discovery) return Promise.resolve(toResponse({ status: 200, body: discovery }));
    const isWatch = url.searchParams.get("watch") === "true";
    if (!isWatch) this.requests.push(recorded);
    const intercepted = this.intercept(recorded);
    if (intercepted) return Promise.resolve(toResponse(intercepted));
    const route = parseRoute(url.pathname);
    if (!route) return Promise.resolve(toResponse(failure(404, "NotFound", "no such path")));
    if (isWatch) return Promise.resolve(this.#watch(route, url.searchParams, request.signal));
    return Promise.resolve(
      toResponse(this.#handle(recorded, route, url.searchParams, request.headers["content-type"])),
    );
  }

  #handle(request: RecordedRequest, route: Route, query: URLSearchParams, contentType = ""): FakeAnswer {
    switch (request.method) {
      case "GET":
        return route.name ? this.#get(route) : this.#list(route, query);
      case "POST":
        return this.#create(route, request.body as Partial<FakeObject>);
      case "PUT":
        return this.#update(route, request.body as FakeObject);
      case "PATCH": {
        const current = this.#find(route);
        if (!current) return notFound(route);
        const patched = mergePatch(current, request.body, contentType.includes("strategic"));
        return this.#update(route, patched as FakeObject);
      }
      case "DELETE":
        return route.name ? this.#delete(route, request.body) : this.#deleteCollection(route, query);
      default:
        return failure(405, "MethodNotAllowed", request.method);
    }
  }

  #get(route: Route): FakeAnswer {
    const found = this.#find(route);
    return found ? { status: 200, body: found } : notFound(route);
  }

  #list(route: Route, query: URLSearchParams): FakeAnswer {
    const items = this.#matching(route, query).map(({ apiVersion: _a, kind: _k, ...rest }) => rest);
    return {
      status: 200,
      body: { kind: "List", apiVersion: "v1", metadata: { resourceVersion: String(this.#revision) }, items },
    };
  }

  #matching(route: Route, query: URLSearchParams): FakeObject[] {
    return [...this.#collection(route.collection).values()].filter((o) => selects(route, query, o));
  }

  #create(route: Route, input: Partial<FakeObject>): FakeAnswer {
    if (route.subresource === "binding") return this.#bind(route, input);
    const meta = (input.metadata ?? {}) as Partial<FakeMetadata> & { generateName?: string };
    const name = meta.name || `${meta.generateName ?? ""}${randomName(this.#random)}`;
    const key = `${route.namespace ?? ""}/${name}`;
    if (this.#collection(route.collection).has(key)) return failure(409, "AlreadyExists", `${name} already exists`);
    const object: FakeObject = {
      ...(this.#hasStatus(route) ? { spec: {}, status: {} } : {}),
      ...input,
      apiVersion: input.apiVersion ?? route.apiVersion,
      kind: input.kind ?? "",
      metadata: {
        ...meta,
        name,
        ...(route.namespace ? { namespace: route.namespace } : {}),
        uid: randomUuid(this.#random),
        generation: 1,
        creationTimestamp: this.#timestamp(),
        resourceVersion: "",
      },
    };
    return { status: 201, body: this.#store(route.collection, key, object, undefined) };
  }

  #bind(route: Route, binding: unknown): FakeAnswer {
    const pod = this.#find(route);
    if (!pod) return notFound(route);
    const nodeName = (binding as { target?: { name?: string } }).target?.name;
    return this.#update({ ...route, subresource: undefined }, { ...pod, spec: { ...(pod.spec as object), nodeName } });
  }

  #update(route: Route, input: FakeObject): FakeAnswer {
    const current = this.#find(route);
    if (!current) return notFound(route);
    const wanted = input.metadata.resourceVersion;
    if (wanted && wanted !== current.metadata.resourceVersion)
      return failure(409, "Conflict", "the object has been modified; please apply your changes to the latest version");
    if (input.metadata.uid && input.metadata.uid !== current.metadata.uid)
      return failure(409, "Conflict", "Precondition failed: UID in precondition does not match");
    const key = `${route.namespace ?? ""}/${current.metadata.name}`;
    const { uid, creationTimestamp, deletionTimestamp, generation = 1 } = current.metadata;
    const isStatus = route.subresource === "status" || route.subresource === "approval";
    const isFinalize = route.subresource === "finalize";
    const spec = isStatus ? current.spec : input.spec;
    const hasNewSpec = JSON.stringify(spec) !== JSON.stringify(current.spec);
    const object: FakeObject = {
      ...(isStatus ? current : input),
      spec,
      status: isStatus || !this.#hasStatus(route) ? input.status : current.status,
      metadata: {
        ...(isStatus || isFinalize ? current.metadata : input.metadata),
        name: current.metadata.name,
        uid,
        creationTimestamp,
        ...(deletionTimestamp ? { deletionTimestamp } : {}),
        generation: generation + (hasNewSpec ? 1 : 0),
        resourceVersion: current.metadata.resourceVersion,
      },
    };
    if (JSON.stringify(sorted(object)) === JSON.stringify(sorted(current))) return { status: 200, body: current };
    const isFinal = deletionTimestamp && !object.metadata.finalizers?.length && !this.#isHeldByGrace(route, object);
    const isEmptyNamespace = isFinalize && !(spec as { finalizers?: unknown[] }).finalizers?.length;
    if (isFinal && (!this.#isNamespaces(route) || isEmptyNamespace))
      return { status: 200, body: this.#remove(route.collection, key, object) };
    return { status: 200, body: this.#store(route.collection, key, object, current) };
  }

  #delete(route: Route, options: unknown): FakeAnswer {
    const current = this.#find(route);
    if (!current) return notFound(route);
    const { preconditions, propagationPolicy, gracePeriodSeconds } = (options ?? {}) as {
      preconditions?: { uid?: string; resourceVersion?: string };
      propagationPolicy?: string;
      gracePeriodSeconds?: number;
    };
    if (preconditions?.uid && preconditions.uid !== current.metadata.uid)
      return failure(409, "Conflict", "Precondition failed: UID in precondition does not match");
    if (preconditions?.resourceVersion && preconditions.resourceVersion !== current.metadata.resourceVersion)
      return failure(409, "Conflict", "Precondition failed: ResourceVersion does not match");
    const key = `${route.namespace ?? ""}/${current.metadata.name}`;
    const finalizers = new Set(current.metadata.finalizers);
    if (propagationPolicy === "Foreground") finalizers.add("foregroundDeletion");
    if (propagationPolicy === "Orphan") finalizers.add("orphan");
    if (propagationPolicy === "Background") finalizers.delete("foregroundDeletion");
    const spec = current.spec as { nodeName?: string; finalizers?: unknown[] } | undefined;
    const isGraceful = route.collection === "/api/v1/pods" && spec?.nodeName && gracePeriodSeconds !== 0;
    const isHeld = isGraceful || (this.#isNamespaces(route) && spec?.finalizers?.length);
    if (finalizers.size === 0 && !isHeld) return { status: 200, body: this.#remove(route.collection, key, current) };
    if (current.metadata.deletionTimestamp && finalizers.size === (current.metadata.finalizers?.length ?? 0))
      return { status: 200, body: current };
    const object: FakeObject = {
      ...current,
      ...(this.#isNamespaces(route) ? { status: { ...(current.status as object), phase: "Terminating" } } : {}),
      metadata: {
        ...current.metadata,
        ...(finalizers.size > 0 ? { finalizers: [...finalizers] } : {}),
        deletionTimestamp: this.#timestamp(),
        deletionGracePeriodSeconds: isGraceful ? 30 : 0,
      },
    };
    return { status: 200, body: this.#store(route.collection, key, object, current) };
  }

  #deleteCollection(route: Route, query: URLSearchParams): FakeAnswer {
    for (const object of this.#matching(route, query))
      this.#delete({ ...route, namespace: object.metadata.namespace, name: object.metadata.name }, undefined);
    return { status: 200, body: { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success" } };
  }

  #isHeldByGrace(route: Route, object: FakeObject): boolean {
    const isBound = (object.spec as { nodeName?: string } | undefined)?.nodeName !== undefined;
    return route.collection === "/api/v1/pods" && isBound;
  }

  #isNamespaces(route: Route): boolean {
    return route.collection === "/api/v1/namespaces";
  }

  #hasStatus(route: Route): boolean {
    return !withoutStatus.has(route.collection.split("/").at(-1) ?? "");
  }

  #store(collection: string, key: string, object: FakeObject, previous: FakeObject | undefined): FakeObject {
    const revision = ++this.#revision;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
    this.#collection(collection).set(key, stored);
    this.#emit({ revision, collection, type: previous ? "MODIFIED" : "ADDED", object: stored, previous });
    return stored;
  }

  #remove(collection: string, key: string, object: FakeObject): FakeObject {
    const revision = ++this.#revision;
    const last = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
    this.#collection(collection).delete(key);
    this.#emit({ revision, collection, type: "DELETED", object: last, previous: last });
    return last;
  }

  #emit(event: LoggedEvent): void {
    this.#log.push(event);
    const changed = this.#changed;
    this.#changed = new EventSignal();
    changed.set();
  }

  #watch(route: Route, query: URLSearchParams, signal?: AbortSignal): TransportResponse {
    return { status: 200, headers: { "content-type": "application/json" }, body: this.#events(route, query, signal) };
  }

  async *#events(route: Route, query: URLSearchParams, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const line = (type: string, object: unknown): Uint8Array => utf8Encode(`${JSON.stringify({ type, object })}\n`);
    const ended = new AbortController();
    if (signal?.aborted) ended.abort();
    const cut = (): void => ended.abort();
    signal?.addEventListener("abort", cut, { once: true });
    this.#cutters.add(cut);
    try {
      let from = Number(query.get("resourceVersion") ?? 0);
      if (query.get("sendInitialEvents") === "true") {
        from = this.#revision;
        for (const object of this.#matching(route, query)) yield line("ADDED", object);
        const annotations = { "k8s.io/initial-events-end": "true" };
        yield line("BOOKMARK", { metadata: { resourceVersion: String(from), annotations } });
      } else if (from < this.#compacted) {
        yield line("ERROR", failure(410, "Expired", "too old resource version").body);
        return;
      }
      while (!ended.signal.aborted) {
        const changed = this.#changed;
        for (const event of this.#log) {
          if (event.revision <= from || event.collection !== route.collection) continue;
          from = event.revision;
          const type = visibleType(event, route, query);
          if (type) yield line(type, event.object);
        }
        if (changed === this.#changed) await changed.wait(ended.signal);
      }
    } finally {
      signal?.removeEventListener("abort", cut);
      this.#cutters.delete(cut);
    }
  }

  #find(route: Route): FakeObject | undefined {
    return this.#collection(route.collection).get(`${route.namespace ?? ""}/${route.name ?? ""}`);
  }

  #collection(name: string): Map<string, FakeObject> {
    const found = this.#objects.get(name);
    if (found) return found;
    const created = new Map<string, FakeObject>();
    this.#objects.set(name, created);
    return created;
  }

  #timestamp(): string {
    return new Date(this.#clock.now()).toISOString().replace(/\.\d+Z$/, "Z");
  }
}

/** An update that moves an object out of or into the selection is a deletion or an addition to its watcher. */
function visibleType(event: LoggedEvent, route: Route, query: URLSearchParams): string | undefined {
  const isIn = selects(route, query, event.object);
  if (event.type !== "MODIFIED") return isIn ? event.type : undefined;
  const wasIn = event.previous !== undefined && selects(route, query, event.previous);
  if (isIn) return wasIn ? "MODIFIED" : "ADDED";
  return wasIn ? "DELETED" : undefined;
}

function selects(route: Route, query: URLSearchParams, object: FakeObject): boolean {
  if (route.namespace && route.namespace !== object.metadata.namespace) return false;
  const fieldSelector = query.get("fieldSelector");
  if (fieldSelector?.startsWith("metadata.name=") && fieldSelector.slice(14) !== object.metadata.name) return false;
  return matchesLabelSelector(query.get("labelSelector") ?? "", object.metadata.labels ?? {});
}

function parseRoute(path: string): Route | undefined {
  const parts = path.split("/").filter((p) => p !== "");
  const rootLength = parts[0] === "api" ? 2 : 3;
  const root = parts.slice(0, rootLength);
  let rest = parts.slice(rootLength).map((p) => decodeURIComponent(p));
  if (rest.length === 0) return undefined;
  let namespace: string | undefined;
  const isOwnSubresource = rest[0] === "namespaces" && (rest[2] === "status" || rest[2] === "finalize");
  if (rest[0] === "namespaces" && rest.length > 2 && !isOwnSubresource) {
    namespace = rest[1];
    rest = rest.slice(2);
  }
  const [resource, name, subresource] = rest;
  const apiVersion = root.slice(1).join("/");
  return { collection: `/${root.join("/")}/${resource}`, apiVersion, namespace, name, subresource };
}

function notFound(route: Route): FakeAnswer {
  return failure(404, "NotFound", `${route.collection} "${route.name ?? ""}" not found`);
}

function failure(code: number, reason: string, message: string): FakeAnswer {
  const body = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason, code };
  return { status: code, body };
}

function toResponse(answer: FakeAnswer): TransportResponse {
  const bytes = utf8Encode(JSON.stringify(answer.body));
  return {
    status: answer.status,
    headers: { "content-type": "application/json", ...answer.headers },
    body: (async function* () {
      yield bytes;
    })(),
  };
}

/** The value with sorted keys, to compare regardless of field order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, v]) => v !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([k, v]) => [k, sorted(v)]),
  );
}
