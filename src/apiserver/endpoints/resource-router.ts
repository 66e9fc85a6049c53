import type { HttpResponse } from "../../component-base/http.ts";
import { methodNotAllowed, methodNotSupported, noSuchResource } from "../../apimachinery/errors/new.ts";
import type { StatusError } from "../../apimachinery/errors/status-error.ts";
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
import type { RequestInfo } from "./request-info.ts";
import type { RequestScope } from "./request-scope.ts";
import type { ResourceEndpoint } from "./resource-endpoint.ts";
import { respondText } from "./response.ts";

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
  const { endpoint, isBuiltIn } = route;
  const { resource } = endpoint;
  if (!resource.namespaced && info.namespaceKey !== "") return noSuchPath(isBuiltIn);
  for (const text of endpoint.registration.warnings ?? []) scope.warnings.add(text);
  if (info.subresource !== "") return routeSubresource(route, scope);
  if (isBuiltIn) checkPath(resource, info);
  const isItem = info.parts.length > 0;
  const isForItem = itemVerbs.has(info.verb);
  // The old paths below `watch` watch one object too.
  const isMisplaced = isItem !== isForItem && info.verb !== "watch";
  if (isMisplaced || !resource.verbs.includes(info.verb)) throw notAllowed(isBuiltIn, info);
  // One object of a namespaced resource has a namespace in its path; so has the collection that is created in.
  const needsNamespace = resource.namespaced && (isItem || info.verb === "create" || info.verb === "deletecollection");
  if (needsNamespace && info.namespaceKey === "") throw notAllowed(isBuiltIn, info);
  const { reader } = endpoint.registration;
  if (reader) return handleComputed(endpoint, scope, reader);
  if (!endpoint.store) return handleReview(endpoint, scope);
  const handle = verbHandlers[info.verb];
  if (!handle) throw notAllowed(isBuiltIn, info);
  return handle(endpoint, scope);
}

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

async function routeSubresource(route: RoutedResource, scope: RequestScope): Promise<HttpResponse> {
  const { info, http } = scope;
  const { endpoint, isBuiltIn, subresources } = route;
  const found = subresources.get(info.subresource);
  if (!found) return noSuchPath(isBuiltIn);
  const { data, subresource } = found;
  if (info.parts.length > 2 && !data.withPath) return noSuchPath(isBuiltIn);
  if (isBuiltIn && endpoint.resource.namespaced && info.namespaceKey === "") throw noSuchResource();
  const isAllowed = data.connectMethods ? data.connectMethods.includes(http.method) : data.verbs.includes(info.verb);
  if (!isAllowed) throw notAllowed(isBuiltIn, { ...info, resource: `${info.resource}/${info.subresource}` });
  return handleSubresource(endpoint, scope, data, subresource);
}

function notAllowed(isBuiltIn: boolean, { apiGroup: group, resource, verb }: RequestInfo): StatusError {
  return isBuiltIn ? methodNotAllowed() : methodNotSupported({ group, resource }, verb);
}

function noSuchPath(isBuiltIn: boolean): HttpResponse {
  if (isBuiltIn) throw noSuchResource();
  return notFoundPage();
}

/** As upstream: unknown paths get plain text, not a Status. */
export function notFoundPage(): HttpResponse {
  return respondText(404, "404 page not found\n");
}
