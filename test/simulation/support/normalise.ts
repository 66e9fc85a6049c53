import assert from "node:assert/strict";
import {
  clusterRoles,
  configMaps,
  controllerRevisions,
  cronJobs,
  daemonSets,
  deployments,
  endpoints,
  endpointSlices,
  horizontalPodAutoscalers,
  jobs,
  namespaces,
  persistentVolumeClaims,
  persistentVolumes,
  podDisruptionBudgets,
  pods,
  replicaSets,
  replicationControllers,
  resourceQuotas,
  serviceAccounts,
  services,
  statefulSets,
} from "../../../src/api/resources.gen.ts";
import type { KubeObject, ResourceType } from "../../../src/apimachinery/resource-type.ts";
import type { TestCluster } from "../../../src/testing/cluster.ts";

const compared: readonly ResourceType[] = [
  clusterRoles,
  configMaps,
  controllerRevisions,
  cronJobs,
  daemonSets,
  deployments,
  endpoints,
  endpointSlices,
  horizontalPodAutoscalers,
  jobs,
  namespaces,
  persistentVolumeClaims,
  persistentVolumes,
  podDisruptionBudgets,
  pods,
  replicaSets,
  replicationControllers,
  resourceQuotas,
  serviceAccounts,
  services,
  statefulSets,
];

// What may differ between two runs that end alike: identities, times, places, and how often something was written.
const varying: ReadonlySet<string> = new Set([
  "uid",
  "resourceVersion",
  "generation",
  "observedGeneration",
  "managedFields",
  "creationTimestamp",
  "lastTransitionTime",
  "lastUpdateTime",
  "startTime",
  "startedAt",
  "containerID",
  "nodeName",
  "podIP",
  "podIPs",
  "hostIP",
  "hostIPs",
  "ip",
  "clusterIP",
  "clusterIPs",
  "addresses",
  "endpoints.kubernetes.io/last-change-trigger-time",
  // Of an autoscaler whose metrics fail: what it did last, which a new process does not know.
  "desiredReplicas",
  "completionTime",
  "lastScheduleTime",
  "lastSuccessfulTime",
  "lastScaleTime",
  "lastPhaseTransitionTime",
  "controller-uid",
  "batch.kubernetes.io/controller-uid",
  "volume.kubernetes.io/selected-node",
  "volumeName",
  "nodeAffinity",
  "path",
]);

/** Every object of a cluster as text, without what varies between runs, sorted. */
export async function normalisedObjects(cluster: TestCluster): Promise<readonly string[]> {
  const texts: string[] = [];
  for (const type of compared) {
    const { items } = await cluster.client.resource<KubeObject>(type as ResourceType<KubeObject>).list();
    for (const item of items) texts.push(JSON.stringify(normalised(item)));
  }
  return texts.sort();
}

function normalised(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(normalised);
    return items.every((item) => typeof item === "object")
      ? items.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
      : items;
  }
  if (typeof value !== "object" || value === null) return value;
  const entries: [string, unknown][] = [];
  for (const [key, member] of Object.entries(value)) {
    if (varying.has(key)) continue;
    const isGenerated = key === "name" && "generateName" in value;
    // A reference to a pod, or a volume with a random name.
    const isRandom =
      key === "name" && typeof member === "string" && /^kube-api-access-|^pvc-|-[a-z0-9]{5}$/.test(member);
    const rest = isGenerated || isRandom ? "…" : normalised(member);
    // Annotations of which all vary are as good as none.
    if (key === "annotations" && JSON.stringify(rest) === "{}") continue;
    entries.push([key, rest]);
  }
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Fails with the objects that are in one of the two alone. */
export function assertSameObjects(actual: readonly string[], expected: readonly string[], message: string): void {
  const [unexpected, missing] = [
    actual.filter((a) => !expected.includes(a)),
    expected.filter((e) => !actual.includes(e)),
  ];
  const isSame = unexpected.length === 0 && missing.length === 0 && actual.length === expected.length;
  assert.ok(isSame, `${message}: there are\n${unexpected.join("\n")}\nin place of\n${missing.join("\n")}`);
}
