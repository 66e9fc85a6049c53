import type { HttpHeaders, HttpPeer, HttpRequest, HttpResponse } from "../../component-base/http.ts";
import { readBody } from "../../component-base/http.ts";
import { silentLogger } from "../../component-base/logger.ts";
import { MetricRegistry } from "../../component-base/metrics.ts";
import { SeededRandom } from "../../component-base/random.ts";
import { SteppingClock } from "../../component-base/stepping-clock.ts";
import { createInProcessTransport } from "../../apiserver/server/in-process-transport.ts";
import type { Backend } from "../../mvcc/backend.ts";
import { createMemoryBackend } from "../../mvcc/memory-backend.ts";
import type { KubeApiServer } from "../controlplane/create-kube-apiserver.ts";
import { createKubeApiServer } from "../controlplane/create-kube-apiserver.ts";
import type { KubeApiServerOptions } from "../controlplane/options.ts";

export interface TestAnswer {
  readonly status: number;
  readonly headers: HttpHeaders;
  readonly text: string;
  /** The parsed body. Tests know what they asked for, so its shape is theirs to say. */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- a cast with a name
  json<T>(): T;
  /** The Status message of a refusal. */
  readonly message: string;
}

/** Who asks, when a test does not say: an administrator. */
const admin: HttpPeer = {
  address: "127.0.0.1",
  certificate: { commonName: "kubernetes-admin", organizations: ["system:masters"] },
};

/** A whole API server over a memory store on a stepped clock, and a client of it. A backend given stays the caller's. */
export class TestApiServer implements AsyncDisposable {
  readonly server: KubeApiServer;
  readonly clock: SteppingClock;
  readonly #backend: Backend;

  readonly #ownsBackend: boolean;

  private constructor(server: KubeApiServer, clock: SteppingClock, backend: Backend, ownsBackend: boolean) {
    this.server = server;
    this.clock = clock;
    this.#backend = backend;
    this.#ownsBackend = ownsBackend;
  }

  static async start(options: Partial<KubeApiServerOptions> = {}): Promise<TestApiServer> {
    const clock = new SteppingClock();
    const backend = options.backend ?? createMemoryBackend({ clock });
    const key = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
    const server = await createKubeApiServer({
      backend,
      clock,
      random: new SeededRandom(1),
      logger: silentLogger,
      metrics: new MetricRegistry(),
      version: {
        major: "1",
        minor: "36",
        gitVersion: "v1.36.0",
        gitCommit: "",
        gitTreeState: "",
        buildDate: "",
        goVersion: "",
        compiler: "",
        platform: "",
      },
      serviceAccountKeys: [key],
      advertiseAddress: "192.0.2.1",
      ...options,
    });
    await server.start();
    return new TestApiServer(server, clock, backend, options.backend === undefined);
  }

  /** Sends a request; `as` is a client certificate's subject or a bearer token. */
  async request(
    method: string,
    path: string,
    body?: unknown,
    options: { readonly as?: HttpPeer["certificate"] | string; readonly headers?: HttpHeaders } = {},
  ): Promise<TestAnswer> {
    const { as } = options;
    const peer: HttpPeer =
      as === undefined ? admin : { address: "127.0.0.1", ...(typeof as === "string" ? {} : { certificate: as }) };
    const headers: Record<string, string> = { "content-type": "application/json", ...options.headers };
    if (typeof as === "string") headers["authorization"] = `Bearer ${as}`;
    const bytes = new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body));
    const response = await createInProcessTransport(this.server.handler, peer).send({
      method,
      path,
      headers,
      ...(body === undefined ? {} : { body: bytes }),
    });
    const text = new TextDecoder().decode(await readBody(response.body));
    // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- see TestAnswer
    const json = <T>(): T => JSON.parse(text) as T;
    return {
      status: response.status,
      headers: response.headers,
      text,
      json,
      get message() {
        return json<{ message?: string }>().message ?? "";
      },
    };
  }

  /** Sends an upgrade request and returns the response as the server made it. */
  upgrade(path: string): Promise<HttpResponse> {
    const mark = path.indexOf("?");
    const request: HttpRequest = {
      method: "POST",
      path: mark < 0 ? path : path.slice(0, mark),
      query: new URLSearchParams(mark < 0 ? "" : path.slice(mark + 1)),
      headers: {},
      body: (async function* () {})(),
      peer: admin,
      signal: new AbortController().signal,
      upgrade: true,
    };
    return this.server.handler(request);
  }

  /** The cells of a table, by column name, one row for each object. */
  async table(path: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const answer = await this.request("GET", path, undefined, {
      headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" },
    });
    const { columnDefinitions, rows } = answer.json<{
      columnDefinitions: readonly { name: string }[];
      rows: readonly { cells: readonly unknown[] }[];
    }>();
    return rows.map(({ cells }) => Object.fromEntries(columnDefinitions.map((column, i) => [column.name, cells[i]])));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    if (this.#ownsBackend) await this.#backend[Symbol.asyncDispose]();
  }
}
