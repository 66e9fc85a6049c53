import * as http from "node:http";
import * as https from "node:https";

import type { AuditReceiver } from "../apiserver/audit/webhook-sink.ts";
import { dialFailureText } from "./dial-failure.ts";
import { serverNameOption, trustEach } from "./trust.ts";

/** Upstream's. */
const timeoutMs = 30_000;
const socketsMax = 25;
/** Of what a server says when it does not take events. */
const answerBytesMax = 1024;

export interface HttpAuditReceiverOptions {
  /** http or https, with a path. */
  readonly url: string;
  /** PEM of the authority of the server's certificate; the system's ones unless given. */
  readonly ca?: string;
  /** Any certificate will do. */
  readonly isInsecure?: boolean;
  readonly serverName?: string;
  /** Client certificate, PEM. */
  readonly cert?: string;
  readonly key?: string;
  readonly token?: () => string | undefined;
}

/** Posts audit events over HTTP/1.1, on connections that are kept. */
export class HttpAuditReceiver implements AuditReceiver, Disposable {
  readonly #options: HttpAuditReceiverOptions;
  readonly #agent: http.Agent;

  /** Throws for a URL of another kind. */
  constructor(options: HttpAuditReceiverOptions) {
    const { protocol } = new URL(options.url);
    if (protocol !== "http:" && protocol !== "https:") throw new TypeError(`${options.url} is no URL of HTTP`);
    this.#options = options;
    const limits = { keepAlive: true, maxSockets: socketsMax };
    this.#agent = protocol === "https:" ? new https.Agent(limits) : new http.Agent(limits);
  }

  post(body: Uint8Array): Promise<void> {
    const { url, ca, isInsecure, serverName, cert, key, token } = this.#options;
    const target = new URL(url);
    const bearer = token?.();
    return new Promise((resolve, reject) => {
      const request = (target.protocol === "https:" ? https : http).request(
        target,
        {
          agent: this.#agent,
          method: "POST",
          headers: {
            accept: "application/json, */*",
            "content-type": "application/json",
            "content-length": String(body.length),
            ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
          },
          signal: AbortSignal.timeout(timeoutMs),
          ...serverNameOption(serverName ?? target.hostname),
          ...trustEach,
          ...(ca === undefined ? {} : { ca }),
          ...(isInsecure ? { rejectUnauthorized: false } : {}),
          ...(cert === undefined || key === undefined ? {} : { cert, key }),
        },
        (answer) => {
          let text = "";
          answer.setEncoding("utf8");
          answer.on("data", (chunk: string) => (text = (text + chunk).slice(0, answerBytesMax)));
          answer.on("error", reject);
          answer.on("end", () => {
            const { statusCode = 0 } = answer;
            if (statusCode >= 200 && statusCode < 300) resolve();
            else reject(new Error(`the server answered ${statusCode}: ${text.trim()}`));
          });
        },
      );
      request.on("error", (error) => reject(new Error(dialFailureText(error, target.host), { cause: error })));
      request.end(body);
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
