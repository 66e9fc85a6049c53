import type { RequestTarget } from "./request-target.ts";
import type { InboundRequest, RawHeaders } from "./ports.ts";

// About one connection only (RFC 9110, 7.6.1); `expect` has been answered by us.
const hopByHop = new Set([
  "connection",
  "expect",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
// Ours to say: backends trust them, so a client must not speak through us.
const ours = new Set([
  "forwarded",
  "host",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-proto",
  "x-real-ip",
]);

/** What the backend is told, with who asked and how. Framing (`transfer-encoding`) is the platform's to add. */
export function requestHeaders(request: InboundRequest, target: RequestTarget): RawHeaders {
  const named = connectionOptions(request.headers);
  const headers = ["Host", target.authority];
  const cookies: string[] = [];
  eachHeader(request.headers, (name, value, lower) => {
    if (hopByHop.has(lower) || ours.has(lower) || named?.has(lower)) return;
    // HTTP/2 splits cookies into several fields, which HTTP/1.1 must not have (RFC 9113, 8.2.3).
    if (lower === "cookie") cookies.push(value);
    else headers.push(name, value);
  });
  if (cookies.length > 0) headers.push("Cookie", cookies.join("; "));
  headers.push(
    "X-Forwarded-For",
    request.peer,
    "X-Forwarded-Proto",
    request.isTls ? "https" : "http",
    "X-Forwarded-Host",
    target.authority,
    "X-Forwarded-Port",
    String(request.localPort),
    "X-Real-IP",
    request.peer,
  );
  if (request.isUpgrade) headers.push("Connection", "Upgrade", "Upgrade", "websocket");
  return headers;
}

/** What the client is told of a backend's answer. */
export function responseHeaders(headers: RawHeaders): RawHeaders {
  const named = connectionOptions(headers);
  const passed: string[] = [];
  eachHeader(headers, (name, value, lower) => {
    if (!hopByHop.has(lower) && !named?.has(lower)) passed.push(name, value);
  });
  return passed;
}

/** The value of a header; undefined when there is none, null when there are several. */
export function singleHeader(headers: RawHeaders, wanted: string): string | undefined | null {
  let found: string | undefined | null;
  eachHeader(headers, (_, value, lower) => {
    if (lower === wanted) found = found === undefined ? value : null;
  });
  return found;
}

/** Fields the peer declared to be about the connection. Framing and the host are not its to take away. */
function connectionOptions(headers: RawHeaders): ReadonlySet<string> | undefined {
  let options: Set<string> | undefined;
  eachHeader(headers, (_, value, lower) => {
    if (lower !== "connection" || value === "keep-alive" || value === "close") return;
    options ??= new Set();
    for (const option of value.toLowerCase().split(",")) {
      const name = option.trim();
      if (name !== "content-length" && name !== "cookie" && name !== "authorization") options.add(name);
    }
  });
  return options;
}

function eachHeader(headers: RawHeaders, use: (name: string, value: string, lower: string) => void): void {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? "";
    use(name, headers[i + 1] ?? "", name.toLowerCase());
  }
}
