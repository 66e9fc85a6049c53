import type { SentHeaders, ServerTrust, TransportResponse } from "../../component-base/http.ts";

/** A request passed on to another server. */
export interface ProxyRequest {
  readonly method: string;
  /** Whole, e.g. `http://10.0.0.1:8080/metrics?a=b`. */
  readonly url: string;
  /** Sent as they are, `host` among them. */
  readonly headers: SentHeaders;
  /** Absent when there is none; otherwise streamed. */
  readonly body?: AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
  /** Whom to expect at the other end; what the connector says when absent. */
  readonly trust?: ServerTrust;
}

/**
 * The platform's way to servers inside the cluster under one identity. Redirects are answers like any others, bodies are
 * streamed and not decoded. Rejects with TransportError, whose message is the reason in Go's words, when there is no answer.
 */
export interface ProxyConnector {
  send(request: ProxyRequest): Promise<TransportResponse>;
  /** The name under which the platform knows the same identity, for tunnels. */
  readonly identity: string;
}
