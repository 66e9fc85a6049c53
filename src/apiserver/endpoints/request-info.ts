import { selectorRequirements } from "../authorization/selector-requirements.ts";

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
  /** The selectors of a list, watch or deletecollection, as the query has them; "" for others. */
  readonly fieldSelector: string;
  readonly labelSelector: string;
}

const namespaceSubresources: ReadonlySet<string> = new Set(["status", "finalize"]);
const specialVerbs: ReadonlySet<string> = new Set(["proxy", "watch"]);

const selectiveVerbs: ReadonlySet<string> = new Set(["list", "watch", "deletecollection"]);

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
  let isVerbInPath = false;
  if (specialVerbs.has(parts[0] ?? "") && parts.length > 1) {
    verb = parts[0] ?? "";
    isVerbInPath = true;
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
  const asked = collectionVerb(verb, name, query);
  // The old paths with a verb do not look at selectors in all of their forms.
  const isSelective = !isVerbInPath && selectiveVerbs.has(asked);
  return {
    isResourceRequest: true,
    path,
    verb: asked,
    apiPrefix: prefix,
    apiGroup,
    apiVersion,
    namespace,
    namespaceKey,
    resource,
    subresource,
    name: collectionName(verb, name, query),
    parts: parts.slice(1),
    fieldSelector: (isSelective && query.get("fieldSelector")) || "",
    labelSelector: (isSelective && query.get("labelSelector")) || "",
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
    fieldSelector: "",
    labelSelector: "",
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
  const text = query.get("fieldSelector");
  // Parsing a selector of ten thousand terms is worth avoiding.
  if (!text?.includes("metadata.name")) return "";
  const { fieldSelector = [] } = selectorRequirements(text, "");
  const one = fieldSelector.find(({ field, operator }) => field === "metadata.name" && operator === "=")?.value ?? "";
  return one === "." || one === ".." || /[/%]/.test(one) ? "" : one;
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
