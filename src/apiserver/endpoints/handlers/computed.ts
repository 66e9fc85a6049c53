import { methodNotSupported } from "../../../apimachinery/errors/new.ts";
import { apiVersionOf } from "../../../apimachinery/resource-type.ts";
import type { HttpResponse } from "../../../component-base/http.ts";
import type { ResourceReader } from "../../registry/rest/resource-reader.ts";
import { parseIncludeObject, parseListOptions } from "../query-options.ts";
import type { RequestScope } from "../request-scope.ts";
import type { ResourceEndpoint } from "../resource-endpoint.ts";
import { respond } from "../response.ts";
import { parseSelection } from "../selection.ts";
import { checkPartial, goTypeOf, partialObject, tableColumns, tableOf, tableRow } from "../table.ts";
import { negotiateView } from "./read.ts";

/** GET and LIST of a kind that is computed when read: in every view that stored kinds have, whole and at no revision. */
export async function handleComputed(
  endpoint: ResourceEndpoint,
  scope: RequestScope,
  reader: ResourceReader,
): Promise<HttpResponse> {
  const { info, http } = scope;
  const { resource, context } = endpoint;
  const columns = tableColumns(endpoint);
  if (info.verb === "get") {
    const { encoding, as, asVersion } = negotiateView(endpoint, scope);
    const object = await reader.get(info.namespaceKey, info.name, context.registry);
    if (as === "") return respond(200, object, encoding);
    if (as !== "Table") checkPartial(goTypeOf(endpoint), as, false);
    if (as !== "Table") return respond(200, partialObject(object, asVersion), encoding);
    const include = parseIncludeObject(http.query, as);
    return respond(200, tableOf({}, columns, [tableRow(endpoint, object, include, asVersion)], asVersion), encoding);
  }
  if (info.verb !== "list") throw methodNotSupported({ group: resource.group, resource: resource.resource }, info.verb);
  const { encoding, as, asVersion } = negotiateView(endpoint, scope);
  const selection = parseSelection(endpoint, info.namespaceKey, parseListOptions(http.query));
  const objects = await reader.list(selection, context.registry);
  if (as === "Table") {
    const include = parseIncludeObject(http.query, as);
    const rows = objects.map((object) => tableRow(endpoint, object, include, asVersion));
    return respond(200, tableOf({}, columns, rows, asVersion), encoding);
  }
  if (as !== "") {
    checkPartial(goTypeOf(endpoint), as, true);
    const items = objects.map((object) => partialObject(object, asVersion));
    return respond(200, { kind: as, apiVersion: `meta.k8s.io/${asVersion}`, metadata: {}, items }, encoding);
  }
  const items = objects.map(({ kind: _kind, apiVersion: _apiVersion, ...rest }) => rest);
  const list = { kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource), metadata: {}, items };
  return respond(200, list, encoding);
}
