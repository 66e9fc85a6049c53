import * as http2 from "node:http2";

import {
  TransportError,
  type Transport,
  type TransportRequest,
  type TransportResponse,
} from "../component-base/http.ts";
import { abortReason } from "../component-base/clock.ts";
import { trustEach } from "./trust.ts";

// A server usually allows 100 or 250 streams a connection; watches stay open, so leave room for short requests.
const streamsPerSession = 80;
const connectTimeoutMs = 10_000;
const defaultPing = { intervalMs: 30_000, timeoutMs: 15_000 };

export interface HttpsTransportOptions {
  /** e.g. `https://127.0.0.1:6443`. */
  readonly url: string;
  /** PEM of the CA that signed the server's certificate. */
  readonly ca: string;
  /** Client certificate, PEM. */
  readonly cert?: string;
  readonly key?: string;
  /** Bearer token, asked for with each request. */
  readonly token?: () => string | undefined;
  /** Checked against the certificate instead of the URL's host. */
  readonly serverName?: string;
  /**
   * A connection on which nobody answers a ping is dead, and everything on it fails. client-go's 30 s and 15 s unless given;
   * who must notice sooner that the network has come back asks for less.
   */
  readonly ping?: { readonly intervalMs: number; readonly timeoutMs: number };
}

/** A Transport over HTTP/2 with TLS. Opens connections as streams need them and again after they broke. */
export class HttpsTransport implements Transport, AsyncDisposable {
  #options: HttpsTransportOptions;
  readonly #sessions: Session[] = [];
  #closed = false;

  constructor(options: HttpsTransportOptions) {
    this.#options = options;
  }

  async send(request: TransportRequest): Promise<TransportResponse> {
    if (this.#closed) throw new TransportError("transport is closed", { notSent: true });
    if (request.signal?.aborted) throw abortReason(request.signal);
    const session = this.#sessionWithRoom();
    await session.ready;
    return session.send(request, this.#options.token?.());
  }

  /** From now on connections are made with this certificate, PEM. Requests in flight and open watches end on those they are on. */
  setCertificate(cert: string, key: string): void {
    this.#options = { ...this.#options, cert, key };
    for (const session of this.#sessions) session.retire();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#sessions.map((s) => s.close()));
  }

  #sessionWithRoom(): Session {
    const found = this.#sessions.find((s) => s.isUsable && s.streams < streamsPerSession);
    if (found) return found;
    const session = new Session(this.#options, () => {
      const at = this.#sessions.indexOf(session);
      if (at >= 0) this.#sessions.splice(at, 1);
    });
    this.#sessions.push(session);
    return session;
  }
}

class Session {
  readonly ready: Promise<void>;
  streams = 0;
  isUsable = true;
  readonly #session: http2.ClientHttp2Session;
  readonly #pingTimes: { readonly intervalMs: number; readonly timeoutMs: number };
  readonly #end: () => void;
  #ping: NodeJS.Timeout | undefined;

