import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from "../../api/apps/v1/types.gen.ts";
import { formatTime, parseTime } from "../../component-helpers/time.ts";
import {
  desiredReplicas,
  hasProgressDeadline,
  isComplete,
  isProgressing,
  maxUnavailable,
  sum,
} from "./deployment-math.ts";

type Conditions = readonly DeploymentCondition[];

export const reasons = {
  replicaSetUpdated: "ReplicaSetUpdated",
  createError: "ReplicaSetCreateError",
  newSet: "NewReplicaSetCreated",
  foundNewSet: "FoundNewReplicaSet",
  newSetAvailable: "NewReplicaSetAvailable",
  timedOut: "ProgressDeadlineExceeded",
  paused: "DeploymentPaused",
  resumed: "DeploymentResumed",
  minimumAvailable: "MinimumReplicasAvailable",
  minimumUnavailable: "MinimumReplicasUnavailable",
} as const;

export function conditionOf(status: DeploymentStatus, type: string): DeploymentCondition | undefined {
  return status.conditions?.find((c) => c.type === type);
}

/** The conditions with this one set. Nothing changes while status and reason are the same; the transition time only with the status. */
export function withCondition(
  conditions: Conditions,
  set: Pick<DeploymentCondition, "type" | "status" | "reason" | "message">,
  nowMs: number,
): Conditions {
  const current = conditions.find((c) => c.type === set.type);
  if (current && current.status === set.status && current.reason === set.reason) return conditions;
  return replaceCondition(conditions, set, nowMs);
}

function replaceCondition(
  conditions: Conditions,
  set: Pick<DeploymentCondition, "type" | "status" | "reason" | "message">,
  nowMs: number,
): Conditions {
  const now = formatTime(nowMs);
  const current = conditions.find((c) => c.type === set.type);
  const lastTransitionTime = (current?.status === set.status ? current.lastTransitionTime : undefined) ?? now;
  return [...withoutCondition(conditions, set.type), { ...set, lastUpdateTime: now, lastTransitionTime }];
}

export function withoutCondition(conditions: Conditions, type: string): Conditions {
  return conditions.filter((c) => c.type !== type);
}

/** Counts and availability, from the sets as they are. */
export function calculateStatus(
  d: Deployment,
  all: readonly ReplicaSet[],
  newSet: ReplicaSet | undefined,
  nowMs: number,
): DeploymentStatus {
  const replicas = sum(all, (rs) => rs.status.replicas);
  const updatedReplicas = newSet?.status.replicas ?? 0;
  const readyReplicas = sum(all, (rs) => rs.status.readyReplicas);
  const availableReplicas = sum(all, (rs) => rs.status.availableReplicas);
  const unavailableReplicas = Math.max(0, sum(all, (rs) => rs.spec.replicas) - availableReplicas);
  const terminatingReplicas = sum(all, (rs) => rs.status.terminatingReplicas);
  const isAvailable = availableReplicas >= desiredReplicas(d) - maxUnavailable(d);
  const available = isAvailable
    ? { status: "True", reason: reasons.minimumAvailable, message: "Deployment has minimum availability." }
    : {
        status: "False",
        reason: reasons.minimumUnavailable,
        message: "Deployment does not have minimum availability.",
      };
  const { collisionCount, conditions = [] } = d.status;
  return {
    observedGeneration: d.metadata.generation ?? 0,
    ...(replicas ? { replicas } : {}),
    ...(updatedReplicas ? { updatedReplicas } : {}),
    ...(readyReplicas ? { readyReplicas } : {}),
    ...(availableReplicas ? { availableReplicas } : {}),
    ...(unavailableReplicas ? { unavailableReplicas } : {}),
    terminatingReplicas,
    ...(collisionCount === undefined ? {} : { collisionCount }),
    conditions: withCondition(conditions, { type: "Available", ...available }, nowMs),
  };
}

/** Adds to a calculated status whether the rollout is complete, under way or stuck, and why replicas fail. */
export function withProgress(
  d: Deployment,
  status: DeploymentStatus,
  all: readonly ReplicaSet[],
  newSet: ReplicaSet | undefined,
  nowMs: number,
): DeploymentStatus {
  let conditions = status.conditions ?? [];
  if (!hasProgressDeadline(d)) conditions = withoutCondition(conditions, "Progressing");
  const current = conditionOf(d.status, "Progressing");
  // Once complete, a rollout stays so until the next: pods that come and go later are no rollout.
  const wasCompleted =
    (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && current?.reason === reasons.newSetAvailable;
  if (hasProgressDeadline(d) && !wasCompleted) conditions = progressConditions(d, status, conditions, newSet, nowMs);
  const failure = replicaFailure(newSet ? [newSet] : []) ?? replicaFailure(all);
  conditions = failure ? withCondition(conditions, failure, nowMs) : withoutCondition(conditions, "ReplicaFailure");
  return { ...status, conditions };
}

function progressConditions(
  d: Deployment,
  status: DeploymentStatus,
  conditions: Conditions,
  newSet: ReplicaSet | undefined,
  nowMs: number,
): Conditions {
  const what = newSet ? `ReplicaSet "${newSet.metadata.name}"` : `Deployment "${d.metadata.name}"`;
  const progressing = (value: string, reason: string, text: string) => ({
    type: "Progressing",
    status: value,
    reason,
    message: `${what} ${text}.`,
  });
  if (isComplete(d, status))
    return withCondition(
      conditions,
      progressing("True", reasons.newSetAvailable, "has successfully progressed"),
      nowMs,
    );
  if (isProgressing(d.status, status)) {
    // Replaced even if nothing but the time changes: the deadline counts from the last progress.
    return replaceCondition(conditions, progressing("True", reasons.replicaSetUpdated, "is progressing"), nowMs);
  }
  if (isTimedOut(d, status, nowMs))
    return withCondition(conditions, progressing("False", reasons.timedOut, "has timed out progressing"), nowMs);
  return conditions;
}

function isTimedOut(d: Deployment, status: DeploymentStatus, nowMs: number): boolean {
  const current = conditionOf(status, "Progressing");
  if (!current || current.reason === reasons.newSetAvailable) return false;
  return current.reason === reasons.timedOut || nowMs > deadlineOf(d, current);
}

function deadlineOf(d: Deployment, progressing: DeploymentCondition): number {
  return parseTime(progressing.lastUpdateTime) + (d.spec.progressDeadlineSeconds ?? 0) * 1000;
}

/** How long until the rollout would count as stuck; undefined when it cannot any more. */
export function stuckInMs(d: Deployment, status: DeploymentStatus, nowMs: number): number | undefined {
  const current = conditionOf(status, "Progressing");
  if (!hasProgressDeadline(d) || !current || isComplete(d, status)) return undefined;
  if (current.reason === reasons.timedOut || current.reason === reasons.newSetAvailable) return undefined;
  // Times are whole seconds: one more makes sure that the deadline is past.
  return Math.max(0, deadlineOf(d, current) - nowMs) + 1000;
}

function replicaFailure(sets: readonly ReplicaSet[]) {
  for (const rs of sets) {
    const failure = rs.status.conditions?.find((c) => c.type === "ReplicaFailure");
    if (failure)
      return {
        type: failure.type,
        status: failure.status,
        reason: failure.reason ?? "",
        message: failure.message ?? "",
      };
  }
  return undefined;
}
