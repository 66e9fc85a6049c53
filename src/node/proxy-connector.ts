import * as https from "node:https";

import type { ProxyConnector, ProxyRequest } from "../apiserver/proxy/proxy-connector.ts";
import { TransportError, type TransportResponse } from "../component-base/http.ts";
import { http } from "./http-module.ts";

const connectTimeoutMs = 10_000;

/** How servers behind HTTPS are told apart and told who asks. */
export interface ProxyTls {
  /** PEM of the authority their certificates must be of; without it any certificate will do, as for upstream's proxy. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Requests to kubelets and pods over HTTP/1.1, on connections that are kept for the next one. */
export class HttpProxyConnector implements ProxyConnector, Disposable {
  readonly identity: string;
  readonly #plain = new http.Agent({ keepAlive: true });
  #secure: https.Agent;
  #tls: ProxyTls;

  constructor(identity: string, tls: ProxyTls = {}) {
    this.identity = identity;
    this.#tls = tls;
    this.#secure = agentOf(tls);
  }

  /** From now on connections are made with this certificate, PEM. Requests under way end on those they are on. */
  setCertificate(cert: string, key: string): void {
    const before = this.#secure;
    this.#tls = { ...this.#tls, cert, key };
    this.#secure = agentOf(this.#tls);
    // What is idle is of no more use; what is busy is not kept when it is done.
    for (const sockets of Object.values(before.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
    before.maxFreeSockets = 0;
  }

  async send(request: ProxyRequest): Promise<TransportResponse> {
    const { method, url, headers, body, signal } = request;
    const isSecure = url.startsWith("https:");
    return new Promise((resolve, reject) => {
      const options = { agent: isSecure ? this.#secure : this.#plain, method, headers, signal };
      const outgoing = (isSecure ? https : http).request(url, options);
      const timer = setTimeout(() => outgoing.destroy(new Error("i/o timeout")), connectTimeoutMs);
      outgoing.on("socket", (socket) => {
        if (!socket.connecting) clearTimeout(timer);
        else socket.once(isSecure ? "secureConnect" : "connect", () => clearTimeout(timer));
      });
      outgoing.on("error", (error: NodeJS.ErrnoException) => {
        clearTimeout(timer);
        // The other end may close a kept connection at any time: what changes nothing is asked again on a new one.
        const isRepeatable = !body && (method === "GET" || method === "HEAD");
        if (outgoing.reusedSocket && isRepeatable && error.code === "ECONNRESET") return resolve(this.send(request));
        reject(new TransportError(reasonOf(error, new URL(url)), { cause: error, notSent: false }));
      });
      outgoing.on("response", (response) => {
        const answered: Record<string, string> = {};
        // Node itself has joined all repeated headers but those of cookies.
        for (const [name, value] of Object.entries(response.headers)) {
          if (value !== undefined) answered[name] = Array.isArray(value) ? value.join("\n") : value;
        }
        resolve({ status: response.statusCode ?? 502, headers: answered, body: response });
      });
      if (!body) {
        outgoing.end();
        return;
      }
      void writeBody(body, outgoing).catch((error: unknown) => outgoing.destroy(error as Error));
    });
  }

  [Symbol.dispose](): void {
    this.#plain.destroy();
    this.#secure.destroy();
  }
}

function agentOf(tls: ProxyTls): https.Agent {
  return new https.Agent({ keepAlive: true, ...tls, rejectUnauthorized: tls.ca !== undefined });
}

async function writeBody(
  body: AsyncIterable<Uint8Array>,
  outgoing: { write(chunk: Uint8Array, done: (error?: Error | null) => void): boolean; end(): void },
): Promise<void> {
  // Each chunk waits for the one before: the client sends no faster than the other end reads.
  for await (const chunk of body)
    await new Promise<void>((resolve, reject) =>
      outgoing.write(chunk, (error) => {
        if (error) reject(error);
        else resolve();
      }),
    );
  outgoing.end();
}

const dialFailures: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  EHOSTUNREACH: "no route to host",
  ENETUNREACH: "network is unreachable",
  ETIMEDOUT: "connection timed out",
};

/** Why there is no answer, as Go's dialer says it. */
function reasonOf(error: NodeJS.ErrnoException, { host, hostname, port, protocol }: URL): string {
  const failure = dialFailures[error.code ?? ""];
  const address = port === "" ? `${hostname}:${protocol === "https:" ? "443" : "80"}` : host;
  if (failure !== undefined) return `dial tcp ${address}: connect: ${failure}`;
  if (error.message === "i/o timeout") return `dial tcp ${address}: i/o timeout`;
  return error.code === "ECONNRESET" ? "EOF" : error.message;
}
