import type {
  ByteSink,
  HttpHandler,
  HttpPeer,
  HttpResponse,
  Transport,
  TransportRequest,
  TransportResponse,
} from "../../component-base/http.ts";
import { TransportError } from "../../component-base/http.ts";
import { EventSignal } from "../../component-base/event-signal.ts";

// What a reader that does not read may make the server hold: then `write` returns false, as a socket would.
const bufferedBytesMax = 1 << 20;

/**
 * A client's way into a handler of the same process: no sockets, no copies, and all of the handler chain. The peer says
 * who calls, as a verified client certificate would; its chunks are shared with the server and must not be changed.
 */
export function createInProcessTransport(handler: HttpHandler, peer: HttpPeer): Transport {
  return { send: (request) => send(handler, peer, request) };
}

async function send(handler: HttpHandler, peer: HttpPeer, request: TransportRequest): Promise<TransportResponse> {
  if (request.signal?.aborted) throw new TransportError("request was cancelled", { notSent: true });
  const abort = new AbortController();
  const onAbort = (): void => abort.abort(request.signal?.reason);
  request.signal?.addEventListener("abort", onAbort, { once: true });
  const mark = request.path.indexOf("?");
  const response = await handler({
    method: request.method,
    path: mark < 0 ? request.path : request.path.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? "" : request.path.slice(mark + 1)),
    headers: request.headers,
    body: once(request.body),
    peer,
    signal: abort.signal,
    upgrade: false,
  });
  const release = (): void => request.signal?.removeEventListener("abort", onAbort);
  if (request.signal?.aborted) {
    release();
    throw new TransportError("request was cancelled", { notSent: false });
  }
  if (response.tunnel) {
    release();
    throw new TransportError("a tunnel cannot be opened in process", { notSent: false });
  }
  const { status, headers, body } = response;
  // Nothing follows the headers of an answer to HEAD; what streams is left to find out that nobody reads.
  const answer = request.method === "HEAD" && typeof body !== "function" ? { status, headers } : response;
  return { status, headers, body: bodyOf(answer, abort, release) };
}

async function* once(body: Uint8Array | undefined): AsyncGenerator<Uint8Array> {
  if (body && body.length > 0) yield body;
}

function bodyOf(response: HttpResponse, abort: AbortController, release: () => void): AsyncIterable<Uint8Array> {
  const body = response.body;
  if (typeof body === "function") return new ProducedBody(body, abort, release);
  release();
  if (body === undefined) return chunks([]);
  return chunks(body instanceof Uint8Array ? [body] : body);
}

async function* chunks(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) if (part.length > 0) yield part;
}

/** Runs a producer and hands its chunks to one reader, which may leave early. */
class ProducedBody implements AsyncIterable<Uint8Array>, ByteSink {
  readonly signal: AbortSignal;
  readonly #abort: AbortController;
  readonly #readable = new EventSignal();
  readonly #writable = new EventSignal();
  #queue: Uint8Array[] = [];
  #bufferedBytes = 0;
  #ended = false;
  #failure: unknown;

  constructor(produce: (sink: ByteSink) => Promise<void>, abort: AbortController, release: () => void) {
    this.#abort = abort;
    this.signal = abort.signal;
    void produce(this)
      .catch((error: unknown) => (this.#failure = error))
      .finally(() => {
        this.#ended = true;
        release();
        this.#readable.set();
      });
  }

  write(parts: readonly Uint8Array[]): boolean {
    for (const part of parts) {
      this.#queue.push(part);
      this.#bufferedBytes += part.length;
    }
    this.#readable.set();
    return this.#bufferedBytes < bufferedBytesMax;
  }

  async drained(): Promise<void> {
    while (this.#bufferedBytes >= bufferedBytesMax && !this.signal.aborted) await this.#writable.wait(this.signal);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const queue = this.#queue;
        this.#queue = [];
        this.#bufferedBytes = 0;
        this.#writable.set();
        yield* queue;
        if (this.#queue.length > 0) continue;
        if (this.signal.aborted) throw new TransportError("request was cancelled", { notSent: false });
        if (this.#ended) break;
        await this.#readable.wait(this.signal);
      }
      if (this.#failure !== undefined)
        throw new TransportError("response was cut", { cause: this.#failure, notSent: false });
    } finally {
      this.#abort.abort();
    }
  }
}
