import { isAborted, type Clock } from "../../component-base/clock.ts";
import { base64Decode, utf8Decode, utf8Encode } from "../../component-base/bytes.ts";
import { readBody } from "../../component-base/http.ts";
import { errorText } from "../../component-base/logger.ts";
import { cleanPath } from "../proxy/rewrite-url.ts";
import type { ServiceResolver } from "./service-resolver.ts";
import type { WebhookDialer, WebhookTarget } from "./webhook-dialer.ts";

// The largest answer upstream reads.
const responseBytesMax = 7 * 1024 * 1024;

/** Where a webhook is, as configurations of all kinds say it: by URL or by Service. */
export interface ClientConfig {
  readonly url?: string;
  readonly service?: {
    readonly namespace: string;
    readonly name: string;
    readonly path?: string;
    readonly port?: number;
  };
  /** PEM in base64. */
  readonly caBundle?: string;
}

/** There is no usable answer; the message says why, as upstream's client does. */
export class WebhookFailure extends Error {
  override readonly name = "WebhookFailure";
}

/** Posts JSON to webhooks. */
export class WebhookClient {
  readonly #dialer: WebhookDialer | undefined;
  readonly #services: ServiceResolver;
  readonly #clock: Clock;

  constructor(options: {
    /** Without one every call fails. */
    readonly dialer: WebhookDialer | undefined;
    readonly services: ServiceResolver;
    readonly clock: Clock;
  }) {
    this.#dialer = options.dialer;
    this.#services = options.services;
    this.#clock = options.clock;
  }

  /** Resolves to the parsed answer. Rejects with WebhookFailure, and with StatusError when the Service has no endpoint. */
  async post(config: ClientConfig, review: unknown, timeoutSeconds: number): Promise<unknown> {
    if (!this.#dialer) throw new WebhookFailure("this server has no way to webhooks");
    const { target, path, url } = this.#targetOf(config);
    const query = `${path.includes("?") ? "&" : "?"}timeout=${timeoutSeconds}s`;
    const abort = new AbortController();
    const timer = this.#clock.setTimer(timeoutSeconds * 1000, () =>
      abort.abort(new Error("context deadline exceeded")),
    );
    try {
      const response = await this.#dialer.send(target, {
        method: "POST",
        path: `${path}${query}`,
        headers: { "content-type": "application/json", accept: "application/json" },
        body: utf8Encode(JSON.stringify(review)),
        signal: abort.signal,
      });
      const text = utf8Decode(await readBody(response.body, responseBytesMax));
      if (response.status < 200 || response.status > 299)
        throw new WebhookFailure(`the server could not handle the request, status ${response.status}`);
      return JSON.parse(text) as unknown;
    } catch (error) {
      if (error instanceof WebhookFailure) throw error;
      const why = abort.signal.aborted || isAborted(error) ? "context deadline exceeded" : errorText(error);
      throw new WebhookFailure(`Post "${url}${query}": ${why}`, { cause: error });
    } finally {
      timer.cancel();
    }
  }

  /** `url` is what messages call it. */
  #targetOf({ url, service, caBundle }: ClientConfig): {
    readonly target: WebhookTarget;
    readonly path: string;
    readonly url: string;
  } {
    const trust = caBundle ? { caBundle: utf8Decode(base64Decode(caBundle)) } : {};
    if (service) {
      const { namespace, name, port = 443 } = service;
      const path = requestPath(service.path ?? "");
      const serverName = `${name}.${namespace}.svc`;
      const where = this.#services.resolve(namespace, name, port);
      return { target: { ...where, serverName, ...trust }, path, url: `https://${serverName}:${port}${path}` };
    }
    const parsed = new URL(url ?? "");
    const host = parsed.hostname.replace(/^\[(.*)\]$/, "$1");
    const port = parsed.port === "" ? 443 : Number(parsed.port);
    const path = requestPath(parsed.pathname);
    return { target: { host, port, serverName: host, ...trust }, path, url: `${parsed.origin}${path}` };
  }
}

/** Without empty segments, and without a slash at the end. */
function requestPath(path: string): string {
  const clean = cleanPath(path);
  return clean === "/" ? clean : clean.replace(/\/$/, "");
}
