import type { Deployment, DeploymentStatus, ReplicaSet } from "../../api/apps/v1/types.gen.ts";
import { scaledValue } from "../../component-helpers/int-or-string.ts";
import { parseTime } from "../../component-helpers/time.ts";

export const annotations = {
  revision: "deployment.kubernetes.io/revision",
  revisionHistory: "deployment.kubernetes.io/revision-history",
  desiredReplicas: "deployment.kubernetes.io/desired-replicas",
  maxReplicas: "deployment.kubernetes.io/max-replicas",
} as const;

const int32Max = 2_147_483_647;

export function desiredReplicas(d: Deployment): number {
  return d.spec.replicas ?? 1;
}

export function replicasOf(rs: ReplicaSet): number {
  return rs.spec.replicas ?? 1;
}

export function isRollingUpdate(d: Deployment): boolean {
  return d.spec.strategy.type !== "Recreate";
}

/** How many pods more and how many fewer than wanted a rolling update may have; never both 0, or it could not move. */
function fenceposts(d: Deployment): { readonly surge: number; readonly unavailable: number } {
  const { maxSurge, maxUnavailable } = d.spec.strategy.rollingUpdate ?? {};
  const surge = scaledValue(maxSurge, desiredReplicas(d), "up");
  const unavailable = scaledValue(maxUnavailable, desiredReplicas(d), "down");
  return surge === 0 && unavailable === 0 ? { surge, unavailable: 1 } : { surge, unavailable };
}

export function maxSurge(d: Deployment): number {
  return isRollingUpdate(d) ? fenceposts(d).surge : 0;
}

export function maxUnavailable(d: Deployment): number {
  if (!isRollingUpdate(d) || desiredReplicas(d) === 0) return 0;
  return Math.min(fenceposts(d).unavailable, desiredReplicas(d));
}

export function sum(sets: readonly ReplicaSet[], count: (rs: ReplicaSet) => number | undefined): number {
  return sets.reduce((total, rs) => total + (count(rs) ?? 0), 0);
}

/** Those that want at least one replica. */
export function activeSets(sets: readonly ReplicaSet[]): ReplicaSet[] {
  return sets.filter((rs) => replicasOf(rs) > 0);
}

/** Oldest first; of one second, by name. */
export function byAge(a: ReplicaSet, b: ReplicaSet): number {
  const difference = parseTime(a.metadata.creationTimestamp) - parseTime(b.metadata.creationTimestamp);
  if (difference !== 0) return difference;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}

/** What the new set may have: all that is wanted, as far as the surge leaves room beside the old ones. */
export function newSetReplicas(d: Deployment, all: readonly ReplicaSet[], current: number): number {
  if (!isRollingUpdate(d)) return desiredReplicas(d);
  const room = desiredReplicas(d) + maxSurge(d) - sum(all, replicasOf);
  if (room <= 0) return current;
  return current + Math.min(room, desiredReplicas(d) - current);
}

export function annotatedNumber(rs: ReplicaSet, annotation: string): number | undefined {
  const text = rs.metadata.annotations?.[annotation];
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;
}

/** As a bigint: somebody may have annotated a set with any 64-bit number, and one more than that must be exact. */
export function revisionOf(rs: ReplicaSet): bigint {
  const text = rs.metadata.annotations?.[annotations.revision];
  return text !== undefined && /^-?\d+$/.test(text) ? BigInt(text) : 0n;
}

/** True when the new set has everything, and the number wanted has not changed since it was written on the set. */
export function isSaturated(d: Deployment, newSet: ReplicaSet | undefined): boolean {
  if (!newSet) return false;
  const wanted = desiredReplicas(d);
  return (
    replicasOf(newSet) === wanted &&
    annotatedNumber(newSet, annotations.desiredReplicas) === wanted &&
    (newSet.status.availableReplicas ?? 0) === wanted
  );
}

/** The one set to scale: the only active one or, when none is active, the latest. None when several are active. */
export function activeOrLatest(newSet: ReplicaSet | undefined, old: readonly ReplicaSet[]): ReplicaSet | undefined {
  const all = newSet ? [...old, newSet] : old;
  const active = activeSets(all);
  if (active.length === 0) return newSet ?? [...old].sort(byAge).at(-1);
  return active.length === 1 ? active[0] : undefined;
}

/**
 * How the sets share a change of size while a rollout is under way: each by its part of the old total, so that the mix
 * of old and new stays; rounding is left to the largest.
 */
export function proportionalSizes(
  d: Deployment,
  sets: readonly ReplicaSet[],
): readonly { readonly set: ReplicaSet; readonly replicas: number }[] {
  const allowed = desiredReplicas(d) > 0 ? desiredReplicas(d) + maxSurge(d) : 0;
  const toAdd = allowed - sum(sets, replicasOf);
  // Largest first; of equals the newer grows and the older shrinks first.
  const sorted = [...sets].sort((a, b) => replicasOf(b) - replicasOf(a) || (toAdd > 0 ? byAge(b, a) : byAge(a, b)));
  let added = 0;
  const sizes = sorted.map((set) => {
    const proportion = toAdd === 0 ? 0 : shareOf(set, d, toAdd, added);
    added += proportion;
    return { set, replicas: replicasOf(set) + proportion };
  });
  return sizes.map((s, i) => (i === 0 ? { ...s, replicas: Math.max(0, s.replicas + toAdd - added) } : s));
}

function shareOf(rs: ReplicaSet, d: Deployment, toAdd: number, added: number): number {
  if (replicasOf(rs) === 0 || toAdd === added) return 0;
  const fraction = fractionOf(rs, d);
  const left = toAdd - added;
  return toAdd > 0 ? Math.min(fraction, left) : Math.max(fraction, left);
}

function fractionOf(rs: ReplicaSet, d: Deployment): number {
  if (desiredReplicas(d) === 0) return -replicasOf(rs);
  // What the whole Deployment might have had before; the status stands in where no one has written it down.
  const before = annotatedNumber(rs, annotations.maxReplicas) || (d.status.replicas ?? 0);
  if (before === 0) return 0;
  const size = (replicasOf(rs) * (desiredReplicas(d) + maxSurge(d))) / before;
  return Math.round(size) - replicasOf(rs);
}

export function hasProgressDeadline(d: Deployment): boolean {
  return (d.spec.progressDeadlineSeconds ?? int32Max) !== int32Max;
}

export function hasRevisionHistoryLimit(d: Deployment): boolean {
  return (d.spec.revisionHistoryLimit ?? int32Max) !== int32Max;
}

export function isComplete(d: Deployment, status: DeploymentStatus): boolean {
  const wanted = desiredReplicas(d);
  return (
    (status.updatedReplicas ?? 0) === wanted &&
    (status.replicas ?? 0) === wanted &&
    (status.availableReplicas ?? 0) === wanted &&
    (status.observedGeneration ?? 0) >= (d.metadata.generation ?? 0)
  );
}

/** More updated, ready or available, or fewer old ones than before. */
export function isProgressing(before: DeploymentStatus, now: DeploymentStatus): boolean {
  const old = (s: DeploymentStatus): number => (s.replicas ?? 0) - (s.updatedReplicas ?? 0);
  return (
    (now.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    old(now) < old(before) ||
    (now.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (now.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}
