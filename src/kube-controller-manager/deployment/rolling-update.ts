import {
  activeSets,
  byAge,
  desiredReplicas,
  isComplete,
  maxUnavailable,
  newSetReplicas,
  replicasOf,
  sum,
} from "./deployment-math.ts";
import type { DeploymentSync } from "./deployment-sync.ts";

/**
 * One step of a rolling update: up as far as the surge allows, else down as far as availability allows. The next step
 * comes with the event of this one; there is nothing to wait for.
 */
export async function rollingUpdate(sync: DeploymentSync): Promise<void> {
  await sync.syncRevision(true);
  const hasScaled = (await scaleNewSet(sync)) || (await scaleOldSets(sync));
  if (!hasScaled && isComplete(sync.deployment, sync.deployment.status)) await sync.cleanup();
  await sync.rolloutStatus();
}

async function scaleNewSet(sync: DeploymentSync): Promise<boolean> {
  const { newSet, all } = sync.sets();
  if (!newSet) return false;
  const current = replicasOf(newSet);
  const wanted = desiredReplicas(sync.deployment);
  if (current === wanted) return false;
  return sync.scale(newSet, current > wanted ? wanted : newSetReplicas(sync.deployment, all, current));
}

async function scaleOldSets(sync: DeploymentSync): Promise<boolean> {
  const { newSet, old, all } = sync.sets();
  if (!newSet || sum(activeSets(old), replicasOf) === 0) return false;
  const minAvailable = desiredReplicas(sync.deployment) - maxUnavailable(sync.deployment);
  // New replicas that are not available yet must not be counted on.
  const newUnavailable = replicasOf(newSet) - (newSet.status.availableReplicas ?? 0);
  const maxScaleDown = sum(all, replicasOf) - minAvailable - newUnavailable;
  if (maxScaleDown <= 0) return false;
  const hasCleaned = await removeUnhealthy(sync, maxScaleDown);
  const hasScaled = await removeAvailable(sync, minAvailable);
  return hasCleaned || hasScaled;
}

/** Old replicas that are not available serve nobody and go first. */
async function removeUnhealthy(sync: DeploymentSync, max: number): Promise<boolean> {
  let removed = 0;
  for (const rs of activeSets(sync.sets().old).sort(byAge)) {
    const unhealthy = replicasOf(rs) - (rs.status.availableReplicas ?? 0);
    const count = Math.min(max - removed, unhealthy);
    if (count <= 0) continue;
    await sync.scale(rs, replicasOf(rs) - count);
    removed += count;
  }
  return removed > 0;
}

/** Oldest first, down to what must stay available. */
async function removeAvailable(sync: DeploymentSync, minAvailable: number): Promise<boolean> {
  const { old, all } = sync.sets();
  let left = sum(all, (rs) => rs.status.availableReplicas) - minAvailable;
  let hasScaled = false;
  for (const rs of activeSets(old).sort(byAge)) {
    if (left <= 0) break;
    const count = Math.min(replicasOf(rs), left);
    await sync.scale(rs, replicasOf(rs) - count);
    left -= count;
    hasScaled = true;
  }
  return hasScaled;
}
