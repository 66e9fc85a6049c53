import { utf8Decode } from "../../component-base/bytes.ts";
import { backoffDelay } from "../../component-base/backoff.ts";
import { deadline, sleep, type Clock } from "../../component-base/clock.ts";
import { readBody, TransportError, type Transport, type TransportResponse } from "../../component-base/http.ts";
import { MetricRegistry, type Counter } from "../../component-base/metrics.ts";
import type { Random } from "../../component-base/random.ts";
import { TokenBucket, type TokenBucketOptions } from "../flowcontrol/token-bucket.ts";
import { responseError, type RequestSubject } from "./response-error.ts";

export interface RequestSenderOptions {
  readonly transport: Transport;
  /** E.g. `kube-controller-manager/deployment-controller`; also names the field manager when a write gives none. */
  readonly userAgent: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics?: MetricRegistry;
  /** Asked before every request, so that a rotated token is picked up. */
  readonly bearerToken?: () => string | Promise<string>;
  /** Holds requests back on the client's side. Off unless given: priority and fairness of the server do it better. */
  readonly rateLimit?: TokenBucketOptions;
  /** After this time a request is given up, retries and reading the answer included. 70 s unless given; watches have none. */
  readonly requestTimeoutMs?: number;
  /** The user to act as; needs the `impersonate` verb. */
  readonly impersonate?: string;
  /** Told of `Warning: 299` headers. */
  readonly onWarning?: (text: string) => void;
}

export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  readonly accept: string;
  readonly contentType?: string;
  readonly body?: Uint8Array;
  readonly signal?: AbortSignal;
  /** For error messages. */
  readonly subject?: RequestSubject;
}

// The server answers 504 after 60 s: what takes longer has no server at its other end any more.
const requestTimeoutMs = 70_000;

// Upstream's limit. 10 refusals a second apart mean the caller must hear of it.
const retriesMax = 10;
const retryAfterMaxMs = 60_000;
const connectBackoff = { initialMs: 50, maxMs: 2_000, jitter: 1 };

/**
 * Sends requests and turns refusals into StatusError. Sent again, at most 10 times, are requests the server asks to
 * repeat (429 and 503 with Retry-After) and those that certainly never reached it; everything else is the caller's.
 */
export class RequestSender {
  readonly #options: RequestSenderOptions;
  readonly #bucket: TokenBucket | undefined;
  readonly #requests: Counter;
  readonly #retries: Counter;

  constructor(options: RequestSenderOptions) {
    this.#options = options;
    this.#bucket = options.rateLimit && new TokenBucket(options.clock, options.rateLimit);
    const metrics = options.metrics ?? new MetricRegistry();
    this.#requests = metrics.counter(
      "rest_client_requests_total",
      "Number of HTTP requests, partitioned by status code and method.",
      ["code", "method"],
    );
    this.#retries = metrics.counter(
      "rest_client_request_retries_total",
      "Number of request retries, partitioned by status code and verb.",
      ["code", "verb"],
    );
  }

  /** A request and its whole answer as text, within the time limit. Rejects as `send` does, and with TimeoutError. */
  async exchange(request: ApiRequest): Promise<{ readonly contentType: string; readonly text: string }> {
    const { clock, requestTimeoutMs: timeoutMs = requestTimeoutMs } = this.#options;
    using limit = deadline(clock, timeoutMs, request.signal);
    const response = await this.send({ ...request, signal: limit.signal });
    const text = utf8Decode(await readBody(response.body));
    return { contentType: response.headers["content-type"] ?? "", text };
  }

  /** Resolves to a response with a 2xx status, its body unread. Rejects with StatusError, TransportError or the signal's reason. */
  async send(request: ApiRequest): Promise<TransportResponse> {
    for (let attempt = 1; ; attempt++) {
      request.signal?.throwIfAborted();
      await this.#throttle(request.signal);
      const outcome = await this.#attempt(request);
      if ("response" in outcome) return outcome.response;
      if (attempt > retriesMax || outcome.retryAfterMs === undefined) throw outcome.error;
      this.#retries.inc(outcome.code, request.method);
      const jitter = 1 + 0.1 * this.#options.random.next();
      const delayMs =
        outcome.code === "<error>"
          ? backoffDelay(connectBackoff, attempt, this.#options.random)
          : outcome.retryAfterMs * jitter;
      await sleep(this.#options.clock, delayMs, request.signal);
    }
  }

  async #throttle(signal: AbortSignal | undefined): Promise<void> {
    const delayMs = this.#bucket?.reserve() ?? 0;
    if (delayMs > 0) await sleep(this.#options.clock, delayMs, signal);
  }

  async #attempt(
    request: ApiRequest,
  ): Promise<
    | { readonly response: TransportResponse }
    | { readonly error: unknown; readonly code: string; readonly retryAfterMs?: number }
  > {
    let response: TransportResponse;
    try {
      const headers = await this.#headers(request);
      request.signal?.throwIfAborted();
      response = await this.#options.transport.send({
        method: request.method,
        path: request.path,
        headers,
        ...(request.body ? { body: request.body } : {}),
        ...(request.signal ? { signal: request.signal } : {}),
      });
    } catch (error) {
      request.signal?.throwIfAborted();
      const code = "<error>";
      this.#requests.inc(code, request.method);
      return error instanceof TransportError && error.notSent ? { error, code, retryAfterMs: 0 } : { error, code };
    }
    const code = String(response.status);
    this.#requests.inc(code, request.method);
    this.#warn(response.headers["warning"]);
    if (response.status >= 200 && response.status < 300) return { response };
    const error = await responseError(response, request.subject);
    const retryAfter = Number(response.headers["retry-after"]);
    const mayRetry = (response.status === 429 || response.status === 503) && retryAfter > 0;
    return mayRetry ? { error, code, retryAfterMs: Math.min(retryAfter * 1000, retryAfterMaxMs) } : { error, code };
  }

  async #headers(request: ApiRequest): Promise<Record<string, string>> {
    const { userAgent, bearerToken, impersonate } = this.#options;
    const headers: Record<string, string> = { accept: request.accept, "user-agent": userAgent };
    if (request.contentType) headers["content-type"] = request.contentType;
    if (bearerToken) headers["authorization"] = `Bearer ${await bearerToken()}`;
    if (impersonate) headers["impersonate-user"] = impersonate;
    return headers;
  }

  #warn(header: string | undefined): void {
    if (!header || !this.#options.onWarning) return;
    // `299 - "text"`, several joined by commas; a quote in the text is escaped by a backslash.
    for (const [, text] of header.matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)) {
      if (text !== undefined) this.#options.onWarning(text.replaceAll(/\\(.)/g, "$1"));
    }
  }
}
