import type { Job } from "../../api/batch/v1/types.gen.ts";
import type { Container, ContainerStatus, Pod, PodTemplateSpec } from "../../api/core/v1/types.gen.ts";
import { podCondition } from "../../component-helpers/pod.ts";
import { parseTime } from "../../component-helpers/time.ts";
import { compareForDeletion } from "../replicaset/pod-ranking.ts";
import { matchFailurePolicy } from "./pod-failure-policy.ts";

/** Keeps a pod until its end has been counted in the job's status. */
export const trackingFinalizer = "batch.kubernetes.io/job-tracking";
/** Both the annotation and the label of a pod's completion index. */
export const completionIndexName = "batch.kubernetes.io/job-completion-index";
const indexFailureCountAnnotation = "batch.kubernetes.io/job-index-failure-count";
const indexIgnoredFailureCountAnnotation = "batch.kubernetes.io/job-index-ignored-failure-count";
const completionIndexEnv = "JOB_COMPLETION_INDEX";

export function isIndexed(job: Job): boolean {
  return job.spec.completionMode === "Indexed";
}

export function hasBackoffLimitPerIndex(job: Job): boolean {
  return job.spec.backoffLimitPerIndex !== undefined;
}

/** Pods are replaced only when they have ended, not as soon as they are asked to go. */
export function replacesOnlyFailed(job: Job): boolean {
  return job.spec.podReplacementPolicy === "Failed" || job.spec.podFailurePolicy !== undefined;
}

export function isTracked(pod: Pod): boolean {
  return pod.metadata.finalizers?.includes(trackingFinalizer) ?? false;
}

/** Failed, or asked to go and never to end by itself: a pod without a node, or whose replacement need not wait for its end. */
export function isPodFailed(job: Job, pod: Pod): boolean {
  const { phase } = pod.status;
  if (phase === "Failed") return true;
  if (!pod.metadata.deletionTimestamp) return false;
  return replacesOnlyFailed(job) ? phase === "Pending" : phase !== "Succeeded";
}

/** The pod's completion index; undefined when it has none below the job's completions. */
export function completionIndex(job: Job, pod: Pod): number | undefined {
  const text = pod.metadata.annotations?.[completionIndexName];
  if (text === undefined || !/^\d+$/.test(text)) return undefined;
  const index = Number(text);
  return index < (job.spec.completions ?? 0) ? index : undefined;
}

export function indexesOf(job: Job, pods: readonly Pod[]): Set<number> {
  return new Set(pods.flatMap((pod) => completionIndex(job, pod) ?? []));
}

/** When the pod ended; for one that is deleted before, when it was asked to go. */
export function finishTimeOf(pod: Pod): number {
  const statuses: readonly ContainerStatus[] = pod.status.containerStatuses ?? [];
  const ends = statuses.map((s) => parseTime(s.state?.terminated?.finishedAt));
  if (ends.length > 0 && ends.every((end) => end > 0)) return Math.max(...ends);
  const ready = podCondition(pod, "Ready");
  if (ready?.status === "False" && ready.lastTransitionTime) return parseTime(ready.lastTransitionTime);
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, creationTimestamp } = pod.metadata;
  if (deletionTimestamp) return parseTime(deletionTimestamp) - deletionGracePeriodSeconds * 1000;
  return parseTime(creationTimestamp);
}

/** How often an index had failed once this pod has: counted failures and ignored ones. */
export function failureCountsAfter(job: Job, pod: Pod): { readonly counted: number; readonly ignored: number } {
  const { counted, ignored } = failureCountsBefore(pod);
  const isCounted = matchFailurePolicy(job.spec.podFailurePolicy, pod).isCounted;
  return isCounted ? { counted: counted + 1, ignored } : { counted, ignored: ignored + 1 };
}

export function failureCountsBefore(pod: Pod): { readonly counted: number; readonly ignored: number } {
  const read = (name: string): number => Number(pod.metadata.annotations?.[name] ?? 0) || 0;
  return { counted: read(indexFailureCountAnnotation), ignored: read(indexIgnoredFailureCountAnnotation) };
}

/** The template of one pod of the job; `replaced` is the failed pod of the same index it comes after, if there is one. */
export function podTemplateFor(job: Job, index: number | undefined, replaced: Pod | undefined): PodTemplateSpec {
  const { metadata, spec } = job.spec.template;
  const finalizers = [...new Set([...(metadata.finalizers ?? []), trackingFinalizer])];
  if (index === undefined) return { metadata: { ...metadata, finalizers }, spec };
  const counts = replaced ? failureCountsAfter(job, replaced) : { counted: 0, ignored: 0 };
  const annotations = {
    ...metadata.annotations,
    [completionIndexName]: String(index),
    ...(hasBackoffLimitPerIndex(job) ? { [indexFailureCountAnnotation]: String(counts.counted) } : {}),
    ...(counts.ignored > 0 ? { [indexIgnoredFailureCountAnnotation]: String(counts.ignored) } : {}),
  };
  return {
    metadata: {
      ...metadata,
      finalizers,
      annotations,
      labels: { ...metadata.labels, [completionIndexName]: String(index) },
    },
    spec: {
      ...spec,
      hostname: `${job.metadata.name}-${index}`,
      containers: spec.containers.map(withIndexEnv),
      ...(spec.initContainers ? { initContainers: spec.initContainers.map(withIndexEnv) } : {}),
    },
  };
}

function withIndexEnv<C extends Container>(container: C): C {
  if (container.env?.some((e) => e.name === completionIndexEnv)) return container;
  const valueFrom = { fieldRef: { apiVersion: "v1", fieldPath: `metadata.labels['${completionIndexName}']` } };
  return { ...container, env: [...(container.env ?? []), { name: completionIndexEnv, valueFrom }] };
}

/** The prefix of a pod's name; cut so that the random letters still fit into 63. */
export function generateNameFor(job: Job, index: number): string {
  const suffix = `-${index}-`;
  return `${job.metadata.name.slice(0, 63 - 5 - suffix.length)}${suffix}`;
}

/**
 * At least `count` of the active pods, to be deleted: all with an index that is taken twice (but one) or that the job
 * does not have, then as many more as needed, in the order of ReplicaSets.
 */
export function podsForRemoval(job: Job, active: readonly Pod[], count: number, nowMs: number): readonly Pod[] {
  const sorted = [...active].sort((a, b) => compareForDeletion(a, b, nowMs));
  const removed: Pod[] = [];
  const left: Pod[] = [];
  if (isIndexed(job)) {
    const kept = new Set<number>();
    for (const pod of [...sorted].reverse()) {
      const index = completionIndex(job, pod);
      if (index === undefined || kept.has(index)) {
        removed.push(pod);
        continue;
      }
      kept.add(index);
      left.unshift(pod);
    }
  } else {
    left.push(...sorted);
  }
  return [...removed, ...left.slice(0, Math.max(0, count - removed.length))];
}

/** For pods that restart in place: whether the restarts of what still runs have used the limit up. */
export function isPastRestartLimit(job: Job, pods: readonly Pod[]): boolean {
  if (job.spec.template.spec.restartPolicy !== "OnFailure") return false;
  let restarts = 0;
  for (const { status } of pods) {
    if (status.phase !== "Running" && status.phase !== "Pending") continue;
    for (const container of [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])])
      restarts += container.restartCount;
  }
  const limit = job.spec.backoffLimit ?? 6;
  return limit === 0 ? restarts > 0 : restarts >= limit;
}
