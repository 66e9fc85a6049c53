import { defined } from "../../../component-base/assert.ts";
import type { ByteSink, HttpResponse } from "../../../component-base/http.ts";
import type { Timer } from "../../../component-base/clock.ts";
import { internalError, notAcceptable } from "../../../apimachinery/errors/new.ts";
import { StatusError } from "../../../apimachinery/errors/status-error.ts";
import type { ListOptions } from "../../../apimachinery/meta/v1/types.gen.ts";
import { watchFrame } from "../../../apimachinery/protobuf/watch-frame.ts";
import { apiVersionOf } from "../../../apimachinery/resource-type.ts";
import type { KubeObject } from "../../../apimachinery/resource-type.ts";
import type { ResourceEvent } from "../../storage/cacher/object-change.ts";
import { ResourceEvent as Event } from "../../storage/cacher/object-change.ts";
import type { WatchConsumer } from "../../storage/cacher/cache-watcher.ts";
import type { StorageWatch, WatchStart } from "../../storage/interface.ts";
import { parseResourceVersion } from "../../storage/resource-version.ts";
import type { FieldRequirement, Selection } from "../../storage/selection.ts";
import type { StoredObject } from "../../storage/stored-object.ts";
import type { Encoding, Negotiated } from "../negotiation.ts";
import { parseIncludeObject, parseListOptions } from "../query-options.ts";
import type { RequestScope } from "../request-scope.ts";
import type { ResourceEndpoint } from "../resource-endpoint.ts";
import { prepareStored, served } from "../resource-endpoint.ts";
import { storedProtobuf, encodeValue } from "../response.ts";
import { protobufType } from "../serializer.ts";
import { parseSelection } from "../selection.ts";
import { selectServed, selectServedEvents, splitSelection } from "../served-fields.ts";
import { bareRow, checkPartial, goTypeOf, partialObject, tableColumns, tableOf, tableRow } from "../table.ts";
import { negotiateView } from "./read.ts";

/** Events a watch may be behind by while its client does not read; then it is closed and the client resumes from its last revision. */
const queuedEventsMax = 10_000;
/** Objects per write of the initial state. */
const initialGroup = 256;
const bookmarkIntervalMs = 60_000;
/** The last bookmark comes this long before the watch times out. */
const bookmarkBeforeEndMs = 2_000;
const initialEventsEnd = "k8s.io/initial-events-end";

/** GET of a collection with `?watch`. All failures after the response has begun are ERROR events. */
export function handleWatch(endpoint: ResourceEndpoint, scope: RequestScope): HttpResponse {
  const { http, info } = scope;
  const options = parseListOptions(new URLSearchParams([...http.query, ["watch", "true"]]));
  const negotiated = negotiateView(endpoint, scope);
  if (negotiated.encoding.format === "yaml")
    throw notAcceptable(["application/json;stream=watch", `${protobufType};stream=watch`]);
  // A stream of metadata is one of single objects.
  if (negotiated.as !== "" && negotiated.as !== "Table") checkPartial(goTypeOf(endpoint), negotiated.as, false);
  const split = splitSelection(endpoint, parseSelection(endpoint, info.namespaceKey, options));
  const start = startOf(options);
  if (start.type === "state") defined(endpoint.store, "store").storage.checkNotOlderThan(String(start.notOlderThan));
  const encoder = encoderFor(endpoint, scope, negotiated);
  const initialized = (): void => scope.watchInitialized?.();
  return {
    status: 200,
    headers: { "content-type": streamTypeOf(negotiated.encoding) },
    body: (sink) =>
      new WatchSession(endpoint, options, encoder, sink, split.served).run(split.stored, start, initialized),
  };
}

/** A JSON stream goes by the name of a single object, as upstream's does. */
function streamTypeOf({ format, contentType }: Encoding): string {
  return format === "protobuf" ? `${contentType};stream=watch` : contentType;
}

/** "" and "0" begin with the present state, as does sendInitialEvents; all else continues after a revision. */
function startOf(options: ListOptions): WatchStart {
  const revision = parseResourceVersion(options.resourceVersion ?? "");
  if (options.sendInitialEvents === true) return { type: "state", notOlderThan: revision };
  if (options.sendInitialEvents === false && revision === 0) return { type: "now" };
  return revision === 0 ? { type: "state", notOlderThan: 0 } : { type: "after", revision };
}

/** Turns events into lines of the stream. */
interface FrameEncoder {
  /** `object` is the event's in parsed form, as the storage version has it. */
  event(event: ResourceEvent, object?: KubeObject): Uint8Array;
  bookmark(revision: number, isInitialEnd: boolean): Uint8Array;
  error(error: StatusError): Uint8Array;
}

