import type { Clock } from "../../component-base/clock.ts";
import { utf8Decode, utf8Encode } from "../../component-base/bytes.ts";
import { silentLogger } from "../../component-base/logger.ts";
import { MetricRegistry } from "../../component-base/metrics.ts";
import { SeededRandom } from "../../component-base/random.ts";
import { SteppingClock } from "../../component-base/stepping-clock.ts";
import type { HttpHeaders, HttpPeer, TransportResponse } from "../../component-base/http.ts";
import type { ApiResource, Scheme } from "../../apimachinery/scheme/scheme.ts";
import { createMemoryBackend } from "../../mvcc/memory-backend.ts";
import type { Backend } from "../../mvcc/backend.ts";
import type { ResourceRegistration } from "../registry/generic/resource-registration.ts";
import type { Strategy } from "../registry/rest/strategy.ts";
import { createGenericApiServer } from "../server/generic-api-server.ts";
import type { GenericApiServer, GenericApiServerOptions } from "../server/generic-api-server-options.ts";
import { createInProcessTransport } from "../server/in-process-transport.ts";
import { ApiStorage } from "../storage/api-storage.ts";

/** A parsed body, to be looked into without ceremony. Absent members are undefined whatever the type says: use `?.`. */
export type Json = { readonly [member: string]: Json } & { map<T>(fn: (item: Json) => T): T[]; toString(): string };

/** An answer as tests look at it. */
export interface TestResponse {
  readonly status: number;
  readonly headers: HttpHeaders;
  readonly text: string;
  /** The parsed body; undefined when it is no JSON. */
  readonly json: unknown;
}

export interface TestServerOptions extends Partial<GenericApiServerOptions> {
  readonly scheme: Scheme;
  /** By resource name; every persisted resource of the scheme is registered, with these strategies. */
  readonly strategies?: Readonly<Record<string, Strategy>>;
  /** Replaces the whole registration of resources by name. */
  readonly replaced?: Readonly<Record<string, Omit<ResourceRegistration, "resource">>>;
  readonly clock?: Clock;
  readonly backend?: Backend;
}

/** A generic API server over a memory store with every resource of a scheme, and a client of it. For tests and benchmarks. */
export class TestServer implements AsyncDisposable {
  readonly server: GenericApiServer;
  readonly clock: Clock;
  readonly backend: Backend;
  readonly storage: ApiStorage;
  readonly #peer: HttpPeer;

  private constructor(server: GenericApiServer, clock: Clock, backend: Backend, storage: ApiStorage) {
    this.server = server;
    this.clock = clock;
    this.backend = backend;
    this.storage = storage;
    this.#peer = { address: "127.0.0.1" };
  }

  static async start(options: TestServerOptions): Promise<TestServer> {
    const clock = options.clock ?? new SteppingClock();
    const backend = options.backend ?? createMemoryBackend({ clock });
    const metrics = options.metrics ?? new MetricRegistry();
    const logger = options.logger ?? silentLogger;
    const storage = options.storage ?? new ApiStorage({ backend, clock, logger, metrics });
    const server = await createGenericApiServer({
      authenticators: [],
      authorizer: { authorize: async () => ({ decision: "allow" }) },
      admission: [],
      random: new SeededRandom(1),
      version: testVersion,
      registrations: registrationsOf(options),
      ...options,
      clock,
      metrics,
      logger,
      storage,
    });
    return new TestServer(server, clock, backend, storage);
  }

  /** Sends and returns the response unread. */
  async send(
    method: string,
    path: string,
    body?: unknown,
    headers: HttpHeaders = {},
    signal?: AbortSignal,
  ): Promise<TransportResponse> {
    const transport = createInProcessTransport(this.server.handler, this.#peer);
    const bytes = body === undefined ? undefined : bodyBytes(body);
    return transport.send({ method, path, headers, ...(bytes ? { body: bytes } : {}), ...(signal ? { signal } : {}) });
  }

  async request(method: string, path: string, body?: unknown, headers?: HttpHeaders): Promise<TestResponse> {
    const response = await this.send(method, path, body, headers);
    let text = "";
    for await (const chunk of response.body) text += utf8Decode(chunk);
    return { status: response.status, headers: response.headers, text, json: parse(text) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.backend[Symbol.asyncDispose]();
  }
}

function bodyBytes(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return body;
  return utf8Encode(typeof body === "string" ? body : JSON.stringify(body));
}

const testVersion = {
  major: "1",
  minor: "36",
  gitVersion: "v1.36.0",
  gitCommit: "",
  gitTreeState: "",
  buildDate: "",
  goVersion: "",
  compiler: "",
  platform: "",
};

function registrationsOf({ scheme, strategies, replaced }: TestServerOptions): ResourceRegistration[] {
  const all = scheme.groups.flatMap(({ group, versions }) =>
    versions.flatMap((version) => scheme.resources(group, version)),
  );
  // One version of each, as others need a conversion.
  const isChosen = (resource: ApiResource): boolean =>
    resource.persisted &&
    (isStorageVersion(resource) || !all.some((r) => r !== resource && r.storagePrefix === resource.storagePrefix));
  return all
    .filter((resource) => isChosen(resource) || canReplace(resource, replaced?.[resource.resource]))
    .map((resource) => {
      const strategy = strategies?.[resource.resource];
      return { resource, ...(strategy ? { strategy } : {}), ...replaced?.[resource.resource] };
    });
}

/** Of the resources of a name, whose kinds may be computed when read, those that the replacement can serve. */
function canReplace({ persisted }: ApiResource, by: Partial<ResourceRegistration> | undefined): boolean {
  return by !== undefined && (persisted || by.review !== undefined || by.reader !== undefined);
}

function isStorageVersion({ group, version, storage }: ApiResource): boolean {
  return group === storage.group && version === storage.version;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
