import type { ContainerStatus, Pod, PodStatus } from "../../api/core/v1/types.gen.ts";
import { isSidecar } from "../api/pods.ts";

type Phase = NonNullable<PodStatus["phase"]>;

/**
 * The pod's phase from its containers' statuses. `isTerminal` says that the pod ends whatever its restart policy: then
 * exit codes alone decide between Succeeded and Failed.
 */
export function podPhase(pod: Pod, statuses: readonly ContainerStatus[], isTerminal: boolean): Phase {
  const byName = new Map(statuses.map((s) => [s.name, s]));
  const init = initCounts(pod, byName);
  if (init.failed && pod.spec.restartPolicy === "Never") return "Failed";
  const counts = { running: init.runningSidecars, waiting: 0, stopped: 0, succeeded: 0, unknown: 0 };
  for (const { name } of pod.spec.containers) {
    const status = byName.get(name);
    if (status?.state.running) counts.running++;
    else if (status?.state.terminated) {
      counts.stopped++;
      if (status.state.terminated.exitCode === 0) counts.succeeded++;
    } else if (status?.state.waiting) {
      // Waiting after an earlier run is a restart on its way, and counts as stopped.
      if (status.lastState.terminated) counts.stopped++;
      else counts.waiting++;
    } else counts.unknown++;
  }
  const restartsAlways = pod.spec.restartPolicy === undefined || pod.spec.restartPolicy === "Always";
  const isAllStopped = counts.stopped === pod.spec.containers.length;
  if (isTerminal && isAllStopped) return counts.succeeded === counts.stopped ? "Succeeded" : "Failed";
  if (init.pending || counts.waiting > 0) return "Pending";
  if (counts.running > init.runningSidecars && counts.unknown === 0) return "Running";
  if (counts.stopped === 0 || counts.unknown > 0)
    return counts.running > 0 && counts.unknown === 0 ? "Running" : "Pending";
  if (restartsAlways) return "Running";
  if (counts.stopped === counts.succeeded) return "Succeeded";
  return pod.spec.restartPolicy === "Never" ? "Failed" : "Running";
}

function initCounts(
  pod: Pod,
  byName: ReadonlyMap<string, ContainerStatus>,
): { readonly pending: boolean; readonly failed: boolean; readonly runningSidecars: number } {
  let pending = false;
  let failed = false;
  let runningSidecars = 0;
  for (const container of pod.spec.initContainers ?? []) {
    const status = byName.get(container.name);
    if (isSidecar(container)) {
      if (status?.state.running) {
        runningSidecars++;
        if (status.started !== true) pending = true;
      } else if (!status?.state.terminated && !status?.lastState.terminated) pending = true;
      continue;
    }
    const ended = status?.state.terminated ?? (status?.state.waiting ? status.lastState.terminated : undefined);
    if (!ended) pending = true;
    else if (ended.exitCode !== 0) failed = true;
  }
  return { pending, failed, runningSidecars };
}
