import type { Pod } from "../../api/core/v1/types.gen.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import { isPodReady, podCondition } from "../../component-helpers/pod.ts";
import { isSidecar } from "../../component-helpers/resource/pod-requests.ts";
import { parseTime } from "../../component-helpers/time.ts";
import type { PodMetric, PodMetrics } from "./metrics-client.ts";

// --horizontal-pod-autoscaler-cpu-initialization-period and -initial-readiness-delay.
const cpuInitializationMs = 300_000;
const initialReadinessDelayMs = 30_000;
const int32Max = 2 ** 31 - 1;

/** By how much usage may differ from its target without anything being done, as fractions. */
export interface Tolerances {
  readonly down: number;
  readonly up: number;
}

/** What all calculations start from. */
export interface PodsInQuestion {
  readonly pods: readonly Pod[];
  readonly nowMs: number;
  /** The scale's `spec.replicas`. */
  readonly currentReplicas: number;
  readonly tolerances: Tolerances;
}

export interface AverageProposal {
  readonly replicas: number;
  /** Thousandths a pod. */
  readonly usage: bigint;
}

export interface UtilizationProposal extends AverageProposal {
  /** Percent of the request. */
  readonly utilization: number;
}

/** Replicas for a share of the requests, in percent. Throws with upstream's text when it cannot be told. */
export function replicasForUtilization(
  question: PodsInQuestion,
  metrics: PodMetrics,
  options: { readonly resource: string; readonly container: string | undefined; readonly targetPercent: number },
): UtilizationProposal {
  const { resource, container, targetPercent } = options;
  const grouped = groupPods(question, metrics, resource);
  const requests = new Map(
    question.pods.map((pod) => [pod.metadata.name, requestOf(pod, resource, container)] as const),
  );
  const utilizationOf = (measured: PodMetrics): UtilizationProposal & { readonly ratio: number } => {
    const known = [...measured].filter(([name]) => requests.has(name));
    const usage = known.reduce((sum, [, { value }]) => sum + value, 0n);
    const requested = known.reduce((sum, [name]) => sum + (requests.get(name) ?? 0n), 0n);
    if (requested === 0n) throw new Error("no metrics returned matched known pods");
    const utilization = Number((usage * 100n) / requested);
    return { replicas: 0, ratio: utilization / targetPercent, utilization, usage: usage / BigInt(known.length) };
  };
  const { ratio, utilization, usage } = utilizationOf(grouped.measured);
  const fallbackPercent = BigInt(Math.max(100, targetPercent));
  const replicas = settleReplicas(question, grouped, ratio, {
    ratioOf: (measured) => utilizationOf(measured).ratio,
    assumedWhenMissing: (name) => ((requests.get(name) ?? 0n) * fallbackPercent) / 100n,
  });
  return { replicas, utilization, usage };
}

/** Replicas for an average a pod, in thousandths; `resource` when it is one. Throws as above. */
export function replicasForAverage(
  question: PodsInQuestion,
  metrics: PodMetrics,
  options: { readonly resource?: string; readonly target: bigint },
): AverageProposal {
  const { resource, target } = options;
  const grouped = groupPods(question, metrics, resource);
  const averageOf = (measured: PodMetrics): bigint =>
    [...measured.values()].reduce((sum, { value }) => sum + value, 0n) / BigInt(measured.size);
  const ratioOf = (measured: PodMetrics): number => Number(averageOf(measured)) / Number(target);
  const usage = averageOf(grouped.measured);
  const replicas = settleReplicas(question, grouped, ratioOf(grouped.measured), {
    ratioOf,
    assumedWhenMissing: () => target,
  });
  return { replicas, usage };
}

/** Replicas for one value of the whole, in thousandths, that is to be near its target. */
export function replicasForValue(question: PodsInQuestion, usage: bigint, target: bigint): number {
  const { currentReplicas, tolerances, pods } = question;
  const ratio = Number(usage) / Number(target);
  if (currentReplicas === 0) return Math.ceil(ratio);
  if (isWithin(tolerances, ratio)) return currentReplicas;
  if (pods.length === 0) throw new Error(`unable to calculate ready pods: ${noPods}`);
  const readyCount = pods.filter((pod) => pod.status.phase === "Running" && isPodReady(pod)).length;
  return Math.min(int32Max, Math.ceil(ratio * readyCount));
}

/** Replicas for one value of the whole that is shared evenly by `statusReplicas`. */
export function replicasForShare(
  tolerances: Tolerances,
  statusReplicas: number,
  usage: bigint,
  target: bigint,
): AverageProposal {
  const ratio = Number(usage) / (Number(target) * statusReplicas);
  const needed = Math.min(int32Max, Math.ceil(Number(usage) / Number(target)));
  return {
    replicas: isWithin(tolerances, ratio) ? statusReplicas : needed,
    // Of no replicas the share is the whole.
    usage: statusReplicas === 0 ? usage : ceilDivide(usage, BigInt(statusReplicas)),
  };
}