function encoderFor(endpoint: ResourceEndpoint, scope: RequestScope, negotiated: Negotiated): FrameEncoder {
  const { as, asVersion } = negotiated;
  const encoding: Encoding = { ...negotiated.encoding, pretty: false };
  const include = parseIncludeObject(scope.http.query, as);
  const { kind } = endpoint.resource;
  const apiVersion = apiVersionOf(endpoint.resource);
  const line = (type: string, object: unknown): Uint8Array => {
    if (encoding.format === "protobuf") return watchFrame(type, encodeValue(object, encoding));
    const bytes = encodeValue({ type, object }, encoding);
    const out = new Uint8Array(bytes.length + 1);
    out.set(bytes);
    out[bytes.length] = 0x0a;
    return out;
  };
  let columns: readonly unknown[] | null = tableColumns(endpoint);
  const view = (stored: StoredObject, object: KubeObject): unknown => {
    if (as === "") return served(endpoint, object);
    if (as !== "Table") return partialObject(served(endpoint, object), asVersion);
    const meta = { resourceVersion: String(stored.revision) };
    const table = tableOf(meta, columns, [tableRow(endpoint, object, include, asVersion)], asVersion);
    // As upstream: only the first table of a watch says what its columns are.
    columns = null;
    return table;
  };
  const ownLine = (event: ResourceEvent, object = event.object.object()): Uint8Array =>
    line(event.type, view(event.object, object));
  return {
    event: as === "" && !endpoint.convert ? sharedFrame(encoding) : ownLine,
    bookmark: (revision, isInitialEnd) => {
      const annotations = isInitialEnd ? { annotations: { [initialEventsEnd]: "true" } } : {};
      const metadata = { resourceVersion: String(revision), creationTimestamp: null, ...annotations };
      if (as === "Table") {
        const row = bareRow(endpoint, { kind, apiVersion, metadata: metadata }, include, asVersion);
        return line("BOOKMARK", tableOf({ resourceVersion: String(revision) }, columns, [row], asVersion));
      }
      if (as !== "") return line("BOOKMARK", { kind: as, apiVersion: `meta.k8s.io/${asVersion}`, metadata });
      return line("BOOKMARK", { kind, apiVersion, metadata });
    },
    error: (error) => line("ERROR", error.toStatus()),
  };
}

/** The bytes all watchers of the storage version share. */
function sharedFrame(encoding: Encoding): (event: ResourceEvent) => Uint8Array {
  if (encoding.format !== "protobuf") return (event) => event.frame();
  return (event) => event.protobufFrame(({ type, object }) => watchFrame(type, storedProtobuf(object, encoding)));
}

/**
 * One client's watch: the initial state, then events as they come, bookmarks in between, until its time is up, the
 * client is gone or too slow, or the server stops.
 */
class WatchSession implements WatchConsumer {
  readonly #endpoint: ResourceEndpoint;
  readonly #options: ListOptions;
  readonly #encoder: FrameEncoder;
  readonly #sink: ByteSink;
  readonly #required: readonly FieldRequirement[];
  readonly #timers = new Set<Timer>();
  readonly #ended: Promise<void>;
  #resolveEnded: () => void = () => {};
  #watch: StorageWatch | undefined;
  /** Events that wait for the initial state to be sent, or for the client to read. */
  #queued: ResourceEvent[] = [];
  #isBlocked = true;
  #isOver = false;
  /** Of events that somebody else has to convert first: the end of their queue, and how many are in it. */
  #prepared: Promise<void> = Promise.resolve();
  #waiting = 0;
  /** What has been prepared and not been sent yet. */
  readonly #objects = new Map<StoredObject, KubeObject>();

  /** `required` are the fields only the served version shows. */
  constructor(
    endpoint: ResourceEndpoint,
    options: ListOptions,
    encoder: FrameEncoder,
    sink: ByteSink,
    required: readonly FieldRequirement[],
  ) {
    this.#required = required;
    this.#endpoint = endpoint;
    this.#options = options;
    this.#encoder = encoder;
    this.#sink = sink;
    this.#ended = new Promise((resolve) => (this.#resolveEnded = resolve));
  }

