import type { Pod } from "../../api/core/v1/types.gen.ts";
import { isPodActive, isPodReady, podReadySince } from "../../component-helpers/pod.ts";
import { parseTime } from "../../component-helpers/time.ts";

const deletionCostAnnotation = "controller.kubernetes.io/pod-deletion-cost";
const phaseRank: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

/**
 * The `count` pods to delete when there are too many, in upstream's order of preference: unassigned, pending, not ready,
 * cheap by annotation, sharing their node with many related pods, recently ready, often restarted, young.
 *
 * `related` are the active pods of all owners of the same application, e.g. of all ReplicaSets of one Deployment.
 */
export function podsToDelete(
  pods: readonly Pod[],
  related: readonly Pod[],
  count: number,
  nowMs: number,
): readonly Pod[] {
  if (count >= pods.length) return pods;
  const onNode = new Map<string, number>();
  for (const pod of related) {
    const node = pod.spec.nodeName;
    if (node && isPodActive(pod)) onNode.set(node, (onNode.get(node) ?? 0) + 1);
  }
  const neighbours = (pod: Pod): number => (pod.spec.nodeName ? (onNode.get(pod.spec.nodeName) ?? 0) : 0);
  return [...pods].sort((a, b) => compare(a, b, neighbours, nowMs)).slice(0, count);
}

/** The order of preference for deletion among pods without related ones. */
export function compareForDeletion(a: Pod, b: Pod, nowMs: number): number {
  return compare(a, b, () => 0, nowMs);
}

function compare(a: Pod, b: Pod, neighbours: (pod: Pod) => number, nowMs: number): number {
  const isReady = isPodReady(a);
  return (
    Number(Boolean(a.spec.nodeName)) - Number(Boolean(b.spec.nodeName)) ||
    (phaseRank[a.status.phase ?? ""] ?? 0) - (phaseRank[b.status.phase ?? ""] ?? 0) ||
    Number(isReady) - Number(isPodReady(b)) ||
    deletionCost(a) - deletionCost(b) ||
    neighbours(b) - neighbours(a) ||
    (isReady ? byAge(podReadySince(a), podReadySince(b), a, b, nowMs) : 0) ||
    restarts(b) - restarts(a) ||
    byAge(parseTime(a.metadata.creationTimestamp), parseTime(b.metadata.creationTimestamp), a, b, nowMs)
  );
}

/** Younger first, but ages within a factor of two are alike and a fixed, arbitrary order decides, so that age is no bias. */
function byAge(sinceA: number, sinceB: number, a: Pod, b: Pod, nowMs: number): number {
  if (sinceA === sinceB) return 0;
  const difference = magnitude(nowMs - sinceA) - magnitude(nowMs - sinceB);
  if (difference !== 0) return difference;
  return a.metadata.uid < b.metadata.uid ? -1 : 1;
}

/** Upstream takes the logarithm of nanoseconds. */
function magnitude(ageMs: number): number {
  return ageMs > 0 ? Math.floor(Math.log2(ageMs * 1_000_000)) : -1;
}

function deletionCost(pod: Pod): number {
  const cost = Number(pod.metadata.annotations?.[deletionCostAnnotation] ?? 0);
  return Number.isFinite(cost) ? cost : 0;
}

function restarts(pod: Pod): number {
  return Math.max(0, ...(pod.status.containerStatuses ?? []).map((c) => c.restartCount));
}
