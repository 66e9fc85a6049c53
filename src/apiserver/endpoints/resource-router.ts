import type { HttpResponse } from "../../component-base/http.ts";
import {
  badRequest,
  methodNotAllowed,
  methodNotSupported,
  noSuchResource,
  notFound,
} from "../../apimachinery/errors/new.ts";
import type { ApiResource, ApiSubresource } from "../../apimachinery/scheme/scheme.ts";
import type { Subresource } from "../registry/generic/resource-registration.ts";
import { handleComputed } from "./handlers/computed.ts";
import { handleGet, handleList } from "./handlers/read.ts";
import { handleSubresource } from "./handlers/subresource.ts";
import { handleWatch } from "./handlers/watch.ts";
import {
  handleCreate,
  handleDelete,
  handleDeleteCollection,
  handlePatch,
  handleReview,
  handleUpdate,
} from "./handlers/write.ts";
import { type RequestInfo, isWatch } from "./request-info.ts";
import type { RequestScope } from "./request-scope.ts";
import type { ResourceEndpoint } from "./resource-endpoint.ts";
import { respondText } from "./response.ts";
import { checkAcceptable, producedBy } from "./router-rules.ts";

type VerbHandler = (endpoint: ResourceEndpoint, scope: RequestScope) => HttpResponse | Promise<HttpResponse>;

/** What each verb on a resource does; whether the resource has the verb is data. */
const verbHandlers: Readonly<Record<string, VerbHandler>> = {
  get: handleGet,
  list: handleList,
  watch: handleWatch,
  create: handleCreate,
  update: handleUpdate,
  patch: handlePatch,
  delete: handleDelete,
  deletecollection: handleDeleteCollection,
};

/** A subresource as routes see it. */
export interface RoutedSubresource {
  readonly data: ApiSubresource;
  readonly subresource: Subresource;
}

export interface RoutedResource {
  readonly endpoint: ResourceEndpoint;
  /** There from the start, and for as long as the server is. */
  readonly isBuiltIn: boolean;
  readonly subresources: ReadonlyMap<string, RoutedSubresource>;
}

/** The key resources are routed by. */
export function routeKey(group: string, version: string, resource: string): string {
  return `${group}/${version}/${resource}`;
}

/**
 * Sends a resource request to its endpoint. What is not there is refused in two ways, as by upstream: of built-in groups as a
 * router would that knows paths and methods, of others by naming the resource.
 */
export async function routeResource(
  routes: ReadonlyMap<string, RoutedResource>,
  scope: RequestScope,
  builtInGroups: ReadonlySet<string>,
): Promise<HttpResponse> {
  const { info } = scope;
  const route = routes.get(routeKey(info.apiGroup, info.apiVersion, info.resource));
  if (!route) return noSuchPath(builtInGroups.has(info.apiGroup));
  return route.isBuiltIn ? routeBuiltIn(route, scope) : routeCustom(route, scope);
}

