import type { HttpResponse } from "../../component-base/http.ts";
import { methodNotSupported } from "../../apimachinery/errors/new.ts";
import { StatusError } from "../../apimachinery/errors/status-error.ts";
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
  readonly subresources: ReadonlyMap<string, RoutedSubresource>;
}

/** The key resources are routed by. */
export function routeKey(group: string, version: string, resource: string): string {
  return `${group}/${version}/${resource}`;
}

/** Sends a resource request to its endpoint. */
export async function routeResource(
  routes: ReadonlyMap<string, RoutedResource>,
  scope: RequestScope,
): Promise<HttpResponse> {
  const { info, http } = scope;
  const route = routes.get(routeKey(info.apiGroup, info.apiVersion, info.resource));
  if (!route) return notServed(routes, info.apiGroup);
  const { endpoint } = route;
  const { resource } = endpoint;
  const isCustom = endpoint.kind.custom !== undefined;
  if (!resource.namespaced && info.namespaceKey !== "") return isCustom ? notFoundPage() : notFoundStatus();
  for (const text of endpoint.registration.warnings ?? []) scope.warnings.add(text);
  if (info.subresource !== "") return routeSubresource(route, scope);
  const isItem = info.parts.length > 0;
  const gr = { group: info.apiGroup, resource: info.resource };
  if (!isCustom) {
    const refusal = refusedBuiltIn(resource, scope, isItem);
    if (refusal) return refusal;
  }
  if (http.method === "POST" ? isItem : !isItem && (http.method === "PUT" || http.method === "PATCH"))
    throw methodNotSupported(gr, info.verb);
  if (!resource.verbs.includes(info.verb)) throw methodNotSupported(gr, info.verb);
  // One object of a namespaced resource has a namespace in its path; so has the collection that is created in.
  if (resource.namespaced && info.namespaceKey === "" && (isItem || info.verb === "create"))
    throw methodNotSupported(gr, info.verb);
  const { reader } = endpoint.registration;
  if (reader) return handleComputed(endpoint, scope, reader);
  if (!endpoint.store) return handleReview(endpoint, scope);
  const handle = verbHandlers[info.verb];
  if (!handle) throw methodNotSupported(gr, info.verb);
  return handle(endpoint, scope);
}

async function routeSubresource(route: RoutedResource, scope: RequestScope): Promise<HttpResponse> {
  const { info, http } = scope;
  const found = route.subresources.get(info.subresource);
  const isCustom = route.endpoint.kind.custom !== undefined;
  if (!found) return isCustom ? notFoundPage() : notFoundStatus();
  const { data, subresource } = found;
  if (info.parts.length > 2 && !data.withPath) return isCustom ? notFoundPage() : notFoundStatus();
  const isAllowed = data.connectMethods ? data.connectMethods.includes(http.method) : data.verbs.includes(info.verb);
  if (!isAllowed && !isCustom) throw methodNotAllowed();
  if (!isAllowed)
    throw methodNotSupported({ group: info.apiGroup, resource: `${info.resource}/${info.subresource}` }, info.verb);
  return handleSubresource(route.endpoint, scope, data, subresource);
}

/** What upstream's router says of built-in resources before any handler is asked: which routes there are and for which methods. */
function refusedBuiltIn(
  resource: ApiResource,
  { info, http }: RequestScope,
  isItem: boolean,
): HttpResponse | undefined {
  const isAcrossNamespaces = resource.namespaced && info.namespaceKey === "";
  if (isItem && (isAcrossNamespaces || !resource.verbs.some((verb) => itemVerbs.has(verb)))) return notFoundStatus();
  const isMissing = !resource.verbs.includes(info.verb) || (isAcrossNamespaces && info.verb === "deletecollection");
  const isMisplaced =
    http.method === "POST"
      ? isItem || isAcrossNamespaces
      : !isItem && (http.method === "PUT" || http.method === "PATCH");
  if (isMissing || isMisplaced) throw methodNotAllowed();
  return undefined;
}

const itemVerbs: ReadonlySet<string> = new Set(["get", "update", "patch", "delete"]);

function methodNotAllowed(): StatusError {
  const message = "the server does not allow this method on the requested resource";
  return new StatusError({ code: 405, reason: "MethodNotAllowed", message, details: {} });
}

function notServed(routes: ReadonlyMap<string, RoutedResource>, group: string): HttpResponse {
  for (const { endpoint } of routes.values()) {
    if (endpoint.resource.group === group && !endpoint.kind.custom) return notFoundStatus();
  }
  return notFoundPage();
}

/** Of paths below those of built-in groups upstream's router says so in a Status. */
function notFoundStatus(): never {
  const message = "the server could not find the requested resource";
  throw new StatusError({ code: 404, reason: "NotFound", message, details: {} });
}

/** As upstream: unknown paths get plain text, not a Status. */
export function notFoundPage(): HttpResponse {
  return respondText(404, "404 page not found\n");
}
