import type { APIGroupList, APIResource, APIResourceList, APIVersions } from "../../apimachinery/meta/v1/types.gen.ts";
import type { KubeObject, ResourceType } from "../../apimachinery/resource-type.ts";
import type { ApiClient, RequestOptions } from "../rest/api-client.ts";

/** A resource as discovery tells it, in the group's preferred version unless asked otherwise. */
export interface DiscoveredResource extends ResourceType<KubeObject> {
  readonly verbs: readonly string[];
  readonly shortNames: readonly string[];
}

/** What the server serves, and which groups could not be asked (an aggregated server is down). */
export interface DiscoveryResult {
  readonly resources: readonly DiscoveredResource[];
  readonly failedGroupVersions: readonly string[];
}

/** The resources of each group's preferred version, without subresources. */
export async function discoverPreferredResources(
  client: ApiClient,
  options: RequestOptions = {},
): Promise<DiscoveryResult> {
  const [legacy, groups] = await Promise.all([
    client.request<APIVersions>("GET", "/api", undefined, options),
    client.request<APIGroupList>("GET", "/apis", undefined, options),
  ]);
  const groupVersions = legacy.versions.map((version) => ({ group: "", version, path: `/api/${version}` }));
  for (const group of groups.groups) {
    // A resource only an older version serves is found there; the preferred version wins where both have it.
    const preferred = group.preferredVersion.version;
    const versions = [preferred, ...group.versions.map((v) => v.version).filter((v) => v !== preferred)];
    for (const version of versions)
      groupVersions.push({ group: group.name, version, path: `/apis/${group.name}/${version}` });
  }
  const found = new Map<string, DiscoveredResource>();
  const failedGroupVersions: string[] = [];
  const lists = await Promise.allSettled(
    groupVersions.map((gv) => client.request<APIResourceList>("GET", gv.path, undefined, options)),
  );
  options.signal?.throwIfAborted();
  for (const [i, gv] of groupVersions.entries()) {
    const list = lists[i];
    if (list?.status !== "fulfilled") {
      failedGroupVersions.push(gv.group === "" ? gv.version : `${gv.group}/${gv.version}`);
      continue;
    }
    for (const resource of list.value.resources) {
      const key = `${gv.group}/${resource.name}`;
      if (!resource.name.includes("/") && !found.has(key)) found.set(key, discovered(gv, resource));
    }
  }
  return { resources: [...found.values()], failedGroupVersions };
}

function discovered(gv: { readonly group: string; readonly version: string }, r: APIResource): DiscoveredResource {
  return {
    group: gv.group,
    version: gv.version,
    resource: r.name,
    kind: r.kind,
    namespaced: r.namespaced,
    verbs: r.verbs,
    shortNames: r.shortNames ?? [],
  };
}
