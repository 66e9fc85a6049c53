import type {
  APIGroup,
  APIGroupList,
  APIResource,
  APIResourceList,
  APIVersions,
  GroupVersionForDiscovery,
} from "../meta/v1/types.gen.ts";
import { apiVersionOf } from "../resource-type.ts";
import type { ApiGroup, ApiResource, ApiSubresource } from "./scheme.ts";

// The documents a client learns the API from. All are made of ApiGroup and ApiResource alone, so that groups which come and go
// (custom resources, aggregated servers) are told in the same words.

/** `/api`. `serverAddress` is host and port clients reach this server by. */
export function apiVersionsDocument(serverAddress: string): APIVersions {
  const serverAddressByClientCIDRs = [{ clientCIDR: "0.0.0.0/0", serverAddress }];
  return { kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs };
}

/** `/apis`. The legacy group is not part of it. */
export function apiGroupListDocument(groups: readonly ApiGroup[]): APIGroupList {
  const named = groups.filter(({ group }) => group !== "");
  return { kind: "APIGroupList", apiVersion: "v1", groups: named.map(groupEntry) };
}

/** `/apis/<group>` */
export function apiGroupDocument(group: ApiGroup): APIGroup {
  return { kind: "APIGroup", apiVersion: "v1", ...groupEntry(group) };
}

function groupEntry({ group, versions, preferredVersion }: ApiGroup): APIGroup {
  const entry = (version: string): GroupVersionForDiscovery => ({
    groupVersion: apiVersionOf({ group, version }),
    version,
  });
  return { name: group, versions: versions.map(entry), preferredVersion: entry(preferredVersion) };
}

/** `/api/v1` and `/apis/<group>/<version>`. The legacy version's list has no apiVersion, as upstream's. */
export function apiResourceListDocument(
  group: string,
  version: string,
  resources: readonly ApiResource[],
): APIResourceList {
  const entries = resources.flatMap((resource) => [
    resourceEntry(resource),
    ...resource.subresources.map((sub) => subresourceEntry(resource, sub)),
  ]);
  const header = group === "" ? { kind: "APIResourceList" } : { kind: "APIResourceList", apiVersion: "v1" };
  return { ...header, groupVersion: apiVersionOf({ group, version }), resources: entries.toSorted(byName) };
}

function byName(a: APIResource, b: APIResource): number {
  if (a.name === b.name) return 0;
  return a.name < b.name ? -1 : 1;
}

function resourceEntry(resource: ApiResource): APIResource {
  return {
    name: resource.resource,
    singularName: resource.singular,
    namespaced: resource.namespaced,
    kind: resource.kind,
    verbs: resource.verbs,
    ...namesOf(resource),
    ...(resource.storageVersionHash === "" ? {} : { storageVersionHash: resource.storageVersionHash }),
  };
}

function namesOf({ shortNames, categories }: ApiResource): Pick<APIResource, "shortNames" | "categories"> {
  return {
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
  };
}

/** Group and version are told only where they are not those of the list. */
function subresourceEntry(resource: ApiResource, sub: ApiSubresource): APIResource {
  const isForeign = sub.group !== resource.group || sub.version !== resource.version;
  return {
    name: `${resource.resource}/${sub.name}`,
    singularName: "",
    namespaced: resource.namespaced,
    ...(isForeign ? { group: sub.group, version: sub.version } : {}),
    kind: sub.kind,
    verbs: sub.verbs,
  };
}

/** The kind an answer has; group and version are empty where they are those of the version it is listed in. */
export interface ResponseKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export interface ApiGroupDiscovery {
  readonly metadata: { readonly name?: string };
  readonly versions: readonly ApiVersionDiscovery[];
}

export interface ApiVersionDiscovery {
  readonly version: string;
  readonly resources?: readonly ApiResourceDiscovery[];
  /** `Stale` while an aggregated server does not answer. */
  readonly freshness: "Current" | "Stale";
}

export interface ApiResourceDiscovery {
  readonly resource: string;
  readonly responseKind: ResponseKind;
  readonly scope: "Namespaced" | "Cluster";
  readonly singularResource: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly subresources?: readonly {
    readonly subresource: string;
    readonly responseKind: ResponseKind;
    readonly verbs: readonly string[];
  }[];
}

export interface ApiGroupDiscoveryList {
  readonly kind: "APIGroupDiscoveryList";
  readonly apiVersion: "apidiscovery.k8s.io/v2";
  readonly metadata: object;
  readonly items: readonly ApiGroupDiscovery[];
}

/** `/api` and `/apis` for clients that ask for `g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList`. */
export function aggregatedDiscoveryDocument(items: readonly ApiGroupDiscovery[]): ApiGroupDiscoveryList {
  return { kind: "APIGroupDiscoveryList", apiVersion: "apidiscovery.k8s.io/v2", metadata: {}, items };
}

/** One group of the aggregated document; `resources` gives those of a version. */
export function apiGroupDiscovery(
  { group, versions }: ApiGroup,
  resources: (group: string, version: string) => readonly ApiResource[],
): ApiGroupDiscovery {
  return {
    metadata: group === "" ? {} : { name: group },
    versions: versions.map((version) => ({
      version,
      resources: resources(group, version).map(resourceDiscovery),
      freshness: "Current",
    })),
  };
}

function resourceDiscovery(resource: ApiResource): ApiResourceDiscovery {
  const subresources = resource.subresources.map((sub) => ({
    subresource: sub.name,
    responseKind: responseKind(resource, sub),
    verbs: sub.verbs,
  }));
  return {
    resource: resource.resource,
    responseKind: responseKind(resource, resource),
    scope: resource.namespaced ? "Namespaced" : "Cluster",
    singularResource: resource.singular,
    verbs: resource.verbs,
    ...namesOf(resource),
    ...(subresources.length === 0 ? {} : { subresources }),
  };
}

function responseKind(home: ApiResource, { group, version, kind }: ApiResource | ApiSubresource): ResponseKind {
  if (group === home.group && version === home.version) return { group: "", version: "", kind };
  return { group, version, kind };
}
