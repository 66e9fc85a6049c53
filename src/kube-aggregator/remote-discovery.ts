import type { APIResource } from "../apimachinery/meta/v1/types.gen.ts";
import { isJsonObject } from "../apimachinery/object.ts";
import type { ApiResourceDiscovery, ApiVersionDiscovery, ResponseKind } from "../apimachinery/scheme/discovery.ts";
import type { HttpHeaders } from "../component-base/http.ts";
import type { RemoteApiService, RemoteServers } from "./remote-servers.ts";

const timeoutMs = 5000;
const asker = { name: "system:kube-aggregator", groups: ["system:masters"] };
const aggregated = (version: string): string =>
  `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
const noKind: ResponseKind = { group: "", version: "", kind: "" };

interface Fetched {
  readonly etag: string | undefined;
  readonly resources: readonly ApiResourceDiscovery[];
}

/** What the server behind one APIService tells of its resources, kept until it tells something else. */
export class RemoteDiscovery {
  readonly #servers: RemoteServers;
  #fetched: Fetched | undefined;
  #entry: ApiVersionDiscovery | undefined;

  constructor(servers: RemoteServers) {
    this.#servers = servers;
  }

  /** Undefined until the server has been asked; Stale, and without resources, when it did not answer the last time. */
  get entry(): ApiVersionDiscovery | undefined {
    return this.#entry;
  }

  /** Asks the server. Rejects when it does not answer, and then the entry says so. */
  async refresh(object: RemoteApiService, signal: AbortSignal): Promise<void> {
    const { version = "" } = object.spec;
    try {
      this.#fetched = await this.#fetch(object, signal);
      this.#entry = { version, resources: this.#fetched.resources, freshness: "Current" };
    } catch (error) {
      this.#fetched = undefined;
      this.#entry = { version, freshness: "Stale" };
      throw error;
    }
  }

  async #fetch(object: RemoteApiService, signal: AbortSignal): Promise<Fetched> {
    const headers: Record<string, string> = { accept: `${aggregated("v2")},${aggregated("v2beta1")}` };
    const etag = this.#fetched?.etag;
    if (etag !== undefined) headers["if-none-match"] = etag;
    const answer = await this.#servers.get(object, "/apis", { user: asker, headers, timeoutMs, signal });
    if (answer.status === 304 && this.#fetched) return this.#fetched;
    if (answer.status === 503) throw new Error(`${answer.url} returned non-success response code: 503`);
    if (answer.status !== 200 || !isAggregated(answer.headers)) return this.#fetchLegacy(object, signal);
    return { etag: answer.headers["etag"], resources: resourcesOf(JSON.parse(answer.text), object) };
  }

  /** Servers older than aggregated discovery tell each version apart. */
  async #fetchLegacy(object: RemoteApiService, signal: AbortSignal): Promise<Fetched> {
    const { group = "", version = "" } = object.spec;
    const path = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
    const headers = { accept: "application/json" };
    const answer = await this.#servers.get(object, path, { user: asker, headers, timeoutMs, signal });
    if (answer.status !== 200) throw new Error(`failed to download legacy discovery for ${path}: ${answer.status}`);
    const { resources = [] } = JSON.parse(answer.text) as { readonly resources?: readonly APIResource[] };
    return { etag: undefined, resources: fromLegacy(resources) };
  }
}

function isAggregated(headers: HttpHeaders): boolean {
  const type = headers["content-type"] ?? "";
  return /g=apidiscovery\.k8s\.io/.test(type) && /as=APIGroupDiscoveryList/.test(type);
}

/** The resources of the APIService's version in an aggregated document; none when it is not told. */
function resourcesOf(document: unknown, { spec }: RemoteApiService): readonly ApiResourceDiscovery[] {
  const { items = [] } = document as {
    readonly items?: readonly {
      readonly metadata?: { readonly name?: string };
      readonly versions?: readonly ApiVersionDiscovery[];
    }[];
  };
  const group = items.find(({ metadata }) => (metadata?.name ?? "") === (spec.group ?? ""));
  const resources = group?.versions?.find(({ version }) => version === spec.version)?.resources ?? [];
  // Some clients do not bear a resource without a kind.
  return resources.map((resource) => {
    const { subresources } = resource;
    return {
      ...resource,
      responseKind: kindOf(resource),
      ...(subresources ? { subresources: subresources.map((sub) => ({ ...sub, responseKind: kindOf(sub) })) } : {}),
    };
  });
}

function kindOf({ responseKind }: { readonly responseKind?: unknown }): ResponseKind {
  return isJsonObject(responseKind) ? { ...noKind, ...responseKind } : noKind;
}

function fromLegacy(resources: readonly APIResource[]): readonly ApiResourceDiscovery[] {
  const subresources = Map.groupBy(
    resources.filter(({ name }) => name.includes("/")),
    ({ name }) => name.slice(0, name.indexOf("/")),
  );
  return resources
    .filter(({ name }) => !name.includes("/"))
    .map((resource) => {
      const { shortNames, categories } = resource;
      const subs = subresources.get(resource.name);
      return {
        resource: resource.name,
        responseKind: responseKindOf(resource),
        scope: resource.namespaced ? "Namespaced" : "Cluster",
        singularResource: resource.singularName,
        verbs: resource.verbs,
        ...(shortNames ? { shortNames } : {}),
        ...(categories ? { categories } : {}),
        ...(subs
          ? {
              subresources: subs.map((sub) => ({
                subresource: sub.name.slice(sub.name.indexOf("/") + 1),
                responseKind: responseKindOf(sub),
                verbs: sub.verbs,
              })),
            }
          : {}),
      };
    });
}

function responseKindOf({ group = "", version = "", kind }: APIResource): ResponseKind {
  return { group, version, kind };
}
