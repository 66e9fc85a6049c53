import type {
  Container,
  ContainerStateTerminated,
  ContainerStatus,
  Pod,
  PodStatus,
} from "../../api/core/v1/types.gen.ts";
import { isSidecar, isStaticPod } from "../api/pods.ts";
import { restartsAfterExit } from "../../component-helpers/container-restart.ts";
import { restartingAll } from "./container-statuses.ts";

type Phase = NonNullable<PodStatus["phase"]>;

/**
 * The pod's phase from its containers' statuses. `isTerminal` says that the pod ends whatever its restart policies: then
 * exit codes alone decide between Succeeded and Failed.
 */
export function podPhase(pod: Pod, statuses: readonly ContainerStatus[], isTerminal: boolean): Phase {
  const byName = new Map(statuses.map((s) => [s.name, s]));
  const init = initCounts(pod, byName);
  if (init.hasFailedForGood) return "Failed";
  const sidecars = sidecarCounts(pod, byName);
  const counts = { running: 0, waiting: 0, stopped: 0, stoppedForGood: 0, succeeded: 0, unknown: 0 };
  for (const container of pod.spec.containers) {
    const status = byName.get(container.name);
    const ended = endOf(status);
    if (status?.state.running) counts.running++;
    else if (ended) {
      counts.stopped++;
      if (isForGood(pod, container, ended)) counts.stoppedForGood++;
      if (status?.state.terminated?.exitCode === 0) counts.succeeded++;
    } else if (status?.state.waiting) counts.waiting++;
    else counts.unknown++;
  }
  const running = counts.running + sidecars.running;
  const unknown = counts.unknown + sidecars.unknown;
  // A sidecar that starts again does not take back what was initialized.
  const isInitialized = pod.spec.containers.some((c) => hasStarted(byName.get(c.name)));
  if (init.isPending || (sidecars.pending > 0 && !isInitialized)) return "Pending";
  if (counts.waiting + sidecars.waiting > 0) return "Pending";
  if (running > 0 && unknown === 0) return "Running";
  if (counts.stopped === 0 || unknown > 0) return "Pending";
  const outcome = counts.stopped === counts.succeeded ? "Succeeded" : "Failed";
  if (isTerminal && !isStaticPod(pod)) return outcome;
  return counts.stopped === counts.stoppedForGood ? outcome : "Running";
}

/** Of the last run that ended; waiting after an earlier run is a restart on its way, and counts as stopped. */
function endOf(status: ContainerStatus | undefined): ContainerStateTerminated | undefined {
  if (status?.state.terminated) return status.state.terminated;
  return status?.state.waiting ? status.lastState.terminated : undefined;
}

/** What was removed so that all containers start over comes back whatever its policy. */
function isForGood(pod: Pod, container: Container, ended: ContainerStateTerminated): boolean {
  return ended.reason !== restartingAll && !restartsAfterExit(pod, container, ended.exitCode);
}

function hasStarted(status: ContainerStatus | undefined): boolean {
  return Boolean(status?.state.running ?? status?.state.terminated ?? status?.lastState.terminated);
}

function initCounts(
  pod: Pod,
  byName: ReadonlyMap<string, ContainerStatus>,
): { readonly isPending: boolean; readonly hasFailedForGood: boolean } {
  let isPending = false;
  let hasFailedForGood = false;
  for (const container of pod.spec.initContainers ?? []) {
    if (isSidecar(container)) continue;
    const ended = endOf(byName.get(container.name));
    if (!ended) isPending = true;
    else if (ended.exitCode !== 0 && isForGood(pod, container, ended)) hasFailedForGood = true;
  }
  return { isPending, hasFailedForGood };
}

function sidecarCounts(
  pod: Pod,
  byName: ReadonlyMap<string, ContainerStatus>,
): { readonly running: number; readonly waiting: number; readonly unknown: number; readonly pending: number } {
  const counts = { running: 0, waiting: 0, unknown: 0, pending: 0 };
  for (const { name } of (pod.spec.initContainers ?? []).filter(isSidecar)) {
    const status = byName.get(name);
    if (status?.state.running) {
      counts.running++;
      if (status.started !== true) counts.pending++;
    } else if (status?.state.waiting && !status.lastState.terminated) {
      counts.waiting++;
      counts.pending++;
    } else if (!status?.state.terminated && !status?.state.waiting) counts.unknown++;
  }
  return counts;
}