  /** `initialized` is called when what there was is sent. */
  async run(selection: Selection, start: WatchStart, initialized: () => void): Promise<void> {
    const { shutdown } = this.#endpoint.context;
    const storage = defined(this.#endpoint.store, "store").storage;
    const end = (): void => this.end();
    shutdown.addEventListener("abort", end, { once: true });
    this.#sink.signal.addEventListener("abort", end, { once: true });
    if (shutdown.aborted || this.#sink.signal.aborted) this.end();
    try {
      this.#watch = storage.watch(selection, start, this);
      this.#setTimers();
      await this.#sendInitial(this.#watch);
      initialized();
      this.#unblock();
      await this.#ended;
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      this.#sink.write([this.#encoder.error(error)]);
    } finally {
      this.#watch?.close();
      for (const timer of this.#timers) timer.cancel();
      shutdown.removeEventListener("abort", end);
      this.#sink.signal.removeEventListener("abort", end);
    }
  }

  deliver(events: readonly ResourceEvent[]): void {
    if (this.#isOver) return;
    if (this.#endpoint.convert?.ask) {
      this.#deliverPrepared(events);
      return;
    }
    this.#take(events);
  }

  /** One after the other: what was delivered first is sent first, however long somebody else takes to convert it. */
  #deliverPrepared(events: readonly ResourceEvent[]): void {
    this.#waiting += events.length;
    if (this.#waiting > queuedEventsMax) {
      this.end();
      return;
    }
    this.#prepared = this.#prepared.then(async () => {
      try {
        const selected = await selectServedEvents(this.#endpoint, events, this.#required);
        await this.#prepare(selected.map(({ object }) => object));
        this.#waiting -= events.length;
        this.#take(selected);
      } catch (error) {
        this.end(error instanceof StatusError ? error : internalError(error));
      }
    });
  }

  async #prepare(objects: readonly StoredObject[]): Promise<void> {
    for (const [stored, object] of await prepareStored(this.#endpoint, objects)) this.#objects.set(stored, object);
  }

  #take(events: readonly ResourceEvent[]): void {
    if (this.#isOver) return;
    if (!this.#isBlocked) {
      this.#write(events);
      return;
    }
    for (const event of events) this.#queued.push(event);
    if (this.#queued.length > queuedEventsMax) this.end();
  }

  end(error?: StatusError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (error && !this.#sink.signal.aborted) this.#sink.write([this.#encoder.error(error)]);
    this.#resolveEnded();
  }

  async #sendInitial(watch: StorageWatch): Promise<void> {
    const { initial, revision } = watch;
    for (let at = 0; at < initial.length && !this.#isOver; at += initialGroup) {
      const group = await selectServed(this.#endpoint, initial.slice(at, at + initialGroup), this.#required);
      await this.#prepare(group);
      const frames = group.map((o) => this.#frame(new Event("ADDED", o)));
      this.#count(frames.length);
      if (!this.#sink.write(frames)) await this.#sink.drained();
    }
    if (this.#options.sendInitialEvents && this.#options.allowWatchBookmarks && !this.#isOver)
      this.#sink.write([this.#encoder.bookmark(revision, true)]);
  }

  #frame(event: ResourceEvent): Uint8Array {
    const object = this.#objects.get(event.object);
    if (object) this.#objects.delete(event.object);
    return this.#encoder.event(event, object);
  }

  #write(events: readonly ResourceEvent[]): void {
    const frames: Uint8Array[] = [];
    for (const event of events) frames.push(this.#frame(event));
    this.#count(events.length);
    if (this.#sink.write(frames)) return;
    this.#isBlocked = true;
    void this.#sink.drained().then(() => this.#unblock());
  }

  #count(events: number): void {
    const { context, resource } = this.#endpoint;
    context.watchEvents.add(events, resource.group, resource.version, resource.resource);
  }

  #unblock(): void {
    if (this.#isOver) return;
    this.#isBlocked = false;
    if (this.#queued.length === 0) return;
    const events = this.#queued;
    this.#queued = [];
    this.#write(events);
  }

  #setTimers(): void {
    const { random, minRequestTimeoutSeconds } = this.#endpoint.context;
    const asked = this.#options.timeoutSeconds;
    const seconds = asked && asked > 0 ? asked : minRequestTimeoutSeconds * (1 + random.next());
    const endMs = seconds * 1000;
    this.#after(endMs, () => this.end());
    if (!this.#options.allowWatchBookmarks) return;
    if (endMs > bookmarkBeforeEndMs) this.#after(endMs - bookmarkBeforeEndMs, () => this.#bookmark());
    const periodic = (): void => {
      this.#bookmark();
      this.#after(bookmarkIntervalMs, periodic);
    };
    this.#after(bookmarkIntervalMs, periodic);
  }

  #after(delayMs: number, fn: () => void): void {
    const timer = this.#endpoint.context.clock.setTimer(delayMs, () => {
      this.#timers.delete(timer);
      if (!this.#isOver) fn();
    });
    this.#timers.add(timer);
  }

  /** Tells the client how far it is. Not while it is behind: the bookmark would promise events it has not got. */
  #bookmark(): void {
    if (this.#isBlocked || this.#waiting > 0) return;
    this.#watch?.flush();
    if (this.#waiting > 0) return;
    if (this.#isBlocked) return;
    this.#sink.write([this.#encoder.bookmark(this.#watch?.progress() ?? 0, false)]);
  }
}
