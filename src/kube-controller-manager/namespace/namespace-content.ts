import { isAborted } from "../../component-base/clock.ts";
import { errorText } from "../../component-base/logger.ts";
import { isMethodNotSupported, isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { KubeObject } from "../../apimachinery/resource-type.ts";
import { discoverPreferredResources, type DiscoveredResource } from "../../client/discovery/discovery-client.ts";
import type { ApiClient } from "../../client/rest/api-client.ts";

/** What a pass over a namespace's content found and did. */
export interface ContentReport {
  /** Groups that could not be asked. */
  readonly discoveryFailures: readonly string[];
  /** Text of each deletion that failed. */
  readonly contentFailures: readonly string[];
  /** How many objects are left, by `resource.group`. */
  readonly remaining: ReadonlyMap<string, number>;
  /** How many of them wait for each finalizer. */
  readonly finalizers: ReadonlyMap<string, number>;
  /** How long it may take what is left to go by itself. */
  readonly estimateMs: number;
}

// A pod that does not say has upstream's default grace.
const defaultGraceSeconds = 30;

/**
 * Deletes everything in the namespace, pods last of all to be forgotten: whatever the server serves that is namespaced
 * and can be listed and deleted. Asks discovery each time, so that kinds that came meanwhile are not left behind.
 */
export async function deleteNamespaceContent(
  client: ApiClient,
  namespace: string,
  signal: AbortSignal,
): Promise<ContentReport> {
  const { resources, failedGroupVersions } = await discoverPreferredResources(client, { signal });
  const deletable = resources.filter((r) => r.namespaced && r.verbs.includes("delete") && r.verbs.includes("list"));
  // Pods first: upstream's order, so that they end while all they use is still there.
  const isPods = (r: DiscoveredResource): boolean => r.group === "" && r.resource === "pods";
  const ordered = [...deletable.filter(isPods), ...deletable.filter((r) => !isPods(r))];
  const contentFailures: string[] = [];
  const remaining = new Map<string, number>();
  const finalizers = new Map<string, number>();
  let estimateMs = 0;
  for (const resource of ordered) {
    try {
      const left = await deleteAll(client, resource, namespace, signal);
      if (left.length === 0) continue;
      remaining.set(resourceName(resource), left.length);
      for (const object of left) {
        for (const name of object.metadata.finalizers ?? []) finalizers.set(name, (finalizers.get(name) ?? 0) + 1);
        if (isPods(resource)) estimateMs = Math.max(estimateMs, graceMs(object));
      }
      // As upstream: while pods are ending, what they may use stays.
      if (isPods(resource) && estimateMs > 0) break;
    } catch (error) {
      if (isAborted(error) || signal.aborted) throw error;
      contentFailures.push(`${resourceName(resource)}: ${errorText(error)}`);
    }
  }
  return { discoveryFailures: failedGroupVersions, contentFailures, remaining, finalizers, estimateMs };
}

/** Resolves to what is left after asking all to go. */
async function deleteAll(
  client: ApiClient,
  resource: DiscoveredResource,
  namespace: string,
  signal: AbortSignal,
): Promise<readonly KubeObject[]> {
  const objects = client.resource(resource, namespace);
  const before = await objects.list({ signal, metadataOnly: true });
  if (before.items.length === 0) return [];
  const options = { propagationPolicy: "Background" };
  try {
    if (!resource.verbs.includes("deletecollection")) throw methodMissing;
    await objects.deleteCollection(options, { signal });
  } catch (error) {
    if (error !== methodMissing && !isMethodNotSupported(error) && !isNotFound(error)) throw error;
    for (const object of before.items) {
      await objects.delete(object.metadata.name ?? "", { ...options, signal }).catch((failure: unknown) => {
        if (!isNotFound(failure)) throw failure;
      });
    }
  }
  const after = await objects.list({ signal, metadataOnly: true });
  return after.items;
}

const methodMissing = new Error("no deletecollection");

function resourceName(resource: DiscoveredResource): string {
  return resource.group === "" ? resource.resource : `${resource.resource}.${resource.group}`;
}

function graceMs(pod: KubeObject): number {
  return (pod.metadata.deletionGracePeriodSeconds ?? defaultGraceSeconds) * 1000;
}
