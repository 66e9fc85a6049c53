import * as http2 from "node:http2";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import * as tls from "node:tls";

import { errorText, type Logger } from "../component-base/logger.ts";
import type { IngressHandler, IngressListener, TlsPair } from "../ingress/ports.ts";
import { http } from "./http-module.ts";
import { inboundHttp1, inboundHttp2, inboundUpgrade, isWebSocket } from "./ingress-request.ts";
import { IngressUpstreams } from "./ingress-upstreams.ts";
import { createCertificateAuthority } from "./pki/certificates.ts";

// nginx takes 32 KiB of headers; cookies of large sites need more than Node's 16.
export const headerBytesMax = 64 << 10;
// A client that has not sent its request's head by then is in no hurry to be served.
const headersTimeoutMs = 30_000;
const handshakeTimeoutMs = 10_000;
// Longer than a backend may be silent, so that the client hears of that and not of a cut connection.
const idleTimeoutMs = 75_000;
const connectionsMax = 10_000;
const streamsPerConnectionMax = 128;
// On close, requests under way have so long before their sockets are destroyed.
const closeGraceMs = 5_000;
const idleCheckMs = 20;
const fallbackDays = 365;

export interface IngressListenerOptions {
  /** All addresses when there is none. */
  readonly host?: string;
  /** 0 picks a free one. */
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly logger: Logger;
}

export interface NodeIngressListener extends IngressListener {
  readonly httpPort: number;
  readonly httpsPort: number;
}

/** Why a certificate and its key cannot be served; undefined when they can. */
export function tlsProblemOf({ cert, key }: TlsPair): string | undefined {
  try {
    tls.createSecureContext({ cert, key });
    return undefined;
  } catch (error) {
    return `holds no certificate with its key: ${errorText(error)}`;
  }
}

/**
 * HTTP/1.1 on one port, HTTP/1.1 and HTTP/2 over TLS on the other; the TLS server splits by ALPN. A name without a certificate
 * gets a self-signed one, made when the first client comes.
 */
export async function listenForIngress(
  handler: IngressHandler,
  options: IngressListenerOptions,
): Promise<NodeIngressListener> {
  const { logger } = options;
  const upstreams = new IngressUpstreams();
  const sockets = new Set<Socket>();
  const sessions = new Set<http2.ServerHttp2Session>();
  const serve = (request: Parameters<IngressHandler["handle"]>[0]): void =>
    void handler.handle(request).catch((error: unknown) => logger.error("request ended abnormally", { error }));

  const h1 = http.createServer({
    maxHeaderSize: headerBytesMax,
    headersTimeout: headersTimeoutMs,
    // Uploads take as long as they take; the socket's silence is what ends them.
    requestTimeout: 0,
    keepAliveTimeout: idleTimeoutMs,
    connectionsCheckingInterval: headersTimeoutMs / 4,
    // Anything else (`h2c`) is a way past us.
    shouldUpgradeCallback: isWebSocket,
  });
  h1.timeout = idleTimeoutMs;
  // The bytes are limited; past a number, Node would drop fields silently.
  h1.maxHeadersCount = 0;
  h1.on("request", (request, response) => serve(inboundHttp1(request, response, upstreams)));
  h1.on("upgrade", (request, socket, head) => serve(inboundUpgrade(request, socket as Socket, head, upstreams)));
  h1.on("clientError", (error, socket) => refuseMalformed(error, socket as Socket));

  const h2 = http2.createServer({
    settings: { maxConcurrentStreams: streamsPerConnectionMax, maxHeaderListSize: headerBytesMax, enablePush: false },
    maxSessionMemory: 16,
  });
  h2.on("session", (session) => {
    sessions.add(session);
    session.setTimeout(idleTimeoutMs, () => session.destroy());
    session.on("close", () => sessions.delete(session));
  });
  h2.on("sessionError", (error) => logger.debug("HTTP/2 session error", { error }));
  h2.on("request", (request, response) => serve(inboundHttp2(request, response, upstreams)));

  const secure = new SecureContexts(handler);
  const tlsServer = tls.createServer(
    {
      minVersion: "TLSv1.2",
      ALPNProtocols: ["h2", "http/1.1"],
      handshakeTimeout: handshakeTimeoutMs,
      SNICallback: (name, done) => done(null, secure.contextFor(name)),
    },
    (socket) => {
      socket.setNoDelay(true);
      (socket.alpnProtocol === "h2" ? h2 : h1).emit("connection", socket);
    },
  );
  tlsServer.on("tlsClientError", (error, socket) => {
    logger.debug("TLS handshake failed", { error });
    socket.destroy();
  });
  const https = createServer((socket) => {
    void secure.fallback().then(
      (pair) => {
        if (socket.destroyed) return;
        tlsServer.setSecureContext({ ...pair });
        tlsServer.emit("connection", socket);
      },
      (error: unknown) => {
        logger.error("cannot make a certificate", { error });
        socket.destroy();
      },
    );
  });
  for (const server of [h1, https]) {
    server.maxConnections = connectionsMax;
    server.on("connection", (socket: Socket) => {
      // What is said of a connection here also holds for one that never says anything.
      socket.on("error", () => {});
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
    });
  }
  const httpPort = await listen(h1, options.httpPort, options.host);
  let httpsPort: number;
  try {
    httpsPort = await listen(https, options.httpsPort, options.host);
  } catch (error) {
    h1.close();
    throw error;
  }
  for (const server of [h1, https]) server.on("error", (error) => logger.error("server error", { error }));
  return {
    httpPort,
    httpsPort,
    forget: (endpoint) => upstreams.forget(endpoint),
    async [Symbol.asyncDispose]() {
      const closed = [h1, https].map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
      for (const session of sessions) session.close();
      const idle = setInterval(() => h1.closeIdleConnections(), idleCheckMs);
      const cut = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, closeGraceMs);
      await Promise.all(closed);
      clearInterval(idle);
      clearTimeout(cut);
      upstreams.close();
    },
  };
}

/** The certificates in force, as OpenSSL wants them; each is read once. */
class SecureContexts {
  readonly #handler: IngressHandler;
  readonly #contexts = new WeakMap<TlsPair, tls.SecureContext>();
  #selfSigned: Promise<TlsPair> | undefined;

  constructor(handler: IngressHandler) {
    this.#handler = handler;
  }

  /** Undefined leaves the connection to the fallback. */
  contextFor(serverName: string): tls.SecureContext | undefined {
    const pair = this.#handler.certificateFor(serverName);
    if (!pair) return undefined;
    let context = this.#contexts.get(pair);
    if (!context) this.#contexts.set(pair, (context = tls.createSecureContext({ ...pair, minVersion: "TLSv1.2" })));
    return context;
  }

  /** What clients get that name nobody. */
  async fallback(): Promise<TlsPair> {
    const pair = this.#handler.certificateFor("");
    return pair ?? (this.#selfSigned ??= createCertificateAuthority("k8ts Ingress", fallbackDays, Date.now()));
  }
}

function refuseMalformed(error: Error, socket: Socket): void {
  const { code } = error as NodeJS.ErrnoException;
  if (!socket.writable || code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const status =
    code === "HPE_HEADER_OVERFLOW"
      ? "431 Request Header Fields Too Large"
      : code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? "408 Request Timeout"
        : "400 Bad Request";
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  // Whatever else the client says would be read as a request.
  setTimeout(() => socket.destroy(), 1_000).unref();
}

function listen(server: Server, port: number, host: string | undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