async function routeBuiltIn({ endpoint, subresources }: RoutedResource, scope: RequestScope): Promise<HttpResponse> {
  const { info, http } = scope;
  const { resource } = endpoint;
  if (!resource.namespaced && info.namespaceKey !== "") throw noSuchResource();
  const warn = (): void => {
    for (const text of endpoint.registration.warnings ?? []) scope.warnings.add(text);
  };
  if (info.subresource !== "") {
    const found = subresources.get(info.subresource);
    if (!found || (info.parts.length > 2 && !found.data.withPath)) throw noSuchResource();
    if (resource.namespaced && info.namespaceKey === "") throw noSuchResource();
    const { connectMethods, verbs, response } = found.data;
    const isAllowed = connectMethods ? connectMethods.includes(http.method) : isMethodOf(verbs, scope);
    if (!isAllowed) throw methodNotAllowed();
    if (!connectMethods)
      checkAcceptable(http.headers.accept, [...(response ? [response] : []), ...producedBy(info.verb)]);
    warn();
    return handleSubresource(endpoint, scope, found.data, found.subresource);
  }
  checkPath(resource, info);
  if (info.verb === "watch" && !resource.verbs.includes("watch")) {
    // The parameter is for the list to look at; of the old paths below `watch` there is none.
    if (!isWatch(http.query)) throw noSuchResource();
    warn();
    throw methodNotSupported({ group: info.apiGroup, resource: info.resource }, info.verb);
  }
  const isItem = info.parts.length > 0;
  // The old paths below `watch` watch one object too.
  const isMisplaced = isItem !== itemVerbs.has(info.verb) && info.verb !== "watch";
  if (isMisplaced || !isMethodOf(resource.verbs, scope)) throw methodNotAllowed();
  // One object of a namespaced resource has a namespace in its path; so has the collection that is created in.
  const needsNamespace = resource.namespaced && (isItem || info.verb === "create" || info.verb === "deletecollection");
  if (needsNamespace && info.namespaceKey === "") throw methodNotAllowed();
  checkAcceptable(http.headers.accept, producedBy(info.verb));
  warn();
  const { reader } = endpoint.registration;
  if (reader) return handleComputed(endpoint, scope, reader);
  if (!endpoint.store) return handleReview(endpoint, scope);
  const handle = verbHandlers[info.verb];
  if (!handle) throw methodNotAllowed();
  return handle(endpoint, scope);
}

/** A method of its own stands for each verb: HEAD, which asks for what GET does, is none of the router's. */
function isMethodOf(verbs: readonly string[], { info, http }: RequestScope): boolean {
  return http.method !== "HEAD" && verbs.includes(info.verb);
}

/** Custom resources are served by the verb alone, whatever else is in the path. */
async function routeCustom({ endpoint, subresources }: RoutedResource, scope: RequestScope): Promise<HttpResponse> {
  const { info } = scope;
  const { resource } = endpoint;
  const gr = { group: info.apiGroup, resource: info.resource };
  if (
    resource.namespaced ? info.namespaceKey === "" && !verbsAcrossNamespaces.has(info.verb) : info.namespaceKey !== ""
  )
    return notFoundPage();
  for (const text of endpoint.registration.warnings ?? []) scope.warnings.add(text);
  if (info.subresource !== "") {
    const found = subresources.get(info.subresource);
    if (!found) throw notFound(gr, info.name);
    if (!found.data.verbs.includes(info.verb)) throw methodNotSupported(gr, info.verb);
    return handleSubresource(endpoint, scope, found.data, found.subresource);
  }
  const handle = verbHandlers[info.verb];
  if (!handle) throw methodNotSupported(gr, info.verb);
  if (itemVerbs.has(info.verb) && info.name === "") throw badRequest("name must be provided");
  return handle(endpoint, scope);
}

const verbsAcrossNamespaces: ReadonlySet<string> = new Set(["list", "watch"]);
const itemVerbs: ReadonlySet<string> = new Set(["get", "update", "patch", "delete"]);
const collectionVerbs: ReadonlySet<string> = new Set(["list", "watch", "create", "deletecollection"]);

/** A path is there when the resource can do something at it. */
function checkPath({ namespaced, verbs }: ApiResource, { parts, namespaceKey }: RequestInfo): void {
  const isItem = parts.length > 0;
  const isOfAllNamespaces = namespaced && namespaceKey === "";
  const isThere = isItem
    ? !isOfAllNamespaces && verbs.some((verb) => itemVerbs.has(verb))
    : verbs.some((verb) => (isOfAllNamespaces ? verb === "list" : collectionVerbs.has(verb)));
  if (!isThere) throw noSuchResource();
}

function noSuchPath(isBuiltIn: boolean): HttpResponse {
  if (isBuiltIn) throw noSuchResource();
  return notFoundPage();
}

/** As upstream: unknown paths get plain text, not a Status. */
export function notFoundPage(): HttpResponse {
  return respondText(404, "404 page not found\n");
}
