import { concatBytes, utf8Decode, utf8Encode } from "../../component-base/bytes.ts";
import type {
  HttpHeaders,
  HttpRequest,
  HttpResponse,
  SentHeaders,
  ServerTrust,
  TransportResponse,
} from "../../component-base/http.ts";
import { TransportError } from "../../component-base/http.ts";
import { serviceUnavailable } from "../../apimachinery/errors/new.ts";
import type { ProxyConnector } from "./proxy-connector.ts";
import { rewriteHtml } from "./rewrite-html.ts";
import { cleanPath, rewriteUrl } from "./rewrite-url.ts";
import type { ProxiedPlace } from "./rewrite-url.ts";

/** A request to be passed on whole. */
export interface ProxiedRequest {
  readonly http: HttpRequest;
  /** The scheme, host and port of the server behind: `http://10.0.0.1:8080`. */
  readonly origin: string;
  /** The path there, encoded, with its slash; "" for the bare subresource. */
  readonly path: string;
  /** Sent beside the client's own. */
  readonly headers?: SentHeaders;
  /** Whom to expect there; what the connector says when absent. */
  readonly trust?: ServerTrust;
  /** Ends the request early; the client's own signal unless given. */
  readonly signal?: AbortSignal;
}

/** Longer documents are passed on with their links as they are. */
const htmlBytesMax = 8 << 20;

/** Of one connection each, never passed on. */
const hopByHop: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
/** Who the client is to this server is no business of the one behind. */
const identityHeader = /^(?:authorization|impersonate-.*|x-remote-.*)$/;

/**
 * Passes a request on and answers with what comes back: any method, bodies streamed both ways, status verbatim, redirects
 * and the links of HTML leading through the proxy, protocol upgrades as a tunnel. Throws ServiceUnavailable when there is no
 * answer.
 */
export async function proxyRequest(
  { http, origin, path, headers = {}, trust, signal = http.signal }: ProxiedRequest,
  connector: ProxyConnector,
): Promise<HttpResponse> {
  const query = http.query.toString();
  const rest = query === "" ? "" : `?${query}`;
  const forwarded = forwardedHeaders(http);
  if (http.upgrade) {
    const url = `${origin}${path || "/"}${rest}`;
    const { "x-forwarded-for": forwardedFor } = forwarded;
    return {
      status: 101,
      headers: {},
      tunnel: {
        url,
        protocol: "raw",
        identity: connector.identity,
        headers: { "x-forwarded-for": forwardedFor, ...headers },
        ...(trust ? { trust } : {}),
      },
    };
  }
  // A browser resolves relative links against the directory, which the bare subresource is only with a slash.
  if (path === "" && (http.method === "GET" || http.method === "HEAD"))
    return { status: 301, headers: { location: `${http.path}/${rest}` } };
  const url = `${origin}${path || "/"}${rest}`;
  const body = await bodyOf(http);
  let answer: TransportResponse;
  try {
    answer = await connector.send({
      method: http.method,
      url,
      headers: { ...passedOn(http.headers), ...forwarded, ...headers },
      signal,
      ...(trust ? { trust } : {}),
      ...(body ? { body } : {}),
    });
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    throw serviceUnavailable(`error trying to reach service: ${error.message}`);
  }
  return answerOf(answer, {
    backendHost: origin.slice(origin.indexOf("//") + 2),
    requestHost: http.headers["host"] ?? "",
    pathPrefix: http.path.slice(0, http.path.length - path.length),
  });
}

function forwardedHeaders({ headers, peer, path }: HttpRequest): {
  "x-forwarded-for": string;
  "x-forwarded-uri": string;
} {
  const before = headers["x-forwarded-for"];
  return {
    "x-forwarded-for": before ? `${before}, ${peer.address}` : peer.address,
    "x-forwarded-uri": cleanPath(path),
  };
}

function passedOn(headers: HttpHeaders): HttpHeaders {
  const named = new Set((headers["connection"] ?? "").split(",").map((name) => name.trim().toLowerCase()));
  return Object.fromEntries(
    Object.entries(headers).filter(
      ([name]) => !hopByHop.has(name) && !named.has(name) && !identityHeader.test(name) && !name.startsWith(":"),
    ),
  );
}

/** The body, when there is one: a request that only might have had one must not be sent as if it had. */
async function bodyOf({ body, headers }: HttpRequest): Promise<AsyncIterable<Uint8Array> | undefined> {
  const length = headers["content-length"];
  if (length === "0") return undefined;
  if (length !== undefined) return body;
  const iterator = body[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done === true) return undefined;
  return (async function* () {
    yield first.value;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
  })();
}

function answerOf({ status, headers: given, body }: TransportResponse, place: ProxiedPlace): HttpResponse {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(passedOn(given)))
    // Whether other sites may read what is here is for this server to say, not for the one behind.
    if (!name.startsWith("access-control-allow-")) headers[name] = value;
  const { location } = headers;
  if (location !== undefined) headers["location"] = rewriteUrl(location, place);
  const isHtml = headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase() === "text/html";
  const encoding = headers["content-encoding"];
  if (location === undefined && isHtml && (encoding === undefined || encoding === "gzip")) {
    // The links are of other lengths then, and what was compressed comes as it is.
    delete headers["content-length"];
    delete headers["content-encoding"];
    return {
      status,
      headers,
      mayCompress: false,
      body: (sink) => sendHtml(encoding === "gzip" ? gunzip(body) : body, place, sink),
    };
  }
  return { status, headers, mayCompress: false, body: (sink) => sendAll(body, sink) };
}

type Sink = Parameters<Extract<HttpResponse["body"], (...args: never) => unknown>>[0];

async function sendAll(body: AsyncIterable<Uint8Array>, sink: Sink): Promise<void> {
  for await (const chunk of body) {
    if (sink.signal.aborted) return;
    if (!sink.write([chunk])) await sink.drained();
  }
}

async function sendHtml(body: AsyncIterable<Uint8Array>, place: ProxiedPlace, sink: Sink): Promise<void> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    if (sink.signal.aborted) return;
    if (size > htmlBytesMax) {
      if (!sink.write([chunk])) await sink.drained();
      continue;
    }
    parts.push(chunk);
    size += chunk.length;
    if (size > htmlBytesMax) sink.write(parts);
  }
  if (size > htmlBytesMax) return;
  const html = utf8Decode(concatBytes(parts));
  sink.write([utf8Encode(rewriteHtml(html, (link) => rewriteUrl(link, place)))]);
}

function gunzip(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const { readable, writable } = new DecompressionStream("gzip");
  const copy = async (): Promise<void> => {
    const writer = writable.getWriter();
    try {
      for await (const chunk of body) await writer.write(chunk as Uint8Array<ArrayBuffer>);
      await writer.close();
    } catch (error) {
      await writer.abort(error);
    }
  };
  // A failure shows on the readable side.
  copy().catch(() => {});
  return readable;
}