  constructor(options: HttpsTransportOptions, onEnd: () => void) {
    this.#pingTimes = options.ping ?? defaultPing;
    this.#session = http2.connect(options.url, {
      ca: options.ca,
      ...trustEach,
      cert: options.cert,
      key: options.key,
      ...(options.serverName === undefined ? {} : { servername: options.serverName }),
    });
    const end = (): void => {
      this.isUsable = false;
      clearInterval(this.#ping);
      onEnd();
    };
    this.#end = end;
    this.#session.on("close", end);
    this.#session.on("goaway", end);
    this.ready = new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#giveUp("connecting timed out");
        reject(new TransportError(`connect to ${options.url} timed out`, { notSent: true }));
      }, connectTimeoutMs);
      this.#session.once("connect", () => {
        clearTimeout(timer);
        this.#session.unref();
        this.#startPing();
        resolve();
      });
      this.#session.on("error", (error) => {
        clearTimeout(timer);
        end();
        reject(new TransportError(`connect to ${options.url}: ${error.message}`, { notSent: true, cause: error }));
      });
    });
    // The first sender awaits `ready`; without one the rejection is nobody's.
    this.ready.catch(() => {});
  }

  send(request: TransportRequest, token: string | undefined): Promise<TransportResponse> {
    if (!this.isUsable) {
      return Promise.reject(new TransportError("connection was closed before the request", { notSent: true }));
    }
    return new Promise((resolve, reject) => {
      const stream = this.#session.request(
        {
          ":method": request.method,
          ":path": request.path,
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...request.headers,
        },
        { endStream: request.body === undefined },
      );
      this.streams++;
      // Streams in flight keep the process alive, idle connections do not.
      this.#session.ref();
      const signal = request.signal;
      const onAbort = (): void => {
        stream.close(http2.constants.NGHTTP2_CANCEL);
        reject(abortReason(signal));
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      stream.on("close", () => {
        this.streams--;
        if (this.streams === 0 && !this.#session.destroyed) this.#session.unref();
        signal?.removeEventListener("abort", onAbort);
        reject(new TransportError("stream closed without an answer", { notSent: false }));
      });
      stream.on("error", (error) => {
        const refused = stream.rstCode === http2.constants.NGHTTP2_REFUSED_STREAM;
        reject(new TransportError(error.message, { notSent: refused, cause: error }));
      });
      stream.on("response", (incoming) => {
        const headers: Record<string, string> = {};
        for (const [name, value] of Object.entries(incoming)) {
          if (value !== undefined && !name.startsWith(":")) headers[name] = String(value);
        }
        resolve({ status: incoming[":status"] ?? 0, headers, body: bodyOf(stream, signal) });
      });
      if (request.body !== undefined) stream.end(request.body);
    });
  }

  /** Takes no more requests and closes when the last has ended. */
  retire(): void {
    this.isUsable = false;
    // On a session that is still connecting nobody has a stream yet, but somebody waits for it: it is closed when idle.
    this.ready.then(
      () => this.#session.close(),
      () => {},
    );
  }

  close(): Promise<void> {
    this.isUsable = false;
    clearInterval(this.#ping);
    if (this.#session.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#session.once("close", resolve);
      this.#session.destroy();
    });
  }

  /**
   * Without an error the session would first say goodbye to the peer that does not answer, and while it does that neither "close"
   * comes nor is the session good for anything.
   */
  #giveUp(why: string): void {
    this.#end();
    if (!this.#session.destroyed) this.#session.destroy(new Error(why));
  }

  #startPing(): void {
    const { intervalMs, timeoutMs } = this.#pingTimes;
    this.#ping = setInterval(() => {
      const timer = setTimeout(() => this.#giveUp("no answer to a ping"), timeoutMs);
      timer.unref();
      this.#session.ping((error) => {
        clearTimeout(timer);
        if (error) this.#giveUp(error.message);
      });
    }, intervalMs);
    this.#ping.unref();
  }
}

/**
 * Reads by events: to the stream's own iterator, one whose answer had arrived in full before it was looked at has broken
 * off, because an HTTP/2 stream calls itself closed while its data is still to be read.
 */
async function* bodyOf(stream: http2.ClientHttp2Stream, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  let failure: Error | undefined;
  let wake = (): void => {};
  const onEvent = (): void => wake();
  stream.on("error", (error) => (failure = error));
  for (const event of ["readable", "end", "close"]) stream.on(event, onEvent);
  try {
    for (;;) {
      const chunk = stream.read() as Buffer | null;
      if (chunk !== null) {
        yield chunk;
      } else if (stream.readableEnded) {
        return;
      } else if (stream.destroyed) {
        if (signal?.aborted) throw abortReason(signal);
        throw new TransportError("the answer broke off", { notSent: false, cause: failure });
      } else {
        await new Promise<void>((resolve) => (wake = resolve));
      }
    }
  } finally {
    stream.close(http2.constants.NGHTTP2_CANCEL);
  }
}
