/** Where a request can be sent. */
export interface Endpoint {
  readonly ip: string;
  readonly port: number;
}

/** A header field's name and value, one after the other, in order and with repetitions. */
export type RawHeaders = readonly string[];

/** The head of a request as it goes to a backend. */
export interface ForwardedHead {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: RawHeaders;
}

/** A request that has come in, and all that can be done with it. Bodies stay with the platform, which streams them. */
export interface InboundRequest {
  readonly method: string;
  /** As in the request line. */
  readonly target: string;
  readonly headers: RawHeaders;
  readonly isTls: boolean;
  /** The client's address. */
  readonly peer: string;
  /** The port it came to. */
  readonly localPort: number;
  /** There is a body, of known length or not. */
  readonly hasBody: boolean;
  /** The client asks to go on in another protocol, which is WebSocket. */
  readonly isUpgrade: boolean;
  /** An answer of our own; `text` is its body. */
  answer(status: number, text: string): void;
  /**
   * Sends the request to the endpoint and its answer to the client, both bodies as they come and no faster than the reader
   * takes them. Resolves to the status when all has gone through. Rejects with ForwardError.
   */
  forward(endpoint: Endpoint, head: ForwardedHead): Promise<number>;
}

/**
 * - `refused`: there was no connection; nothing has been sent, nothing of the body has been read.
 * - `reset`: the connection ended before an answer began. Whether the backend has acted is unknown.
 * - `timeout`: the backend has not answered in time.
 * - `invalid`: what the backend sent is no HTTP.
 * - `broken`: the answer began and did not end: the client's connection has been cut.
 * - `client`: the client went away.
 */
export type ForwardFailure = "refused" | "reset" | "timeout" | "invalid" | "broken" | "client";

export class ForwardError extends Error {
  override readonly name = "ForwardError";
  readonly failure: ForwardFailure;

  constructor(failure: ForwardFailure, options?: ErrorOptions) {
    super(`request not forwarded: ${failure}`, options);
    this.failure = failure;
  }
}

/** A certificate chain and its key, both PEM. */
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

/** What listeners ask. */
export interface IngressHandler {
  /** Answers or forwards; never rejects. */
  handle(request: InboundRequest): Promise<void>;
  /** The certificate for a name a client asks for ("" for none); undefined when there is none. The same object while it is the same. */
  certificateFor(serverName: string): TlsPair | undefined;
}

export interface IngressListener extends AsyncDisposable {
  /** Closes idle connections to an endpoint that is gone. */
  forget(endpoint: Endpoint): void;
}

/** Opens the node's ports. Rejects when one cannot be had, and then has none. */
export type ListenForIngress = (handler: IngressHandler) => Promise<IngressListener>;
