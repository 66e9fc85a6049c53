/** Where a request goes, as its routing sees it. */
export interface RequestTarget {
  /** Lower case, without port and trailing dot; "" when the client named none. */
  readonly host: string;
  /** As the client named it, port included: what backends are told. */
  readonly authority: string;
  /** Decoded, without `.` and `..` segments and without query: what rules are matched against. */
  readonly path: string;
  /** Path and query as the client wrote them: what is passed on. */
  readonly passed: string;
}

const absolutePattern = /^https?:\/\/([^/?#]*)([^#]*)$/i;
const authorityPattern = /^(?:\[[0-9a-f:.]+\]|[a-z0-9._~-]+)(?::\d{1,5})?$/i;

/**
 * The target of a request line and its one Host header; undefined for what must be refused with 400. Rules are matched against
 * what a backend would make of the path: `/public/%2e%2e/admin` is `/admin`, so that nobody reaches a path around its rule.
 */
export function parseRequestTarget(target: string, hostHeader: string | undefined): RequestTarget | undefined {
  let passed = target;
  let authority = hostHeader ?? "";
  if (!target.startsWith("/")) {
    const [, named, rest] = absolutePattern.exec(target) ?? [];
    if (named === undefined || rest === undefined) return undefined;
    // RFC 9112: of an absolute target and a Host header, the target counts.
    authority = named;
    passed = rest.startsWith("/") ? rest : `/${rest}`;
  }
  if (authority !== "" && !authorityPattern.test(authority)) return undefined;
  const query = passed.indexOf("?");
  const path = normalPath(query < 0 ? passed : passed.slice(0, query));
  if (path === undefined) return undefined;
  return { host: hostOf(authority), authority, path, passed };
}

function hostOf(authority: string): string {
  const host = authority
    .replace(/:\d+$/, "")
    .replace(/^\[(.*)\]$/, "$1")
    .toLowerCase();
  return host.endsWith(".") ? host.slice(0, -1) : host;
}

/** Undefined for escapes that are none, and for NUL, at which careless backends end the path. */
function normalPath(path: string): string | undefined {
  let decoded = path;
  if (path.includes("%")) {
    try {
      decoded = decodeURIComponent(path);
    } catch {
      return undefined;
    }
  }
  if (decoded.includes("\0")) return undefined;
  return decoded.includes("/.") ? withoutDots(decoded) : decoded;
}

function withoutDots(path: string): string {
  const kept: string[] = [];
  const segments = path.split("/").slice(1);
  for (const [i, segment] of segments.entries()) {
    const isDots = segment === "." || segment === "..";
    if (segment === "..") kept.pop();
    if (!isDots) kept.push(segment);
    else if (i === segments.length - 1) kept.push("");
  }
  return `/${kept.join("/")}`;
}