const noPods = "no pods returned by selector while calculating replica count";

function isWithin({ down, up }: Tolerances, ratio: number): boolean {
  return 1 - down <= ratio && ratio <= 1 + up;
}

function ceilDivide(a: bigint, b: bigint): bigint {
  return (a + b - 1n) / b;
}

interface GroupedPods {
  readonly readyCount: number;
  /** Pods whose measurement does not count, as they are starting. */
  readonly unready: ReadonlySet<string>;
  readonly missing: ReadonlySet<string>;
  /** The measurements that count. */
  readonly measured: PodMetrics;
}

function groupPods({ pods, nowMs }: PodsInQuestion, metrics: PodMetrics, resource: string | undefined): GroupedPods {
  if (pods.length === 0) throw new Error(noPods);
  const measured = new Map(metrics);
  const unready = new Set<string>();
  const missing = new Set<string>();
  let readyCount = 0;
  for (const pod of pods) {
    const { name, deletionTimestamp } = pod.metadata;
    const metric = metrics.get(name);
    if (deletionTimestamp || pod.status.phase === "Failed") measured.delete(name);
    else if (pod.status.phase === "Pending") unready.add(name);
    else if (!metric) missing.add(name);
    else if (resource === "cpu" && isStarting(pod, metric, nowMs)) unready.add(name);
    else readyCount++;
  }
  for (const name of unready) measured.delete(name);
  if (measured.size === 0) throw new Error("did not receive metrics for targeted pods (pods might be unready)");
  return { readyCount, unready, missing, measured };
}

/** Starting costs CPU that says nothing of the load: such a pod's measurement is set aside. */
function isStarting(pod: Pod, metric: PodMetric, nowMs: number): boolean {
  const ready = podCondition(pod, "Ready");
  const { startTime } = pod.status;
  if (!ready || startTime === undefined) return true;
  const startedAt = parseTime(startTime);
  const changedAt = parseTime(ready.lastTransitionTime);
  const isUnready = ready.status === "False";
  if (startedAt + cpuInitializationMs > nowMs) return isUnready || metric.timestampMs < changedAt + metric.windowMs;
  // Later on, only one that has never been ready.
  return isUnready && startedAt + initialReadinessDelayMs > changedAt;
}

/**
 * The replicas a ratio of usage to target calls for. Pods that say nothing are assumed to be such that less is done: on
 * target when scaling down, idle when scaling up. If they turn the direction, nothing is done.
 */
function settleReplicas(
  { currentReplicas, tolerances }: PodsInQuestion,
  { readyCount, unready, missing, measured }: GroupedPods,
  ratio: number,
  assume: {
    readonly ratioOf: (measured: PodMetrics) => number;
    readonly assumedWhenMissing: (name: string) => bigint;
  },
): number {
  const isUpWithUnready = unready.size > 0 && ratio > 1;
  if (!isUpWithUnready && missing.size === 0)
    return isWithin(tolerances, ratio) ? currentReplicas : Math.ceil(ratio * readyCount);
  const assumed = new Map(measured);
  const put = (name: string, value: bigint): unknown => assumed.set(name, { value, timestampMs: 0, windowMs: 0 });
  if (ratio < 1) for (const name of missing) put(name, assume.assumedWhenMissing(name));
  if (ratio > 1) for (const name of missing) put(name, 0n);
  if (isUpWithUnready) for (const name of unready) put(name, 0n);
  const newRatio = assume.ratioOf(assumed);
  if (isWithin(tolerances, newRatio) || (ratio < 1 && newRatio > 1) || (ratio > 1 && newRatio < 1))
    return currentReplicas;
  const replicas = Math.ceil(newRatio * assumed.size);
  const isTurned = (newRatio < 1 && replicas > currentReplicas) || (newRatio > 1 && replicas < currentReplicas);
  return isTurned ? currentReplicas : replicas;
}

/** Thousandths requested by the container, or by the pod: as a whole where it says so, else by all that run along. */
function requestOf(pod: Pod, resource: string, container: string | undefined): bigint {
  const { name } = pod.metadata;
  const whole = pod.spec.resources?.requests;
  if (container === undefined && whole && Object.keys(whole).length > 0) {
    const request = whole[resource];
    if (request === undefined) throw new Error(`missing pod-level request for ${resource} in Pod ${name}`);
    return Quantity.parse(request).milliValue();
  }
  const running = [...pod.spec.containers, ...(pod.spec.initContainers ?? []).filter(isSidecar)];
  const counted = container === undefined ? running : running.filter((each) => each.name === container);
  if (container !== undefined && counted.length === 0)
    throw new Error(`container ${container} not found in Pod ${name}`);
  return counted.reduce((sum, { name: containerName, resources }) => {
    const request = resources?.requests?.[resource];
    if (request === undefined)
      throw new Error(`missing request for ${resource} in container ${containerName} of Pod ${name}`);
    return sum + Quantity.parse(request).milliValue();
  }, 0n);
}
