import type * as Http from "node:http";
import * as http2 from "node:http2";
import { X509Certificate } from "node:crypto";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex, Writable } from "node:stream";
import * as tls from "node:tls";
import * as zlib from "node:zlib";

import type {
  ByteSink,
  HttpHandler,
  HttpHeaders,
  HttpPeer,
  HttpRequest,
  HttpResponse,
  HttpTunnel,
} from "../component-base/http.ts";
import type { Logger } from "../component-base/logger.ts";
import { http } from "./http-module.ts";
import { sendOverWebSocket } from "./streaming/web-socket-body.ts";
import { trustEach } from "./trust.ts";

// Go's server reads headers for at most 32 s in kube-apiserver and accepts 1 MiB of them.
const headersTimeoutMs = 32_000;
const headersMaxBytes = 1 << 20;
// kube-apiserver's --http2-max-streams-per-connection; a client with more watches opens more connections.
const streamsPerConnectionMax = 250;
// Buffers go to the socket in groups of this size: larger ones stall the loop, smaller ones cost more system calls.
const writeGroupBytes = 512 << 10;
// Upstream's: the cheapest level saves nearly as much of JSON as the others.
const gzipLevel = 1;
const gzipChunkBytes = 64 << 10;
// On close, requests in flight have this long before their sockets are destroyed.
const closeGraceMs = 5_000;

/** Carries out a granted upgrade on the client's socket. */
export type TunnelRunner = (
  request: Http.IncomingMessage,
  socket: Duplex,
  head: Buffer,
  tunnel: HttpTunnel,
) => Promise<void>;

export interface HttpServerOptions {
  readonly handler: HttpHandler;
  /**
   * PEM. Client certificates are asked for and verified against `clientCa`; without one, or with a bad one, the peer has none.
   * `frontProxyCa` is whose certificates make the peer a front proxy.
   */
  readonly tls: {
    readonly cert: string;
    readonly key: string;
    readonly clientCa?: string;
    readonly frontProxyCa?: string;
  };
  /** Beginnings, in lower case, of the names of headers whose repetitions are told apart: joined with "\n". None unless given. */
  readonly separateHeaders?: readonly string[];
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly runTunnel?: TunnelRunner;
  readonly logger: Logger;
}

export interface HttpServer extends AsyncDisposable {
  readonly port: number;
  /** New connections present the new certificate. */
  setCertificate(cert: string, key: string): void;
}

/**
 * One TLS port for HTTP/1.1 and HTTP/2: the TLS server splits by ALPN and hands each connection to the plain server of
 * its protocol. HTTP/2 goes through the stream API, which costs half of the compatibility API.
 */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const peers = new WeakMap<object, HttpPeer>();
  const sockets = new Set<Socket>();
  const sessions = new Set<http2.ServerHttp2Session>();
  const { logger } = options;

  const h1 = http.createServer({ maxHeaderSize: headersMaxBytes, headersTimeout: headersTimeoutMs, requestTimeout: 0 });
  h1.keepAliveTimeout = 90_000;
  // Keep-alive connections wait for the next request; Node itself tracks them only for servers that listen.
  const idleHttp1 = new Set<Socket>();
  h1.on("request", (request, response) => {
    const { socket } = request;
    idleHttp1.delete(socket);
    response.on("close", () => {
      if (!socket.destroyed) idleHttp1.add(socket);
    });
    void serveHttp1(options, peers.get(request.socket), request, response).catch((error: unknown) => {
      logger.debug("HTTP/1.1 request ended abnormally", { error });
      response.destroy();
    });
  });
  h1.on("upgrade", (request, socket, head) => {
    idleHttp1.delete(request.socket);
    void serveUpgrade(options, peers.get(request.socket), request, socket, head).catch((error: unknown) => {
      logger.debug("upgrade ended abnormally", { error });
      socket.destroy();
    });
  });
  h1.on("clientError", (_error, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    else socket.destroy();
  });

  const h2 = http2.createServer({
    settings: { maxConcurrentStreams: streamsPerConnectionMax, maxHeaderListSize: headersMaxBytes },
    maxSessionMemory: 64,
  });
  h2.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
  });
  h2.on("sessionError", (error) => logger.debug("HTTP/2 session error", { error }));
  h2.on("stream", (stream, headers, _flags, rawHeaders: readonly string[]) => {
    const socket = stream.session?.socket;
    stream.on("error", (error) => logger.debug("HTTP/2 stream error", { error }));
    void serveHttp2(options, socket && peers.get(socket), stream, headers, rawHeaders).catch((error: unknown) => {
      logger.debug("HTTP/2 request ended abnormally", { error });
      stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
    });
  });

  const authorities = new ClientAuthorities(options.tls);
  const server = tls.createServer(
    {
      cert: options.tls.cert,
      key: options.tls.key,
      ...(authorities.pems.length === 0 ? {} : { ca: [...authorities.pems], requestCert: true }),
      ...trustEach,
      rejectUnauthorized: false,
      minVersion: "TLSv1.2",
      ALPNProtocols: ["h2", "http/1.1"],
    },
    (socket) => {
      const peer = peerOf(socket, authorities);
      peers.set(socket, peer);
      socket.setNoDelay(true);
      if (socket.alpnProtocol === "h2") {
        // The HTTP/2 session hands out a proxy of its socket, a different object from the one accepted.
        h2.once("session", (session) => peers.set(session.socket, peer));
        h2.emit("connection", socket);
      } else {
        idleHttp1.add(socket);
        socket.on("close", () => idleHttp1.delete(socket));
        h1.emit("connection", socket);
      }
    },
  );
  server.on("tlsClientError", (error) => logger.debug("TLS handshake failed", { error }));
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, resolve);
  });
  server.on("error", (error) => logger.error("server error", { error }));

  return {
    port: (server.address() as AddressInfo).port,
    setCertificate: (cert, key) => server.setSecureContext({ cert, key, ca: [...authorities.pems], ...trustEach }),
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.close();
      const destroyIdle = (): void => {
        for (const socket of idleHttp1) socket.destroy();
      };
      destroyIdle();
      const timer = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, closeGraceMs);
      // Connections that turned idle meanwhile would hold the close back.
      const idle = setInterval(destroyIdle, 20);
      await closed;
      clearTimeout(timer);
      clearInterval(idle);
    },
  };
}

