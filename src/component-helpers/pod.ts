import type { Pod, PodCondition, PodTemplateSpec } from "../api/core/v1/types.gen.ts";
import { formatTime, parseTime } from "./time.ts";

export function podCondition(pod: Pod, type: string): PodCondition | undefined {
  return pod.status.conditions?.find((c) => c.type === type);
}

export function isPodReady(pod: Pod): boolean {
  return podCondition(pod, "Ready")?.status === "True";
}

/** When the pod became ready, or 0. */
export function podReadySince(pod: Pod): number {
  const ready = podCondition(pod, "Ready");
  return ready?.status === "True" ? parseTime(ready.lastTransitionTime) : 0;
}

/** Succeeded or Failed: none of its containers will run again. */
export function isPodTerminal(pod: Pod): boolean {
  return pod.status.phase === "Succeeded" || pod.status.phase === "Failed";
}

/** Asked to go, but not ended yet. */
export function isPodTerminating(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined && !isPodTerminal(pod);
}

/** Neither ended nor asked to go. */
export function isPodActive(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp === undefined && !isPodTerminal(pod);
}

/**
 * How long until the pod counts as available, which is ready for `minReadySeconds`: 0 when it does, Infinity when it is
 * not even ready.
 */
export function availableInMs(pod: Pod, minReadySeconds: number, nowMs: number): number {
  if (!isPodReady(pod)) return Number.POSITIVE_INFINITY;
  if (minReadySeconds === 0) return 0;
  const since = podReadySince(pod);
  return since === 0 ? Number.POSITIVE_INFINITY : Math.max(0, since + minReadySeconds * 1000 - nowMs);
}

/** The condition that tells why a pod is about to be taken away. Its time stays when it has been told before. */
export function disruptionTarget(pod: Pod, reason: string, message: string, nowMs: number): PodCondition {
  const present = podCondition(pod, "DisruptionTarget");
  const since = present?.status === "True" ? present.lastTransitionTime : undefined;
  const { generation } = pod.metadata;
  return {
    type: "DisruptionTarget",
    status: "True",
    reason,
    message,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    lastTransitionTime: since ?? formatTime(nowMs),
  };
}

/** The template as text with sorted keys: equal for equal templates. */
export function canonicalTemplate(template: PodTemplateSpec): string {
  return JSON.stringify(canonical(template));
}

/** The value with the members of all its objects sorted by name and without those that are null. */
export function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, v]) => v !== undefined && v !== null);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, canonical(v)]));
}
