import type { ContainerStatus, Pod, PodStatus } from "../../api/core/v1/types.gen.ts";
import { isSidecar, isStaticPod, isTerminalPhase } from "../api/pods.ts";

/**
 * The last status of a pod of which nothing is left on the node: whoever waits for its end sees one. Containers that could
 * have run and of which nobody knows how they ended have failed, and so has the pod, unless it is known to have ended.
 */
export function finalStatus(pod: Pod, status: PodStatus): PodStatus {
  const { initContainerStatuses: inits = [], containerStatuses = [] } = status;
  // Init containers behind the last one that started never ran.
  const started = inits.findLastIndex((s) => s.state.running ?? s.state.terminated ?? s.lastState.terminated) + 1;
  return {
    ...status,
    ...(isTerminalPhase(status.phase) || isStaticPod(pod) ? {} : { phase: "Failed" as const }),
    ...(inits.length === 0 ? {} : { initContainerStatuses: inits.map((s, i) => (i < started ? withEnd(s) : s)) }),
    ...(status.containerStatuses === undefined
      ? {}
      : { containerStatuses: wasInitialized(pod, status) ? containerStatuses.map(withEnd) : containerStatuses }),
  };
}

function withEnd(status: ContainerStatus): ContainerStatus {
  return status.state.terminated ? status : { ...status, ready: false, state: { terminated: unknownEnd } };
}

const unknownEnd = {
  exitCode: 137,
  reason: "ContainerStatusUnknown",
  message: "The container could not be located when the pod was terminated",
};

function wasInitialized(pod: Pod, { initContainerStatuses = [], containerStatuses = [] }: PodStatus): boolean {
  const last = pod.spec.initContainers?.at(-1);
  if (!last) return true;
  if (containerStatuses.some((s) => s.lastState.terminated !== undefined || s.state.waiting === undefined)) return true;
  const status = initContainerStatuses.find((s) => s.name === last.name);
  if (isSidecar(last)) return status?.state.running !== undefined && status.started === true;
  return (status?.state.terminated ?? status?.lastState.terminated)?.exitCode === 0;
}
