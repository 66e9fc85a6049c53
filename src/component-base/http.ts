import { concatBytes } from "./bytes.ts";

/**
 * Header names are lower case; repeated headers are joined with ", ". Those whose values may contain commas, of cookies and
 * of those that say in whose name a request is made, are joined with "\n".
 */
export type HttpHeaders = Readonly<Record<string, string>>;

/** Headers to send; a list is sent as one line for each value. */
export type SentHeaders = Readonly<Record<string, string | readonly string[]>>;

/** Who is at the other end of a connection, as far as the transport itself can vouch for it. */
export interface HttpPeer {
  readonly address: string;
  /** The client certificate's subject; present only when the chain was verified against the server's client CA. */
  readonly certificate?: {
    readonly commonName: string;
    readonly organizations: readonly string[];
    readonly uid?: string;
    /** Of the certificate's DER bytes, in lower-case hexadecimal. */
    readonly sha256?: string;
  };
  /** Likewise the name of a client that was verified against the authority of front proxies: it may speak for others. */
  readonly frontProxy?: string;
}

/** How a server that is called under another name than its address is recognized. */
export interface ServerTrust {
  /** Sent as SNI, and checked against the certificate. */
  readonly serverName: string;
  /** PEM of the authorities to trust; the platform's own when absent. */
  readonly ca?: string;
  /** Any certificate will do. */
  readonly isAnyAccepted?: boolean;
}

/** A request as a portable server sees it. */
export interface HttpRequest {
  readonly method: string;
  /** Percent-encoded path, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: HttpHeaders;
  /** To be read at most once. */
  readonly body: AsyncIterable<Uint8Array>;
  readonly peer: HttpPeer;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
  /** True when the client asked for a protocol upgrade (`Connection: Upgrade`); only a `tunnel` response can grant it. */
  readonly upgrade: boolean;
}

/** Where a streaming response writes. */
export interface ByteSink {
  /** Takes ownership of the chunks, which must not change afterwards. False: the buffer is full, await `drained` before more. */
  write(chunks: readonly Uint8Array[]): boolean;
  /** Resolves when there is room again, or when the client is gone. */
  drained(): Promise<void>;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
}

/** Produces a body over time; the response ends when the promise resolves and is cut when it rejects. */
export type BodyProducer = (sink: ByteSink) => Promise<void>;

/**
 * A request to hand the client's connection on to another server: raw bytes for SPDY clients, WebSocket translated to
 * SPDY where the other end only speaks that. Done by the platform, described by the portable server.
 */
export interface HttpTunnel {
  /** The target, e.g. `https://10.0.0.1:10250/exec/default/web/app?command=sh`. */
  readonly url: string;
  /** What the target speaks: translate WebSocket channels to SPDY streams (`remotecommand`), pass frames through
   * (`portforward`), or plain bytes (`raw`). */
  readonly protocol: "remotecommand" | "portforward" | "raw";
  /** Values of one header that are several stay several lines. */
  readonly headers?: SentHeaders;
  /** Which of the platform's client identities to use towards the target. */
  readonly identity: string;
  /** Whom to expect there; what the identity says when absent. */
  readonly trust?: ServerTrust;
}

/** A response as a portable server makes it. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: HttpHeaders;
  readonly body?: Uint8Array | readonly Uint8Array[] | BodyProducer;
  /**
   * The client takes gzip and the body is worth it: the platform may send it so, and then says so in the headers. False where
   * that is for somebody else to decide, whose answer is passed on as it is.
   */
  readonly mayCompress?: boolean;
  readonly tunnel?: HttpTunnel;
}

/** A portable server. It never rejects: failures are responses. */
export type HttpHandler = (request: HttpRequest) => Promise<HttpResponse>;

/** A response as a client sees it. */
export interface TransportResponse {
  readonly status: number;
  readonly headers: HttpHeaders;
  /** To be read at most once; leaving the loop early closes the stream. */
  readonly body: AsyncIterable<Uint8Array>;
}

export interface TransportRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: HttpHeaders;
  readonly body?: Uint8Array;
  readonly signal?: AbortSignal;
}

/** The way to one server under one identity: over a socket or in process. Rejects with TransportError when there is no answer. */
export interface Transport {
  send(request: TransportRequest): Promise<TransportResponse>;
}

/** There was no (whole) answer: connection refused, reset, or closed early. Whether the server acted is unknown. */
export class TransportError extends Error {
  override readonly name = "TransportError";
  /** True when the request certainly never reached the server, so that even a write may be sent again. */
  readonly notSent: boolean;

  constructor(message: string, options: ErrorOptions & { readonly notSent: boolean }) {
    super(message, options);
    this.notSent = options.notSent;
  }
}

/** Reads a body whole. Throws BodyTooLargeError past `maxBytes`. */
export async function readBody(
  body: AsyncIterable<Uint8Array>,
  maxBytes = Number.POSITIVE_INFINITY,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body) {
    size += part.length;
    if (size > maxBytes) throw new BodyTooLargeError(maxBytes);
    parts.push(part);
  }
  return concatBytes(parts);
}

export class BodyTooLargeError extends Error {
  override readonly name = "BodyTooLargeError";

  constructor(maxBytes: number) {
    super(`body is larger than ${maxBytes} bytes`);
  }
}
