import type { Pod } from "../../api/core/v1/types.gen.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import { podRequests } from "../../component-helpers/resource/pod-requests.ts";
import { allContainers } from "../api/pods.ts";
import type { ContainerStats, PodStats } from "../stats/summary.ts";
import { type Observation, type Threshold, thresholdAmount } from "./thresholds.ts";

/** A pod that may be evicted, with what it uses; without statistics it is the first to go. */
export interface Candidate {
  readonly pod: Pod;
  readonly stats: PodStats | undefined;
}

/** Those who should go first, first: beyond their request before within it, lower priority before higher, more before less. */
export function rankPods(candidates: readonly Candidate[], resource: string): readonly Candidate[] {
  const ranked = candidates.map((candidate) => {
    const used = candidate.stats ? usageOf(candidate.stats, resource) : Number.POSITIVE_INFINITY;
    const request = podRequests(candidate.pod).get(resource) ?? 0;
    const countsRequest = resource !== "pids";
    return {
      candidate,
      exceeds: countsRequest && used > request ? 1 : 0,
      priority: candidate.pod.spec.priority ?? 0,
      excess: used - (countsRequest ? request : 0),
    };
  });
  ranked.sort(
    (a, b) =>
      b.exceeds - a.exceeds || a.priority - b.priority || (b.excess > a.excess ? 1 : b.excess < a.excess ? -1 : 0),
  );
  return ranked.map(({ candidate }) => candidate);
}

function usageOf(stats: PodStats, resource: string): number {
  switch (resource) {
    case "memory":
      return stats.memory?.workingSetBytes ?? 0;
    case "pids":
      return stats.process_stats?.process_count ?? 0;
    case "inodes":
      return stats["ephemeral-storage"]?.inodesUsed ?? 0;
    default:
      return stats["ephemeral-storage"]?.usedBytes ?? 0;
  }
}

/** What the pod's status and event say, in upstream's words. */
export function evictionMessage(
  resource: string,
  { pod, stats }: Candidate,
  threshold: Threshold,
  observed: Observation,
): string {
  const quantity = threshold.value.endsWith("%")
    ? bytesText(thresholdAmount(threshold.value, observed))
    : Quantity.parse(threshold.value).toString();
  let message = `The node was low on resource: ${resource}. `;
  message += `Threshold quantity: ${quantity}, available: ${amountText(resource, observed.available)}. `;
  for (const container of stats?.containers ?? []) {
    const used = containerUsage(container, resource);
    const spec = allContainers(pod).find(({ name }) => name === container.name);
    const request = spec?.resources?.requests?.[resource] ?? "0";
    if (!spec || used === undefined || used <= Quantity.parse(request).toNumber()) continue;
    message += `Container ${container.name} was using ${bytesText(used)}, request is ${request}, has larger consumption of ${resource}. `;
  }
  return message;
}

function containerUsage({ memory, rootfs, logs }: ContainerStats, resource: string): number | undefined {
  if (resource === "memory") return memory?.workingSetBytes;
  if (resource !== "ephemeral-storage") return undefined;
  return rootfs?.usedBytes === undefined ? undefined : rootfs.usedBytes + (logs?.usedBytes ?? 0);
}

/** As Go prints a number of bytes: with a binary suffix where that is exact. */
function bytesText(bytes: number): string {
  return Quantity.of(Math.trunc(bytes), "BinarySI").toString();
}

function amountText(resource: string, amount: number): string {
  return resource === "pids" || resource === "inodes" ? String(Math.trunc(amount)) : bytesText(amount);
}
