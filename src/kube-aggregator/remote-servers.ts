import type { APIService, ServiceReference } from "../api/apiregistration/v1/types.gen.ts";
import { serviceUnavailable } from "../apimachinery/errors/new.ts";
import { StatusError } from "../apimachinery/errors/status-error.ts";
import type { UserInfo } from "../apiserver/authentication/user-info.ts";
import type { RequestScope } from "../apiserver/endpoints/request-scope.ts";
import { respondText } from "../apiserver/endpoints/response.ts";
import type { ProxyConnector } from "../apiserver/proxy/proxy-connector.ts";
import { proxyRequest } from "../apiserver/proxy/proxy-request.ts";
import type { ServiceResolver, ServiceTarget } from "../apiserver/webhook/service-resolver.ts";
import { base64Decode, utf8Decode, utf8Encode } from "../component-base/bytes.ts";
import { deadline, type Clock } from "../component-base/clock.ts";
import type { HttpHeaders, HttpResponse, SentHeaders, ServerTrust } from "../component-base/http.ts";
import { readBody } from "../component-base/http.ts";
import { isAvailable } from "./api-service.ts";

const defaultPort = 443;
// Upstream's: asking which resources there are is cheap, and everybody's first request.
const discoveryTimeoutMs = 5000;
// The documents of a server with hundreds of kinds are some megabytes.
const documentBytesMax = 64 << 20;

export interface RemoteServersOptions {
  /** The way to servers under the identity of a front proxy. Without one none is reached. */
  readonly connector: ProxyConnector | undefined;
  readonly services: ServiceResolver;
  /** Endpoints are called directly; otherwise the Service's address is, which something must route. */
  readonly routesToEndpoints: boolean;
  readonly clock: Clock;
}

/** What a server answered, read whole. */
export interface RemoteDocument {
  readonly status: number;
  readonly headers: HttpHeaders;
  readonly text: string;
}

/** An APIService that is another server's. */
export interface RemoteApiService extends APIService {
  readonly spec: APIService["spec"] & { readonly service: ServiceReference };
}

export function isRemote(object: APIService | undefined): object is RemoteApiService {
  return object?.spec.service !== undefined;
}

/** Calls the servers behind APIServices in the name of users. */
export class RemoteServers {
  readonly #options: RemoteServersOptions;

  constructor(options: RemoteServersOptions) {
    this.#options = options;
  }

  /** Passes a request on. What goes wrong on the way is a plain text, as of upstream: a Status would be the server's own. */
  async proxy(object: RemoteApiService, { http, info, user, auditId }: RequestScope): Promise<HttpResponse> {
    if (!isAvailable(object)) return respondText(503, "service unavailable\n");
    const isDiscovery = !info.isResourceRequest && http.path.split("/").filter((part) => part !== "").length === 3;
    const limit = isDiscovery ? deadline(this.#options.clock, discoveryTimeoutMs, http.signal) : undefined;
    try {
      const { connector, origin, trust } = this.#wayTo(object);
      const headers = { ...identityHeaders(user), "audit-id": auditId };
      const signal = limit?.signal ?? http.signal;
      return await proxyRequest({ http, origin, path: http.path, headers, trust, signal }, connector);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      if (limit?.signal.aborted) return respondText(503, "error trying to reach service: context deadline exceeded\n");
      return respondText(503, `${error.message}\n`);
    }
  }

  /**
   * Asks the server itself, in the name of one of this server's own users. Rejects with an Error whose message says why there
   * is no answer, as Go's client does.
   */
  async get(
    object: RemoteApiService,
    path: string,
    asked: {
      readonly user: UserInfo;
      readonly headers?: HttpHeaders;
      readonly timeoutMs: number;
      readonly signal: AbortSignal;
    },
  ): Promise<RemoteDocument & { readonly url: string }> {
    const { connector, origin, trust } = this.#wayTo(object);
    const url = `${origin}${path}`;
    using limit = deadline(this.#options.clock, asked.timeoutMs, asked.signal);
    try {
      const answer = await connector.send({
        method: "GET",
        url,
        headers: { ...identityHeaders(asked.user), ...asked.headers },
        signal: limit.signal,
        trust,
      });
      const text = utf8Decode(await readBody(answer.body, documentBytesMax));
      return { url, status: answer.status, headers: answer.headers, text };
    } catch (error) {
      if (asked.signal.aborted) throw error;
      const why = limit.signal.aborted ? "context deadline exceeded" : messageOf(error);
      throw new RemoteServerError(url, `Get ${JSON.stringify(url)}: ${why}`, { cause: error });
    }
  }

  #wayTo({ spec }: RemoteApiService): {
    readonly connector: ProxyConnector;
    readonly origin: string;
    readonly trust: ServerTrust;
  } {
    const { connector, routesToEndpoints, services } = this.#options;
    if (!connector) throw serviceUnavailable("this server has no way to the servers behind it");
    const { namespace = "", name = "", port = defaultPort } = spec.service;
    const target = routesToEndpoints
      ? services.resolve(namespace, name, port)
      : services.resolveAddress(namespace, name, port);
    const trust = {
      serverName: `${name}.${namespace}.svc`,
      ...(spec.caBundle ? { ca: utf8Decode(base64Decode(spec.caBundle)) } : {}),
      ...(spec.insecureSkipTLSVerify ? { isAnyAccepted: true } : {}),
    };
    return { connector, origin: `https://${hostPort(target)}`, trust };
  }
}

/** Without the causes, which Go's errors leave out. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** There was no answer from this URL. */
export class RemoteServerError extends Error {
  override readonly name = "RemoteServerError";
  readonly url: string;

  constructor(url: string, message: string, options: ErrorOptions) {
    super(message, options);
    this.url = url;
  }
}

function hostPort({ host, port }: ServiceTarget): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Tells the server behind in whose name the request is made. */
export function identityHeaders({ name, uid, groups, extra = {} }: UserInfo): SentHeaders {
  const headers: Record<string, string | readonly string[]> = { "x-remote-user": headerText(name) };
  if (uid) headers["x-remote-uid"] = headerText(uid);
  if (groups.length > 0) headers["x-remote-group"] = groups.map(headerText);
  for (const [key, values] of Object.entries(extra))
    if (values.length > 0) headers[`x-remote-extra-${encodedKey(key)}`] = values.map(headerText);
  return headers;
}

/** Headers are bytes, which platforms take as characters of one byte each. */
function headerText(text: string): string {
  return String.fromCharCode(...utf8Encode(text));
}

/** A key as part of a header's name, which allows less than keys do. */
function encodedKey(key: string): string {
  return key.replaceAll(/[^!#$&'*+\-.^_`|~0-9A-Za-z]/gu, (character) =>
    Array.from(utf8Encode(character), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(""),
  );
}
