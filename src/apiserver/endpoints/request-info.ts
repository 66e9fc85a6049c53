/** What a path and method ask for, by upstream's rules. */
export interface RequestInfo {
  readonly isResourceRequest: boolean;
  readonly path: string;
  /** get, list, watch, create, update, patch, delete, deletecollection, proxy; the lower-case method for other paths. */
  readonly verb: string;
  /** `api` or `apis`. */
  readonly apiPrefix: string;
  readonly apiGroup: string;
  readonly apiVersion: string;
  /** For `namespaces` itself, the name. */
  readonly namespace: string;
  /** The namespace objects are kept under: as above, but "" for cluster-scoped resources. */
  readonly namespaceKey: string;
  readonly resource: string;
  readonly subresource: string;
  readonly name: string;
  /** Path segments after the resource: name, subresource, rest. */
  readonly parts: readonly string[];
}

const namespaceSubresources: ReadonlySet<string> = new Set(["status", "finalize"]);
const specialVerbs: ReadonlySet<string> = new Set(["proxy", "watch"]);

const verbOfMethod: Readonly<Record<string, string>> = {
  GET: "get",
  HEAD: "get",
  POST: "create",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};

/**
 * `/api/v1/namespaces/default/pods/web/log` → get, pods/log, web in default.
 * Segments are decoded; returns undefined for a path whose segments would mean another path once decoded (`.`, `..`,
 * an encoded slash other than behind a proxy), which is served to nobody.
 */
export function parseRequestInfo(method: string, path: string, query: URLSearchParams): RequestInfo | undefined {
  const decoded = decodeSegments(path);
  if (!decoded) return undefined;
  const { segments, withSlash } = decoded;
  const [prefix = "", ...rest] = segments;
  if ((prefix !== "api" || rest.length < 2) && (prefix !== "apis" || rest.length < 3))
    return withSlash < segments.length ? undefined : nonResource(method, path);
  let parts = rest;
  let apiGroup = "";
  if (prefix === "apis") {
    apiGroup = parts[0] ?? "";
    parts = parts.slice(1);
  }
  const apiVersion = parts[0] ?? "";
  parts = parts.slice(1);
  let verb = verbOfMethod[method] ?? "";
  if (specialVerbs.has(parts[0] ?? "") && parts.length > 1) {
    verb = parts[0] ?? "";
    parts = parts.slice(1);
  }
  let namespace = "";
  if (parts[0] === "namespaces" && parts.length > 1) {
    namespace = parts[1] ?? "";
    // A further segment that is no subresource of namespaces is a resource in the namespace.
    if (parts.length > 2 && !namespaceSubresources.has(parts[2] ?? "")) parts = parts.slice(2);
  }
  const [resource = "", name = "", subresource = ""] = parts;
  const namespaceKey = resource === "namespaces" ? "" : namespace;
  // What is behind a proxy is named by its own rules.
  const ownSegments = segments.length - (subresource === "proxy" ? Math.max(parts.length - 3, 0) : 0);
  if (withSlash < ownSegments) return undefined;
  return {
    isResourceRequest: true,
    path,
    verb: collectionVerb(verb, name, query),
    apiPrefix: prefix,
    apiGroup,
    apiVersion,
    namespace,
    namespaceKey,
    resource,
    subresource,
    name: collectionName(verb, name, query),
    parts: parts.slice(1),
  };
}

function nonResource(method: string, path: string): RequestInfo {
  return {
    isResourceRequest: false,
    path,
    verb: method.toLowerCase(),
    apiPrefix: "",
    apiGroup: "",
    apiVersion: "",
    namespace: "",
    namespaceKey: "",
    resource: "",
    subresource: "",
    name: "",
    parts: [],
  };
}

function collectionVerb(verb: string, name: string, query: URLSearchParams): string {
  if (name !== "") return verb;
  if (verb === "get") return isWatch(query) ? "watch" : "list";
  return verb === "delete" ? "deletecollection" : verb;
}

/** A list or watch of one object by field selector is authorized as a request for that object. */
function collectionName(verb: string, name: string, query: URLSearchParams): string {
  if (name !== "" || verb !== "get") return name;
  const selector = query.get("fieldSelector");
  if (!selector) return "";
  for (const term of selector.split(",")) {
    const match = /^metadata\.name==?([^=!\\]+)$/.exec(term);
    if (match) return match[1] ?? "";
  }
  return "";
}

/** `?watch=` as Go parses a boolean of a query: present and neither false nor 0. */
export function isWatch(query: URLSearchParams): boolean {
  return queryFlag(query, "watch");
}

export function queryFlag(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value !== null && value !== "false" && value !== "0" && value.toLowerCase() !== "false";
}

/** `withSlash` is the index of the first segment that contains a slash itself, or their number. */
function decodeSegments(
  path: string,
): { readonly segments: readonly string[]; readonly withSlash: number } | undefined {
  const out: string[] = [];
  let withSlash = Number.POSITIVE_INFINITY;
  for (const segment of path.split("/")) {
    if (segment === "") continue;
    const decoded = segment.includes("%") ? decode(segment) : segment;
    if (decoded === undefined || decoded === "." || decoded === ".." || decoded.includes("\u0000")) return undefined;
    if (decoded.includes("/")) withSlash = Math.min(withSlash, out.length);
    out.push(decoded);
  }
  return { segments: out, withSlash: Math.min(withSlash, out.length) };
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
