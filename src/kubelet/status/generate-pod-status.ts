import type { ContainerStatus, Pod, PodCondition, PodStatus } from "../../api/core/v1/types.gen.ts";
import { isHostNetwork, isSidecar, isTerminalPhase } from "../api/pods.ts";
import { podQosClass } from "../../component-helpers/pod-qos.ts";
import type { PodRecord } from "../container/pod-record.ts";
import { restartsAll } from "../container/restart-policy.ts";
import type { StartFailure } from "../kuberuntime/kuberuntime-manager.ts";
import { containerStatuses } from "./container-statuses.ts";
import { ownedConditions, podConditions, readyConditions } from "./pod-conditions.ts";
import { podResourcesStatus } from "./pod-resources.ts";
import { podPhase } from "./pod-phase.ts";

/** Whether a running container counts as started and ready, by its probes. */
export interface ReadinessSource {
  isStarted(podUid: string, containerName: string, containerId: string): boolean;
  isReady(podUid: string, containerName: string, containerId: string): boolean;
}

export interface StatusInput {
  readonly record: PodRecord;
  /** The last status known: the one we set, or the API's. */
  readonly previous: PodStatus;
  readonly failures: ReadonlyMap<string, StartFailure>;
  readonly readiness: ReadinessSource;
  readonly hostIps: readonly string[];
  readonly runtimeName: string;
  readonly canMountRecursiveReadOnly: boolean;
  /** The pod ends: see podPhase. */
  readonly isTerminal: boolean;
  /** The pod's control group has not got what is allocated yet. */
  readonly isGroupResizing: boolean;
  /** Conditions that tell of a resize. */
  readonly resize: readonly PodCondition[];
  /** Ends the pod as Failed for this reason, whatever its containers say; told once none of them runs any more. */
  readonly verdict?: PodVerdict;
}

/** Why the node ended a pod, or did not take it. */
export interface PodVerdict {
  readonly reason: string;
  readonly message: string;
  /** The message of the condition DisruptionTarget, where the pod falls victim to others. */
  readonly disruption?: string;
}

/** The pod's status as the runtime's record shows it. Pure; times of transitions are the status manager's. */
export function generatePodStatus(pod: Pod, input: StatusInput): PodStatus {
  const { record, previous, failures, runtimeName, canMountRecursiveReadOnly, isTerminal } = input;
  const inits = pod.spec.initContainers ?? [];
  const isRestartingAll = restartsAll(pod, record);
  const shared = {
    record,
    failures,
    runtimeName,
    canMountRecursiveReadOnly,
    isTerminal,
    isRestartingAll: isRestartingAll || previous.conditions?.some(isRestartCondition) === true,
    hasInitContainers: inits.length > 0,
  };
  const previousByName = (list: readonly ContainerStatus[] | undefined): Map<string, ContainerStatus> =>
    new Map((list ?? []).map((s) => [s.name, s]));
  const regular = containerStatuses(pod, pod.spec.containers, false, {
    ...shared,
    previous: previousByName(previous.containerStatuses),
  }).map((s) => withReadiness(pod, s, input.readiness));
  const init = containerStatuses(pod, inits, true, {
    ...shared,
    hasInitContainers: true,
    previous: previousByName(previous.initContainerStatuses),
  }).map((status, i) => withInitReadiness(pod, inits[i], status, input.readiness));

  // Nobody asks whether a container for debugging is ready.
  const ephemeral = containerStatuses(pod, pod.spec.ephemeralContainers ?? [], false, {
    ...shared,
    previous: previousByName(previous.ephemeralContainerStatuses),
  }).map(({ started: _started, ...status }) => status);

  // A phase that ended stays: a container the runtime has lost since cannot bring the pod back.
  const computed = input.verdict ? "Failed" : podPhase(pod, [...init, ...regular], isTerminal);
  const phase = isTerminalPhase(previous.phase) && previous.phase ? previous.phase : computed;
  const foreign = (pod.status.conditions ?? []).filter((c) => !ownedConditions.has(c.type));
  const podIps = isHostNetwork(pod) ? input.hostIps : record.ips.length > 0 ? record.ips : keptIps(previous, phase);
  const sandbox = record.sandboxes[0];
  const hasReadySandbox = sandbox?.state === "ready" && (isHostNetwork(pod) || record.ips.length > 0);
  const reason = input.verdict?.reason ?? (isTerminalPhase(phase) ? previous.reason : undefined);
  const message = input.verdict?.message ?? (isTerminalPhase(phase) ? previous.message : undefined);
  return {
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    phase,
    conditions: [
      ...podConditions(pod, {
        phase,
        initStatuses: init,
        containerStatuses: regular,
        hasReadySandbox,
        foreign,
        isRestartingAll,
        resize: isTerminalPhase(phase) ? [] : input.resize,
      }),
      ...disruption(pod, input.verdict),
    ],
    ...(message ? { message } : {}),
    ...(reason ? { reason } : {}),
    ...(input.hostIps[0] === undefined
      ? {}
      : { hostIP: input.hostIps[0], hostIPs: input.hostIps.map((ip) => ({ ip })) }),
    ...(podIps[0] === undefined ? {} : { podIP: podIps[0], podIPs: podIps.map((ip) => ({ ip })) }),
    ...(inits.length === 0 ? {} : { initContainerStatuses: init }),
    containerStatuses: regular,
    ...(ephemeral.length === 0 ? {} : { ephemeralContainerStatuses: ephemeral }),
    qosClass: pod.status.qosClass ?? podQosClass(pod),
    ...podResourcesStatus(pod, previous, input.isGroupResizing),
  };
}

