import type { OutgoingHttpHeaders } from "node:http";
import * as https from "node:https";

import type { ProxyConnector, ProxyRequest } from "../apiserver/proxy/proxy-connector.ts";
import { TransportError, type ServerTrust, type TransportResponse } from "../component-base/http.ts";
import { http } from "./http-module.ts";
import { dialFailureText } from "./dial-failure.ts";
import { serverNameOption, trustEach } from "./trust.ts";

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
  /** For requests that say whom to expect. What an agent is made with would win over what a request says. */
  #trusting: https.Agent;
  #tls: ProxyTls;

  constructor(identity: string, tls: ProxyTls = {}) {
    this.identity = identity;
    this.#tls = tls;
    this.#secure = secureAgent(tls);
    this.#trusting = trustingAgent(tls);
  }

  /** From now on connections are made with this certificate, PEM. Requests under way end on those they are on. */
  setCertificate(cert: string, key: string): void {
    for (const agent of [this.#secure, this.#trusting]) retire(agent);
    this.#tls = { ...this.#tls, cert, key };
    this.#secure = secureAgent(this.#tls);
    this.#trusting = trustingAgent(this.#tls);
  }

  async send(request: ProxyRequest): Promise<TransportResponse> {
    const { method, url, body, signal, trust } = request;
    const isSecure = url.startsWith("https:");
    return new Promise((resolve, reject) => {
      const secureAgent = trust ? this.#trusting : this.#secure;
      const options = {
        agent: isSecure ? secureAgent : this.#plain,
        method,
        headers: request.headers as OutgoingHttpHeaders,
        signal,
        ...(trust ? tlsOptionsOf(trust) : {}),
      };
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
    this.#trusting.destroy();
  }
}

function secureAgent(tls: ProxyTls): https.Agent {
  return new https.Agent({ keepAlive: true, ...tls, ...trustEach, rejectUnauthorized: tls.ca !== undefined });
}

function trustingAgent(tls: ProxyTls): https.Agent {
  const { ca: _, ...own } = tls;
  return new https.Agent({ keepAlive: true, ...own });
}

/** What is idle is of no more use; what is busy is not kept when it is done. */
function retire(agent: https.Agent): void {
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
  agent.maxFreeSockets = 0;
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

/** How a TLS connection tells whether the other end is who is expected there. */
export function tlsOptionsOf({ serverName, ca, isAnyAccepted }: ServerTrust): {
  readonly servername?: string;
  readonly ca?: string;
  readonly allowPartialTrustChain: true;
  readonly rejectUnauthorized: boolean;
} {
  const trust = { ...trustEach, rejectUnauthorized: !isAnyAccepted };
  return { ...serverNameOption(serverName), ...(ca === undefined ? {} : { ca }), ...trust };
}

/** Why there is no answer, as Go's dialer says it. */
function reasonOf(error: NodeJS.ErrnoException, { host, hostname, port, protocol }: URL): string {
  return dialFailureText(error, port === "" ? `${hostname}:${protocol === "https:" ? "443" : "80"}` : host);
}
