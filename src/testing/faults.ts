import { conflict, expired, internalError, tooManyRequests } from "../apimachinery/errors/new.ts";
import type { StatusError } from "../apimachinery/errors/status-error.ts";
import { utf8Encode } from "../component-base/bytes.ts";
import {
  TransportError,
  type Transport,
  type TransportRequest,
  type TransportResponse,
} from "../component-base/http.ts";
import type { Random } from "../component-base/random.ts";

/** Requests, by whatever is given. */
export interface RequestMatch {
  /** Name of the process: `kube-controller-manager`, `kube-scheduler`, `kubelet/<node>`, or `client` for the test's own. */
  readonly component?: string;
  /** The start of the user agent: tells controllers apart, as `kube-controller-manager/deployment-controller`. */
  readonly userAgent?: string;
  /** `write` is any method but GET. */
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "write";
  /** Path and query. */
  readonly path?: RegExp;
}

/**
 * What happens in place of the answer: an error the server gives without acting (`conflict` 409, `expired` 410,
 * `tooManyRequests` 429, `internalError` 500); nobody is there to ask (`unreachable`); the server acts and the answer is
 * `lost`; or it acts, and the component that asked is killed before it hears of it (`crash`) and started again.
 */
export type FaultEffect =
  | "conflict"
  | "expired"
  | "tooManyRequests"
  | "internalError"
  | "unreachable"
  | "lost"
  | "crash";

export interface Fault {
  readonly when: RequestMatch;
  /** Only the n-th such request, counted from 1 since the fault was added. Each unless given. */
  readonly nth?: number;
  /** Only this share of them, at random. */
  readonly probability?: number;
  readonly effect: FaultEffect;
}

/** A fault in place. Disposing it takes it away. */
export interface ActiveFault extends Disposable {
  /** How many requests matched, disturbed or not. */
  readonly matched: number;
  /** How many were disturbed. */
  readonly struck: number;
}

interface Entry extends ActiveFault {
  readonly fault: Fault;
  matched: number;
  struck: number;
}

interface OpenWatch {
  readonly component: string;
  readonly request: TransportRequest;
  readonly controller: AbortController;
}

const retryAfterSeconds = 1;

/** Disturbs what components and API server say to each other. */
export class Faults {
  readonly #random: Random;
  readonly #crash: (component: string) => void;
  readonly #entries = new Set<Entry>();
  readonly #watches = new Set<OpenWatch>();

  /** `crash` must have killed the component's process when it returns. */
  constructor(random: Random, crash: (component: string) => void) {
    this.#random = random;
    this.#crash = crash;
  }

  /** Puts a fault in place. Of several that strike one request, the first added counts. */
  add(fault: Fault): ActiveFault {
    const entry: Entry = { fault, matched: 0, struck: 0, [Symbol.dispose]: () => void this.#entries.delete(entry) };
    this.#entries.add(entry);
    return entry;
  }

  /** Takes all faults away. */
  clear(): void {
    this.#entries.clear();
  }

  /** Cuts open watches, as a connection that breaks. Returns how many. */
  cutWatches(match: RequestMatch = {}): number {
    let cut = 0;
    for (const watch of this.#watches) {
      if (!matches(match, watch.component, watch.request)) continue;
      watch.controller.abort(new TransportError("connection reset", { notSent: false }));
      cut++;
    }
    return cut;
  }

  /** A component's transport with the faults in it. */
  disturb(transport: Transport, component: string): Transport {
    return { send: (request) => this.#send(transport, component, request) };
  }

  async #send(transport: Transport, component: string, request: TransportRequest): Promise<TransportResponse> {
    const effect = this.#effectOn(component, request);
    switch (effect) {
      case undefined:
        return isWatch(request) ? this.#watch(transport, component, request) : transport.send(request);
      case "unreachable":
        throw new TransportError("connect: connection refused", { notSent: true });
      case "lost":
        await transport.send(request);
        throw new TransportError("connection reset", { notSent: false });
      case "crash":
        await transport.send(request);
        this.#crash(component);
        throw new TransportError("the process was killed", { notSent: false });
      case "conflict":
      case "expired":
      case "tooManyRequests":
      case "internalError":
        return errorResponse(errorOf(effect));
    }
  }

  #effectOn(component: string, request: TransportRequest): FaultEffect | undefined {
    let effect: FaultEffect | undefined;
    for (const entry of this.#entries) {
      const { when, nth, probability } = entry.fault;
      if (!matches(when, component, request)) continue;
      entry.matched++;
      if (effect || (nth !== undefined && entry.matched !== nth)) continue;
      if (probability !== undefined && this.#random.next() >= probability) continue;
      entry.struck++;
      effect = entry.fault.effect;
    }
    return effect;
  }

  async #watch(transport: Transport, component: string, request: TransportRequest): Promise<TransportResponse> {
    const controller = new AbortController();
    const watch: OpenWatch = { component, request, controller };
    const signal = request.signal ? AbortSignal.any([request.signal, controller.signal]) : controller.signal;
    this.#watches.add(watch);
    const close = (): void => void this.#watches.delete(watch);
    try {
      const response = await transport.send({ ...request, signal });
      return { ...response, body: whenDone(response.body, close) };
    } catch (error) {
      close();
      throw error;
    }
  }
}

function matches(match: RequestMatch, component: string, request: TransportRequest): boolean {
  const { method, path, userAgent } = match;
  if (match.component !== undefined && match.component !== component) return false;
  if (method === "write" ? request.method === "GET" : method !== undefined && method !== request.method) return false;
  if (userAgent !== undefined && !(request.headers["user-agent"] ?? "").startsWith(userAgent)) return false;
  return path === undefined || path.test(request.path);
}

function isWatch({ method, path }: TransportRequest): boolean {
  return method === "GET" && /[?&]watch=(?:true|1)/.test(path);
}

async function* whenDone(body: AsyncIterable<Uint8Array>, done: () => void): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } finally {
    done();
  }
}

function errorOf(effect: "conflict" | "expired" | "tooManyRequests" | "internalError"): StatusError {
  switch (effect) {
    case "conflict":
      return conflict({ group: "", resource: "objects" }, "any", "the test bench says so");
    case "expired":
      return expired("the test bench says so");
    case "tooManyRequests":
      return tooManyRequests("the test bench says so", retryAfterSeconds);
    case "internalError":
      return internalError(new Error("the test bench says so"));
  }
}

function errorResponse(error: StatusError): TransportResponse {
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (error.code === 429) headers["retry-after"] = String(retryAfterSeconds);
  return { status: error.code, headers, body: once(utf8Encode(JSON.stringify(error.toStatus()))) };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
