import { Agent, request as httpsRequest } from "node:https";

import { TransportError, type HttpHeaders, type TransportResponse } from "../component-base/http.ts";
import type { KeyPair } from "./pki/certificates.ts";

const connectTimeoutMs = 10_000;

/**
 * The API server's way to kubelets for plain requests (logs, statistics): HTTP/1.1 under its client certificate for
 * kubelets, whose certificates must be of the cluster's serving CA.
 */
export class HttpsKubeletConnector implements AsyncDisposable {
  readonly identity = "kubelet";
  readonly #agent: Agent;

  /** Without `client` the connection says nothing of who asks, and requests bring a token. */
  constructor({ ca, client }: { readonly ca: string; readonly client?: KeyPair }) {
    this.#agent = new Agent({ keepAlive: true, ca, ...(client ? { cert: client.cert, key: client.key } : {}) });
  }

  /** Rejects with TransportError when the kubelet does not answer. Redirects are answers like any others. */
  get(url: string, headers: HttpHeaders, signal: AbortSignal): Promise<TransportResponse> {
    return new Promise((resolve, reject) => {
      const request = httpsRequest(url, { agent: this.#agent, headers, signal });
      const timer = setTimeout(() => request.destroy(new Error("the kubelet does not answer")), connectTimeoutMs);
      request.on("error", (error) => {
        clearTimeout(timer);
        reject(new TransportError(`dial ${new URL(url).host}: ${error.message}`, { cause: error, notSent: false }));
      });
      request.on("response", (response) => {
        clearTimeout(timer);
        const answered: Record<string, string> = {};
        for (const [name, value] of Object.entries(response.headers)) {
          if (value !== undefined) answered[name] = Array.isArray(value) ? value.join(", ") : value;
        }
        resolve({ status: response.statusCode ?? 502, headers: answered, body: response });
      });
      request.end();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    return Promise.resolve();
  }
}