function isRestartCondition({ type, status }: PodCondition): boolean {
  return type === "AllContainersRestarting" && status === "True";
}

/** The status with readiness as the probes have it now, and nothing else changed. Pure. */
export function withCurrentReadiness(pod: Pod, status: PodStatus, readiness: ReadinessSource): PodStatus {
  const inits = pod.spec.initContainers ?? [];
  const init = status.initContainerStatuses?.map((s) => {
    return withInitReadiness(
      pod,
      inits.find((c) => c.name === s.name),
      s,
      readiness,
    );
  });
  const regular = status.containerStatuses?.map((s) => withReadiness(pod, s, readiness));
  const ready = readyConditions(pod, {
    phase: status.phase ?? "Pending",
    initStatuses: init ?? [],
    containerStatuses: regular ?? [],
    foreign: (pod.status.conditions ?? []).filter((c) => !ownedConditions.has(c.type)),
  });
  return {
    ...status,
    conditions: (status.conditions ?? []).map((c) => ready.find((r) => r.type === c.type) ?? c),
    ...(init ? { initContainerStatuses: init } : {}),
    ...(regular ? { containerStatuses: regular } : {}),
  };
}

function disruption(pod: Pod, verdict: PodVerdict | undefined): PodCondition[] {
  if (verdict?.disruption === undefined) return [];
  const { generation } = pod.metadata;
  return [
    {
      type: "DisruptionTarget",
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      status: "True",
      reason: "TerminationByKubelet",
      message: verdict.disruption,
    },
  ];
}

/**
 * What may be told of the status now: that a pod has ended only once nothing of it runs any more, for whoever reads it
 * may give away what the pod held.
 */
export function publishable(status: PodStatus, record: PodRecord, previous: PodStatus): PodStatus {
  const endsNow = isTerminalPhase(status.phase) && !isTerminalPhase(previous.phase);
  if (!endsNow || !record.containers.some((c) => c.state === "running")) return status;
  const { phase: _phase, reason: _reason, message: _message, ...rest } = status;
  const { phase = "Pending", reason, message } = previous;
  return {
    ...rest,
    conditions: (status.conditions ?? []).filter((c) => c.type !== "DisruptionTarget"),
    phase,
    ...(reason ? { reason } : {}),
    ...(message ? { message } : {}),
  };
}

/** A pod that ended keeps the address it had. */
function keptIps(previous: PodStatus, phase: string): readonly string[] {
  return isTerminalPhase(phase) ? (previous.podIPs ?? []).map((p) => p.ip) : [];
}

function withReadiness(pod: Pod, status: ContainerStatus, readiness: ReadinessSource): ContainerStatus {
  if (!status.state.running || !status.containerID) return { ...status, started: false, ready: false };
  const id = status.containerID.slice(status.containerID.indexOf("://") + 3);
  const started = readiness.isStarted(pod.metadata.uid, status.name, id);
  return { ...status, started, ready: started && readiness.isReady(pod.metadata.uid, status.name, id) };
}

function withInitReadiness(
  pod: Pod,
  container: { readonly restartPolicy?: string; readonly name: string } | undefined,
  status: ContainerStatus,
  readiness: ReadinessSource,
): ContainerStatus {
  if (container && isSidecar(container as Parameters<typeof isSidecar>[0]))
    return withReadiness(pod, status, readiness);
  return {
    ...status,
    started: status.state.running !== undefined,
    ready: status.state.terminated?.exitCode === 0,
  };
}
