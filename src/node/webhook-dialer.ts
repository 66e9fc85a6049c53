import * as https from "node:https";

import type { WebhookDialer, WebhookTarget } from "../apiserver/webhook/webhook-dialer.ts";
import { abortReason } from "../component-base/clock.ts";
import { TransportError, type TransportRequest, type TransportResponse } from "../component-base/http.ts";
import { dialFailureText } from "./dial-failure.ts";
import { serverNameOption, trustEach } from "./trust.ts";

// A cluster has a handful of webhooks with a few endpoints each.
const socketsPerServer = 100;

/** Calls webhooks over HTTP/1.1 with TLS, on connections that are kept for the next call. */
export class HttpsWebhookDialer implements WebhookDialer, Disposable {
  /** Keeps connections apart by address, server name and trust. */
  readonly #agent = new https.Agent({ keepAlive: true, maxSockets: socketsPerServer });

  async send(target: WebhookTarget, request: TransportRequest): Promise<TransportResponse> {
    const { signal } = request;
    if (signal?.aborted) throw abortReason(signal);
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void =>
        reject(
          signal?.aborted
            ? abortReason(signal)
            : new TransportError(dialFailureText(error, `${target.host}:${target.port}`), {
                notSent: false,
                cause: error,
              }),
        );
      const outgoing = https.request(
        {
          agent: this.#agent,
          ...serverNameOption(target.serverName),
          ...(target.caBundle === undefined ? {} : { ca: target.caBundle }),
          ...trustEach,
          host: target.host,
          port: target.port,
          method: request.method,
          path: request.path,
          headers: {
            host: target.serverName,
            ...request.headers,
            "content-length": String(request.body?.length ?? 0),
          },
          ...(signal ? { signal } : {}),
        },
        (incoming) => {
          const headers: Record<string, string> = {};
          for (const [name, value] of Object.entries(incoming.headers)) {
            if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
          }
          resolve({ status: incoming.statusCode ?? 0, headers, body: incoming });
        },
      );
      outgoing.on("error", fail);
      outgoing.end(request.body);
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