/** Whose client certificates are accepted, and as what. */
class ClientAuthorities {
  readonly pems: readonly string[];
  readonly #client: readonly X509Certificate[];
  readonly #frontProxy: readonly X509Certificate[];

  constructor({ clientCa, frontProxyCa }: HttpServerOptions["tls"]) {
    this.pems = [clientCa, frontProxyCa].filter((pem) => pem !== undefined);
    this.#client = certificatesIn(clientCa);
    this.#frontProxy = certificatesIn(frontProxyCa);
  }

  /** As what a certificate counts that one or the other has signed. */
  rolesOf(socket: tls.TLSSocket): { readonly isClient: boolean; readonly isFrontProxy: boolean } {
    if (this.#frontProxy.length === 0) return { isClient: true, isFrontProxy: false };
    const chain = chainOf(socket);
    // A resumed session knows no more than the certificate itself: one with others in between then counts as nothing.
    const isSignedBy = (authorities: readonly X509Certificate[]): boolean =>
      authorities.some((authority) =>
        chain.some((each) => each.checkIssued(authority) && each.verify(authority.publicKey)),
      );
    return { isClient: isSignedBy(this.#client), isFrontProxy: isSignedBy(this.#frontProxy) };
  }
}

function certificatesIn(pem: string | undefined): readonly X509Certificate[] {
  const blocks = pem?.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

/** The verified chain: each certificate is signed by the next. */
function chainOf(socket: tls.TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next: tls.DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  for (let former: unknown; next?.raw && next !== former;) {
    chain.push(new X509Certificate(next.raw));
    former = next;
    next = next.issuerCertificate;
  }
  return chain;
}

function peerOf(socket: tls.TLSSocket, authorities: ClientAuthorities): HttpPeer {
  const address = socket.remoteAddress ?? "";
  if (!socket.authorized) return { address };
  const { isClient, isFrontProxy } = authorities.rolesOf(socket);
  const certificate = socket.getPeerCertificate();
  const subject = certificate.subject as Record<string, string | string[] | undefined> | undefined;
  if (!subject) return { address };
  const commonName = subject["CN"];
  const organizations = subject["O"];
  const uid = subject["1.3.6.1.4.1.57683.2"];
  const name = typeof commonName === "string" ? commonName : (commonName?.[0] ?? "");
  const frontProxy = isFrontProxy ? { frontProxy: name } : {};
  if (!isClient) return { address, ...frontProxy };
  return {
    address,
    ...frontProxy,
    certificate: {
      commonName: name,
      organizations: organizations === undefined ? [] : [organizations].flat(),
      ...(typeof uid === "string" ? { uid } : {}),
      sha256: certificate.fingerprint256.replaceAll(":", "").toLowerCase(),
    },
  };
}

const noPeer: HttpPeer = { address: "" };

async function serveHttp1(
  options: HttpServerOptions,
  peer: HttpPeer | undefined,
  request: Http.IncomingMessage,
  response: Http.ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  response.on("close", () => {
    if (!response.writableFinished) gone.abort();
  });
  const answer = await options.handler(toRequest(options, request, peer ?? noPeer, gone.signal, false));
  if (gone.signal.aborted) return;
  const { headers, body } = encoded(answer);
  response.writeHead(answer.status, headerLines(headers));
  await sendBody(body, response, gone.signal);
  // An unread request body would be parsed as the next request.
  if (!request.readableEnded) request.resume();
}

async function serveUpgrade(
  options: HttpServerOptions,
  peer: HttpPeer | undefined,
  request: Http.IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  const gone = new AbortController();
  const onClose = (): void => gone.abort();
  socket.on("close", onClose);
  socket.on("error", onClose);
  const answer = await options.handler(toRequest(options, request, peer ?? noPeer, gone.signal, true));
  if (answer.tunnel && options.runTunnel) {
    await options.runTunnel(request, socket, head, answer.tunnel);
    return;
  }
  if (answer.status === 200 && request.headers.upgrade?.toLowerCase() === "websocket") {
    await sendOverWebSocket(request, socket, head, answer, gone.signal);
    return;
  }
  // The refusal closes the connection: what the client pipelined behind its request must reach nobody.
  const body = answer.body instanceof Uint8Array ? Buffer.from(answer.body) : Buffer.alloc(0);
  let text = `HTTP/1.1 ${answer.status} ${http.STATUS_CODES[answer.status] ?? ""}\r\nConnection: close\r\n`;
  for (const [name, value] of Object.entries(answer.headers)) {
    if (name === "content-length" || name === "connection") continue;
    for (const line of value.split("\n")) text += `${name}: ${line}\r\n`;
  }
  socket.end(Buffer.concat([Buffer.from(`${text}content-length: ${body.length}\r\n\r\n`), body]));
}

function toRequest(
  options: HttpServerOptions,
  request: Http.IncomingMessage,
  peer: HttpPeer,
  signal: AbortSignal,
  upgrade: boolean,
): HttpRequest {
  const { path, query } = splitTarget(request.url ?? "/");
  const headers: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  separate(headers, request.rawHeaders, options.separateHeaders);
  return { method: request.method ?? "GET", path, query, headers, body: request, peer, signal, upgrade };
}

async function serveHttp2(
  options: HttpServerOptions,
  peer: HttpPeer | undefined,
  stream: http2.ServerHttp2Stream,
  incoming: http2.IncomingHttpHeaders,
  rawHeaders: readonly string[],
): Promise<void> {
  const gone = new AbortController();
  let isAnswered = false;
  stream.on("close", () => {
    // An abort nobody waits for any more would cost as much as a small answer.
    if (!isAnswered) gone.abort();
  });
  const { path, query } = splitTarget(incoming[":path"] ?? "/");
  const headers: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(incoming)) {
    if (value !== undefined && !name.startsWith(":")) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  separate(headers, rawHeaders, options.separateHeaders);
  if (incoming[":authority"] !== undefined) headers["host"] = incoming[":authority"];
  const answer = await options.handler({
    method: incoming[":method"] ?? "GET",
    path,
    query,
    headers,
    body: stream,
    peer: peer ?? noPeer,
    signal: gone.signal,
    upgrade: false,
  });
  // The client may have reset the stream meanwhile; respond() on a closed one throws.
  if (stream.destroyed || stream.closed) return;
  const { headers: answered, body } = encoded(answer);
  stream.respond({ ":status": answer.status, ...headerLines(withoutHopByHop(answered)) });
  await sendBody(body, stream, gone.signal);
  isAnswered = true;
}

/** Joins repetitions of some headers anew, so that they can be told apart. */
function separate(
  headers: Record<string, string>,
  raw: readonly string[],
  beginnings: readonly string[] | undefined,
): void {
  if (!beginnings) return;
  const seen = new Set<string>();
  const isSeparate = (name: string): boolean => beginnings.some((beginning) => name.startsWith(beginning));
  if (!Object.keys(headers).some(isSeparate)) return;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] ?? "").toLowerCase();
    if (!isSeparate(name)) continue;
    const value = raw[i + 1] ?? "";
    headers[name] = seen.has(name) ? `${headers[name] ?? ""}\n${value}` : value;
    seen.add(name);
  }
}

/** Cookies are set one to a line. */
function headerLines(headers: HttpHeaders): Record<string, string | string[]> {
  const cookies = headers["set-cookie"];
  const lines = cookies === undefined ? headers : { ...headers, "set-cookie": cookies.split("\n") };
  const { warning } = headers;
  return warning === undefined ? lines : { ...lines, warning: utf8AsLatin1(warning) };
}

/** Upstream writes what a warning quotes as UTF-8; Node.js writes one byte for each character, and refuses larger ones. */
function utf8AsLatin1(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

function withoutHopByHop(headers: HttpHeaders): HttpHeaders {
  if (headers["connection"] === undefined && headers["transfer-encoding"] === undefined) return headers;
  const { connection: _connection, "transfer-encoding": _encoding, ...rest } = headers;
  return rest;
}

function splitTarget(target: string): { readonly path: string; readonly query: URLSearchParams } {
  const at = target.indexOf("?");
  if (at < 0) return { path: target, query: new URLSearchParams() };
  return { path: target.slice(0, at), query: new URLSearchParams(target.slice(at + 1)) };
}

/** The headers and the body as they are sent: compressed, where the server says that it may be. */
function encoded({ headers, body, mayCompress }: HttpResponse): Pick<HttpResponse, "headers" | "body"> {
  if (!mayCompress || body === undefined) return { headers, body };
  const vary = headers["vary"] === undefined ? "Accept-Encoding" : `${headers["vary"]}, Accept-Encoding`;
  return { headers: { ...headers, vary, "content-encoding": "gzip" }, body: (sink) => writeGzip(body, sink) };
}

/** Compresses on the thread pool; no more than a group is ahead of a client that reads slowly. */
async function writeGzip(body: NonNullable<HttpResponse["body"]>, sink: ByteSink): Promise<void> {
  const gzip = zlib.createGzip({ level: gzipLevel, chunkSize: gzipChunkBytes });
  const source = new StreamSink(gzip, sink.signal);
  const produce = async (): Promise<void> => {
    if (typeof body === "function") await body(source);
    else await writeInGroups(body instanceof Uint8Array ? [body] : body, source);
    gzip.end();
  };
  const produced = produce().catch((error: unknown) => void gzip.destroy(error as Error));
  try {
    for await (const chunk of gzip) {
      if (!sink.write([chunk as Buffer])) await sink.drained();
      if (sink.signal.aborted) break;
    }
  } finally {
    gzip.destroy();
    await produced;
  }
}

/** Writes the body and ends the answer; a small one goes out with its end in one piece. */
async function sendBody(
  body: HttpResponse["body"],
  out: Http.ServerResponse | http2.ServerHttp2Stream,
  signal: AbortSignal,
): Promise<void> {
  if (body instanceof Uint8Array) {
    if (!signal.aborted && !out.destroyed) out.end(body);
    return;
  }
  if (body !== undefined) {
    const sink = new StreamSink(out, signal);
    if (typeof body === "function") {
      // The client must see the headers of a watch before its first event.
      if ("flushHeaders" in out) out.flushHeaders();
      await body(sink);
    } else await writeInGroups(body, sink);
  }
  out.end();
}

/** Large lists go out in groups with backpressure, so that a slow reader holds no more than one group beyond its socket. */
async function writeInGroups(parts: readonly Uint8Array[], sink: StreamSink): Promise<void> {
  let start = 0;
  let size = 0;
  for (let i = 0; i < parts.length; i++) {
    size += parts[i]?.length ?? 0;
    if (size < writeGroupBytes && i < parts.length - 1) continue;
    const hasRoom = sink.write(parts.slice(start, i + 1));
    start = i + 1;
    size = 0;
    if (!hasRoom && !sink.signal.aborted) await sink.drained();
    if (sink.signal.aborted) return;
  }
}

class StreamSink implements ByteSink {
  readonly signal: AbortSignal;
  readonly #out: Writable;

  constructor(out: Writable, signal: AbortSignal) {
    this.#out = out;
    this.signal = signal;
  }

  write(chunks: readonly Uint8Array[]): boolean {
    if (this.signal.aborted || this.#out.destroyed) return false;
    if (chunks.length === 1 && chunks[0]) return this.#out.write(chunks[0]);
    this.#out.cork();
    let hasRoom = true;
    for (const chunk of chunks) hasRoom = this.#out.write(chunk);
    this.#out.uncork();
    return hasRoom;
  }

  drained(): Promise<void> {
    if (this.signal.aborted || !this.#out.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        this.#out.off("drain", done);
        this.#out.off("close", done);
        this.signal.removeEventListener("abort", done);
        resolve();
      };
      this.#out.on("drain", done);
      this.#out.on("close", done);
      this.signal.addEventListener("abort", done, { once: true });
    });
  }
}
