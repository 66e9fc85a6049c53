import { defined } from "../../../component-base/assert.ts";
import type { HttpResponse } from "../../../component-base/http.ts";
import { methodNotSupported } from "../../../apimachinery/errors/new.ts";
import type { KubeObject, Mutable } from "../../../apimachinery/resource-type.ts";
import type { ApiSubresource, ObjectKind } from "../../../apimachinery/scheme/scheme.ts";
import type { ResolvedType } from "../../../apimachinery/schema/type-registry.ts";
import type { Subresource } from "../../registry/generic/resource-registration.ts";
import type { SubresourceRequest } from "../../registry/rest/strategy.ts";
import { admit, attributesOf, validateAdmission } from "../admission.ts";
import type { AdmissionBase } from "../admission.ts";
import { negotiate, plainObjects } from "../negotiation.ts";
import { isPretty, parseWriteOptions } from "../query-options.ts";
import { queryFlag } from "../request-info.ts";
import type { RequestScope } from "../request-scope.ts";
import type { ResourceEndpoint } from "../resource-endpoint.ts";
import { respond } from "../response.ts";
import { handleGet } from "./read.ts";
import { handleScale } from "./scale.ts";
import { contextOf, decodeBody, handlePatch, handleUpdate } from "./write.ts";

/** A request for a subresource the resource has, by what kind of subresource it is. */
export async function handleSubresource(
  endpoint: ResourceEndpoint,
  scope: RequestScope,
  data: ApiSubresource,
  subresource: Subresource,
): Promise<HttpResponse> {
  switch (subresource.type) {
    case "object":
      return handleWholeObject(endpoint, scope);
    case "scale":
      return handleScale(endpoint, scope, subresource.view);
    case "create":
      return handleCreateSubresource(endpoint, scope, data, subresource.create.bind(subresource));
    case "connect":
      return handleConnect(endpoint, scope, data, subresource.connect.bind(subresource));
  }
}

async function handleWholeObject(endpoint: ResourceEndpoint, scope: RequestScope): Promise<HttpResponse> {
  switch (scope.info.verb) {
    case "get":
      return handleGet(endpoint, scope);
    case "update":
      return handleUpdate(endpoint, scope);
    case "patch":
      return handlePatch(endpoint, scope);
    default: {
      const { apiGroup, resource, subresource, verb } = scope.info;
      throw methodNotSupported({ group: apiGroup, resource: `${resource}/${subresource}` }, verb);
    }
  }
}

/** POST of a body of the subresource's kind: binding, eviction, token. */
async function handleCreateSubresource(
  endpoint: ResourceEndpoint,
  scope: RequestScope,
  data: ApiSubresource,
  create: (request: SubresourceRequest) => Promise<KubeObject>,
): Promise<HttpResponse> {
  const { http } = scope;
  const write = parseWriteOptions(http.query, "CreateOptions");
  const { encoding } = negotiate(
    http.headers.accept,
    isPretty(http.query, http.headers["user-agent"]),
    plainObjects(endpoint.context.scheme),
  );
  const kind = defined(endpoint.context.scheme.kind(data.group, data.version, data.kind), data.kind);
  const body = await decodeBody(endpoint, scope, kind, write.fieldValidation, data.alsoAccepts);
  const base: AdmissionBase = {
    operation: "CREATE",
    options: write.options,
    dryRun: write.dryRun,
    kind: data.kind,
    name: scope.info.name,
  };
  const attributes = attributesOf(endpoint, scope, base, body, undefined);
  await admit(endpoint.context, attributes);
  kind.applyDefaults(body);
  await validateAdmission(endpoint.context, attributes);
  const answer = await create(requestOf(endpoint, scope, body, write.dryRun));
  const code = (answer as { readonly code?: unknown }).code;
  return respond(typeof code === "number" && code !== 0 ? code : 201, answer, encoding);
}

/** Anything that streams or tunnels: the subresource answers HTTP itself. */
async function handleConnect(
  endpoint: ResourceEndpoint,
  scope: RequestScope,
  data: ApiSubresource,
  connect: (request: SubresourceRequest) => Promise<HttpResponse>,
): Promise<HttpResponse> {
  // `log` is a plain read; what CONNECT admission is about opens a connection into the node.
  if (data.connectMethods) {
    const kind = data.options ?? data.kind;
    const { http, info } = scope;
    const options = {
      kind,
      ...optionsOf(endpoint.context.scheme.kind("", "v1", kind), http.query),
      ...(data.withPath ? { path: pathBehind(http.path, info.parts.length - 2) } : {}),
    };
    const base: AdmissionBase = {
      operation: "CONNECT",
      options,
      dryRun: false,
      kind: data.options ?? data.kind,
      name: scope.info.name,
    };
    const attributes = attributesOf(endpoint, scope, base, undefined, undefined);
    await admit(endpoint.context, attributes);
    await validateAdmission(endpoint.context, attributes);
  }
  // What streams for as long as the client likes must end with the server, too.
  const signal = AbortSignal.any([scope.http.signal, endpoint.context.shutdown]);
  const request = requestOf(endpoint, scope, undefined, false);
  return connect({ ...request, http: { ...request.http, signal } });
}

/** A query as the options object it stands for: flags, numbers and lists are what their fields are. */
function optionsOf(kind: ObjectKind | undefined, query: URLSearchParams): Readonly<Record<string, unknown>> {
  const options: Record<string, unknown> = {};
  for (const name of new Set(query.keys())) {
    const field = kind?.type.field(name);
    if (!field) continue;
    const { type } = field;
    const values = query.getAll(name);
    if (type.kind === "list") options[name] = values.map((value) => scalarOf(type.items, value));
    else if (type.kind === "scalar" && type.scalar === "bool") {
      // As in any object, what is false is not said.
      if (queryFlag(query, name)) options[name] = true;
    } else options[name] = scalarOf(type, values[0] ?? "");
  }
  return options;
}

function scalarOf(type: ResolvedType, text: string): unknown {
  const isNumber = type.kind === "scalar" && (type.scalar === "int32" || type.scalar === "int64");
  return isNumber ? Number(text) : text;
}

function requestOf(
  endpoint: ResourceEndpoint,
  scope: RequestScope,
  body: Mutable<KubeObject> | undefined,
  dryRun: boolean,
): SubresourceRequest {
  const { info, http } = scope;
  return {
    namespace: info.namespaceKey,
    name: info.name,
    verb: info.verb,
    body,
    query: http.query,
    path: pathBehind(http.path, info.parts.length - 2),
    context: contextOf(endpoint, scope, dryRun),
    http,
    registry: endpoint.context.registry,
  };
}

/** The last `count` segments of a path as they came, with the slash before and that at the end; only the latter for none. */
function pathBehind(path: string, count: number): string {
  if (count === 0) return path.endsWith("/") ? "/" : "";
  const segments = path.split("/");
  let at = segments.length;
  for (let left = count; left > 0 && at > 0;) if (segments[--at] !== "") left--;
  return `/${segments.slice(at).join("/")}`;
}
