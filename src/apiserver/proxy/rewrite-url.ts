/** Where a document came from, and the path under which clients get at that place through the proxy. */
export interface ProxiedPlace {
  /** `host:port` of the server behind. */
  readonly backendHost: string;
  /** The host the client asked for. */
  readonly requestHost: string;
  /** e.g. `/api/v1/namespaces/default/services/web/proxy`, without a slash at the end. */
  readonly pathPrefix: string;
}

/**
 * A link of a proxied document as a client of the proxy has to follow it: absolute paths on the same host get the proxy's
 * path put before them; relative links and those to other hosts stay as they are.
 */
export function rewriteUrl(link: string, { backendHost, requestHost, pathPrefix }: ProxiedPlace): string {
  const match = /^(?:[a-z][a-z0-9+.-]*:)?(?:\/\/(?<host>[^/?#]*))?(?<path>[^?#]*)(?<rest>.*)$/is.exec(link);
  const { host = "", path = "", rest = "" } = match?.groups ?? {};
  const isElsewhere = host !== "" && host !== backendHost && host !== requestHost;
  if (isElsewhere || !path.startsWith("/")) return link;
  if (host !== "" && host === requestHost) {
    const start = link.slice(0, link.length - path.length - rest.length);
    return `${start}${prefixed(path, pathPrefix)}${rest}`;
  }
  return prefixed(path, pathPrefix) + rest;
}

function prefixed(path: string, prefix: string): string {
  return path.startsWith(prefix) ? path : cleanPath(`${prefix}${path}`);
}

/** The path without `.`, `..` and empty segments; a slash at the end stays. */
export function cleanPath(path: string): string {
  const out: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "..") out.pop();
    else if (segment !== "" && segment !== ".") out.push(segment);
  }
  const clean = `/${out.join("/")}`;
  return path.endsWith("/") && clean !== "/" ? `${clean}/` : clean;
}
