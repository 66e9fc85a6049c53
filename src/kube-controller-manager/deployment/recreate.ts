import type { Pod } from "../../api/core/v1/types.gen.ts";
import { isPodTerminal } from "../../component-helpers/pod.ts";
import { controllerOf } from "../../controller-runtime/controller-ref.ts";
import { activeSets, desiredReplicas, isComplete, replicasOf, sum } from "./deployment-math.ts";
import type { DeploymentSets, DeploymentSync } from "./deployment-sync.ts";

/** All old pods end before the first new one starts. `pods` are those of all the sets. */
export async function recreate(sync: DeploymentSync, pods: readonly Pod[]): Promise<void> {
  const before = await sync.syncRevision(false);
  let hasScaled = false;
  for (const rs of activeSets(before.old)) hasScaled = (await sync.scale(rs, 0)) || hasScaled;
  if (!hasScaled && !oldPodsRun(before, pods)) {
    const { newSet } = await sync.syncRevision(true);
    const wanted = desiredReplicas(sync.deployment);
    if (newSet && replicasOf(newSet) !== wanted) await sync.scale(newSet, wanted);
    if (isComplete(sync.deployment, sync.deployment.status)) await sync.cleanup();
  }
  await sync.rolloutStatus();
}

/** Counts pods that were asked to go, too: until they have ended they run. */
function oldPodsRun({ newSet, old }: DeploymentSets, pods: readonly Pod[]): boolean {
  if (sum(old, (rs) => rs.status.replicas) > 0) return true;
  return pods.some((pod) => controllerOf(pod)?.uid !== newSet?.metadata.uid && !isPodTerminal(pod));
}
