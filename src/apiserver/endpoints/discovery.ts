import { utf8Encode } from "../../component-base/bytes.ts";
import type { HttpRequest, HttpResponse } from "../../component-base/http.ts";
import type { ApiGroupDiscovery } from "../../apimachinery/scheme/discovery.ts";
import {
  aggregatedDiscoveryDocument,
  apiGroupDiscovery,
  apiGroupDocument,
  apiGroupListDocument,
  apiResourceListDocument,
  apiVersionsDocument,
} from "../../apimachinery/scheme/discovery.ts";
import type { ApiGroup, ApiResource } from "../../apimachinery/scheme/scheme.ts";
import type { Aggregation } from "../server/aggregation.ts";
import { hashOf, respondCacheable } from "./etag.ts";
import { negotiate, noViews, parseAccept } from "./negotiation.ts";
import { respond } from "./response.ts";

const aggregatedType = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

interface HashedDocument {
  readonly bytes: Uint8Array;
  readonly hash: string;
}

async function hashed(items: readonly ApiGroupDiscovery[]): Promise<HashedDocument> {
  const bytes = utf8Encode(JSON.stringify(aggregatedDiscoveryDocument(items)));
  return { bytes, hash: await hashOf(bytes) };
}

/** Tells clients what the server serves. The documents are made once, of what is registered; the
 * aggregated ones on first demand. */
export class DiscoveryEndpoints {
  readonly #documents = new Map<string, unknown>();
  readonly #aggregated = new Map<string, () => Promise<HashedDocument>>();

  constructor(
    groups: readonly ApiGroup[],
    resources: (group: string, version: string) => readonly ApiResource[],
    serverAddress: string,
    aggregation?: Pick<Aggregation, "groups" | "discovery">,
  ) {
    const documents = this.#documents;
    const told = aggregation ? aggregation.groups(groups) : groups;
    documents.set("/api", apiVersionsDocument(serverAddress));
    documents.set("/apis", apiGroupListDocument(told));
    for (const group of told) if (group.group !== "") documents.set(`/apis/${group.group}`, apiGroupDocument(group));
    for (const group of groups) {
      for (const version of group.versions) {
        const path = group.group === "" ? `/api/${version}` : `/apis/${group.group}/${version}`;
        documents.set(path, apiResourceListDocument(group.group, version, resources(group.group, version)));
      }
    }
    const own = (isLegacy: boolean): readonly ApiGroupDiscovery[] =>
      groups.filter(({ group }) => (group === "") === isLegacy).map((group) => apiGroupDiscovery(group, resources));
    const once = (items: () => readonly ApiGroupDiscovery[]): (() => Promise<HashedDocument>) => {
      let made: Promise<HashedDocument> | undefined;
      return () => (made ??= hashed(items()));
    };
    this.#aggregated.set(
      "/api",
      once(() => own(true)),
    );
    this.#aggregated.set(
      "/apis",
      once(() => (aggregation ? aggregation.discovery(own(false)) : own(false))),
    );
  }

  /** The paths served, without trailing slash. */
  get paths(): readonly string[] {
    return [...this.#documents.keys()];
  }

  /** With or without a slash at the end. */
  has(path: string): boolean {
    return this.#documents.has(withoutSlash(path));
  }

  /** Undefined when the path is no discovery document. */
  async handle(request: HttpRequest): Promise<HttpResponse | undefined> {
    const path = withoutSlash(request.path);
    const document = this.#documents.get(path);
    if (document === undefined) return undefined;
    const { accept } = request.headers;
    const aggregated = this.#aggregated.get(path);
    if (aggregated && wantsAggregated(accept)) {
      const { bytes, hash } = await aggregated();
      return respondCacheable(bytes, hash, request.headers, { "content-type": aggregatedType });
    }
    return respond(200, document, negotiate(accept, false, noViews).encoding);
  }
}

function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

/** True when the first clause we can serve at all is the aggregated one. */
function wantsAggregated(accept: string | undefined): boolean {
  if (!accept?.includes("apidiscovery.k8s.io")) return false;
  for (const { type, parameters } of parseAccept(accept)) {
    if (type !== "application/json") continue;
    if (!parameters.has("as")) return false;
    if (
      parameters.get("as") === "APIGroupDiscoveryList" &&
      parameters.get("g") === "apidiscovery.k8s.io" &&
      parameters.get("v") === "v2"
    )
      return true;
  }
  return false;
}
