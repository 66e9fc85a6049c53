import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import { goQuote } from "../../apimachinery/go-format.ts";
import type { APIGroup, APIResourceList } from "../../apimachinery/meta/v1/types.gen.ts";
import type { KubeObject, ResourceType } from "../../apimachinery/resource-type.ts";
import type { CrossVersionObjectReference } from "../../api/autoscaling/v2/types.gen.ts";
import type { ApiClient } from "../../client/rest/api-client.ts";
import type { Clock } from "../../component-base/clock.ts";

// Upstream resets what it has discovered as often.
const freshMs = 30_000;

interface Discovered {
  readonly atMs: number;
  readonly types: readonly ResourceType<KubeObject>[];
}

/** Finds the resource a reference by group and kind means, by discovery. A version that is not served any more is as good. */
export class TargetTypes {
  readonly #client: ApiClient;
  readonly #clock: Clock;
  readonly #groups = new Map<string, Discovered>();

  constructor(client: ApiClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Rejects with upstream's text when no such kind is served. */
  async of(
    { apiVersion = "", kind }: CrossVersionObjectReference,
    signal: AbortSignal,
  ): Promise<ResourceType<KubeObject>> {
    const group = groupOf(apiVersion);
    const known = this.#groups.get(group);
    const isFresh = known !== undefined && this.#clock.monotonic() - known.atMs < freshMs;
    const types = isFresh ? known.types : await this.#discover(group, signal);
    const found = types.find((type) => type.kind === kind);
    if (!found) throw new Error(`no matches for kind ${goQuote(kind)} in group ${goQuote(group)}`);
    return found;
  }

  async #discover(group: string, signal: AbortSignal): Promise<readonly ResourceType<KubeObject>[]> {
    const types: ResourceType<KubeObject>[] = [];
    for (const version of await this.#versions(group, signal)) {
      const path = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
      const { resources } = await this.#client.request<APIResourceList>("GET", path, undefined, { signal });
      for (const { name: resource, kind, namespaced } of resources)
        if (!resource.includes("/")) types.push({ group, version, resource, kind, namespaced });
    }
    this.#groups.set(group, { atMs: this.#clock.monotonic(), types });
    return types;
  }

  /** The preferred one first. */
  async #versions(group: string, signal: AbortSignal): Promise<readonly string[]> {
    if (group === "") return ["v1"];
    try {
      const { preferredVersion, versions } = await this.#client.request<APIGroup>("GET", `/apis/${group}`, undefined, {
        signal,
      });
      return [...new Set([preferredVersion?.version, ...versions.map(({ version }) => version)])].filter(
        (version) => version !== undefined,
      );
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return [];
    }
  }
}

/** Throws with upstream's text when it is no `version` or `group/version`. */
function groupOf(apiVersion: string): string {
  const [group = "", version, ...more] = apiVersion.split("/");
  if (more.length > 0) throw new Error(`unexpected GroupVersion string: ${apiVersion}`);
  return version === undefined ? "" : group;
}
