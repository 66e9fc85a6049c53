import { apiVersionOf, type ResourceType } from "../../apimachinery/resource-type.ts";

const verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/** What an API server of those types answers to a discovery path; undefined for other paths. */
export function discoveryDocument(served: readonly ResourceType[], path: string): unknown {
  if (path === "/api") return { kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs: [] };
  if (path === "/apis") return { kind: "APIGroupList", groups: groupsOf(served) };
  const group = /^\/apis\/([^/]+)$/.exec(path)?.[1];
  if (group !== undefined) return groupsOf(served).find(({ name }) => name === group);
  const apiVersion = /^\/(?:api|apis\/[^/]+)\/[^/]+$/.test(path) ? path.replace(/^\/apis?\//, "") : undefined;
  if (!apiVersion) return undefined;
  const resources = served
    .filter((type) => apiVersionOf(type) === apiVersion)
    .map((type) => ({ name: type.resource, singularName: "", namespaced: type.namespaced, kind: type.kind, verbs }));
  return { kind: "APIResourceList", groupVersion: apiVersion, resources };
}

function groupsOf(served: readonly ResourceType[]) {
  const named = served.filter((type) => type.group !== "");
  return [...Map.groupBy(named, (type) => type.group)].map(([name, types]) => {
    const versions = [...new Set(types.map((t) => t.version))].map((version) => ({
      groupVersion: `${name}/${version}`,
      version,
    }));
    return { name, versions, preferredVersion: versions[0] };
  });
}
