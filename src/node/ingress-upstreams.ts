import type * as Http from "node:http";
import type { Duplex } from "node:stream";

import { ForwardError, type Endpoint, type ForwardedHead } from "../ingress/ports.ts";
import { http } from "./http-module.ts";

// One lost SYN is sent again after a second.
const connectTimeoutMs = 2_000;
// nginx's proxy_read_timeout.
const silenceMaxMs = 60_000;
// Servers close idle connections after some seconds, and a request that crosses the close is lost unless it may be sent again.
const keptIdleMs = 2_000;
const keptPerEndpointMax = 256;
const answerHeaderBytesMax = 256 << 10;

/** What an endpoint answered. */
export type UpstreamAnswer =
  | { readonly kind: "response"; readonly incoming: Http.IncomingMessage }
  | {
      readonly kind: "upgrade";
      readonly incoming: Http.IncomingMessage;
      readonly socket: Duplex;
      readonly head: Buffer;
    };

/** A request on its way to an endpoint. */
export interface UpstreamRequest {
  readonly outgoing: Http.ClientRequest;
  /** Rejects with ForwardError when no answer begins. */
  readonly answer: Promise<UpstreamAnswer>;
}

/** Connections to endpoints, kept while they are in use. */
export class IngressUpstreams {
  readonly #agent = new http.Agent({ keepAlive: true, maxFreeSockets: keptPerEndpointMax, timeout: keptIdleMs });

  /**
   * Sends the head; `sendBody` is called once there is a connection, and must end the request. Until then nothing of the body
   * is lost when it fails.
   */
  request(
    { ip, port }: Endpoint,
    { method, target, headers }: ForwardedHead,
    options: { readonly isUpgrade: boolean; readonly sendBody: (outgoing: Http.ClientRequest) => void },
  ): UpstreamRequest {
    const outgoing = http.request({
      host: ip,
      port,
      method,
      path: target,
      // The whole head, as it is to be: Node adds nothing but the framing.
      headers: headers as string[],
      agent: options.isUpgrade ? false : this.#agent,
      timeout: silenceMaxMs,
      maxHeaderSize: answerHeaderBytesMax,
    });
    return { outgoing, answer: answerOf(outgoing, options.sendBody) };
  }

  /** Closes idle connections to the endpoint. */
  forget({ ip, port }: Endpoint): void {
    const name = this.#agent.getName({ host: ip, port });
    for (const socket of this.#agent.freeSockets[name] ?? []) socket.destroy();
  }

  close(): void {
    this.#agent.destroy();
  }
}

function answerOf(
  outgoing: Http.ClientRequest,
  sendBody: (outgoing: Http.ClientRequest) => void,
): Promise<UpstreamAnswer> {
  return new Promise((resolve, reject) => {
    let isConnected = false;
    let isLate = false;
    let hasAnswer = false;
    let connecting: NodeJS.Timeout | undefined;
    outgoing.on("socket", (socket) => {
      const connected = (): void => {
        clearTimeout(connecting);
        isConnected = true;
        sendBody(outgoing);
      };
      if (!socket.connecting) return connected();
      socket.setNoDelay(true);
      socket.once("connect", connected);
      connecting = setTimeout(() => outgoing.destroy(new Error("not connected in time")), connectTimeoutMs);
    });
    outgoing.on("timeout", () => {
      isLate = true;
      outgoing.destroy(new Error(`silent for ${silenceMaxMs} ms`));
    });
    // Stays for the request's life: once the answer has begun, an error is the answer's.
    outgoing.on("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(connecting);
      const isMalformed = error.code?.startsWith("HPE_") === true;
      const failure = !isConnected ? "refused" : isLate ? "timeout" : isMalformed ? "invalid" : "reset";
      reject(new ForwardError(failure, { cause: error }));
    });
    outgoing.on("close", () => {
      clearTimeout(connecting);
      // An error nobody hears of costs its stack all the same.
      if (!hasAnswer) reject(new ForwardError(isConnected ? "reset" : "refused"));
    });
    const answered = (answer: UpstreamAnswer): void => {
      hasAnswer = true;
      resolve(answer);
    };
    outgoing.on("response", (incoming) => answered({ kind: "response", incoming }));
    outgoing.on("upgrade", (incoming, socket, head) => answered({ kind: "upgrade", incoming, socket, head }));
  });
}
