import type { Container, ContainerState, ContainerStatus, Pod, VolumeMount } from "../../api/core/v1/types.gen.ts";
import { formatTime } from "../../component-helpers/time.ts";
import type { ContainerRecord, PodRecord } from "../container/pod-record.ts";
import { shouldContainerBeRestarted } from "../container/restart-policy.ts";
import { containerResize } from "../kuberuntime/container-resize.ts";
import type { StartFailure } from "../kuberuntime/kuberuntime-manager.ts";

export interface ContainerStatusInput {
  readonly record: PodRecord;
  /** What was last said of each container, by the API or by us. */
  readonly previous: ReadonlyMap<string, ContainerStatus>;
  readonly failures: ReadonlyMap<string, StartFailure>;
  /** `containerd`, for container ids. */
  readonly runtimeName: string;
  readonly canMountRecursiveReadOnly: boolean;
  readonly hasInitContainers: boolean;
  /** All containers are being removed to start over. */
  readonly isRestartingAll: boolean;
  /** The pod has ended: nothing waits any more. */
  readonly isTerminal: boolean;
}

const lostExitCode = 137;

/** Why a container is not there any more when one of the pod had all start over. */
export const restartingAll = "RestartingAllContainers";
const restartingAllMessage = "The container is removed because RestartAllContainers in place";

/**
 * The statuses of `containers`, in their order: the newest container of each name is the state, the one before it the
 * last state; what should run and cannot is waiting with the reason.
 */
export function containerStatuses(
  pod: Pod,
  containers: readonly Container[],
  isInit: boolean,
  input: ContainerStatusInput,
): ContainerStatus[] {
  return containers.map((container) => {
    const records = input.record.containers.filter((c) => c.name === container.name);
    const previous = input.previous.get(container.name);
    const [newest, before] = records;
    let status = newest
      ? fromRecord(pod, container, newest, previous, input)
      : withoutRecord(pod, container, previous, input);
    if (newest) {
      const lastState = before ? stateOf(before, input.runtimeName) : (previous?.lastState ?? {});
      status = { ...status, lastState: keepLastState(newest, before, previous, lastState) };
    }
    return withFailure(pod, container, isInit, status, newest, input);
  });
}

/** The last state outlives the dead container it came from, as long as the current container is the one it preceded. */
function keepLastState(
  newest: ContainerRecord,
  before: ContainerRecord | undefined,
  previous: ContainerStatus | undefined,
  lastState: ContainerState,
): ContainerState {
  if (before) return lastState;
  if (newest.restartCount === 0) return {};
  const ended = previous?.state.terminated;
  const isSame = previous?.containerID?.endsWith(newest.id) === true;
  return ended && !isSame ? { terminated: ended } : lastState;
}

function fromRecord(
  pod: Pod,
  container: Container,
  record: ContainerRecord,
  previous: ContainerStatus | undefined,
  { runtimeName, canMountRecursiveReadOnly }: ContainerStatusInput,
): ContainerStatus {
  const wasRunning = record.state === "unknown" && previous?.state.running !== undefined;
  return {
    name: container.name,
    state: wasRunning
      ? { terminated: lost("The container could not be located when the pod was terminated") }
      : stateOf(record, runtimeName),
    lastState: {},
    ready: false,
    restartCount: record.restartCount,
    image: record.image,
    imageID: record.imageId,
    containerID: `${runtimeName}://${record.id}`,
    started: false,
    ...staticFields(container, canMountRecursiveReadOnly),
    // Until the runtime has what is allocated, what it had is told.
    ...(previous?.resources && containerResize(pod, container, record) ? { resources: previous.resources } : {}),
    ...(record.user ? { user: { linux: record.user } } : {}),
  };
}

/** What the pod's own spec says of the container, as far as the runtime has it. */
function staticFields(container: Container, canMountRecursiveReadOnly: boolean): Partial<ContainerStatus> {
  const isRecursive = ({ recursiveReadOnly: mode }: VolumeMount): boolean =>
    mode === "Enabled" || (mode === "IfPossible" && canMountRecursiveReadOnly);
  const mounts = container.volumeMounts ?? [];
  return {
    ...(container.resources?.requests ? { allocatedResources: container.resources.requests } : {}),
    resources: container.resources ?? {},
    ...(mounts.length === 0
      ? {}
      : {
          volumeMounts: mounts.map((m) => ({
            name: m.name,
            mountPath: m.mountPath,
            ...(m.readOnly ? { readOnly: true, recursiveReadOnly: isRecursive(m) ? "Enabled" : "Disabled" } : {}),
          })),
        }),
  };
}

function stateOf(record: ContainerRecord, runtimeName: string): ContainerState {
  switch (record.state) {
    case "running":
      return { running: { startedAt: formatTime(record.startedAtMs) } };
    case "exited":
      return {
        terminated: {
          exitCode: record.exitCode,
          ...(record.reason ? { reason: record.reason } : {}),
          ...(record.message ? { message: record.message } : {}),
          // A container that never started began and ended when it was made.
          startedAt: formatTime(record.startedAtMs || record.createdAtMs),
          finishedAt: formatTime(record.finishedAtMs || record.createdAtMs),
          containerID: `${runtimeName}://${record.id}`,
        },
      };
    case "created":
    case "unknown":
      return { waiting: {} };
  }
}

function withoutRecord(
  pod: Pod,
  container: Container,
  previous: ContainerStatus | undefined,
  { hasInitContainers, isTerminal, isRestartingAll, canMountRecursiveReadOnly }: ContainerStatusInput,
): ContainerStatus {
  const isRemoved = isRestartingAll && previous !== undefined && !previous.state.waiting;
  if (!isRemoved && previous?.state.terminated) return previous;
  const waiting = { reason: hasInitContainers ? "PodInitializing" : "ContainerCreating" };
  const status: ContainerStatus = {
    name: container.name,
    state: { waiting },
    lastState: previous?.lastState ?? {},
    ready: false,
    restartCount: previous?.restartCount ?? 0,
    image: container.image ?? "",
    imageID: "",
    started: false,
    ...(container.volumeMounts && container.volumeMounts.length > 0
      ? { volumeMounts: staticFields(container, canMountRecursiveReadOnly).volumeMounts ?? [] }
      : {}),
  };
  if (isRemoved) {
    return {
      ...status,
      state: { waiting: { reason: restartingAll, message: restartingAllMessage } },
      lastState: { terminated: { exitCode: lostExitCode, reason: restartingAll, message: restartingAllMessage } },
      restartCount: status.restartCount + 1,
    };
  }
  if (!previous?.state.running) return status;
  // It ran, and the runtime knows nothing of it: it has ended, nobody knows how.
  if (isTerminal) {
    return {
      ...previous,
      ready: false,
      started: false,
      state: { terminated: lost("The container could not be located when the pod was terminated") },
    };
  }
  const lastState = previous.lastState.terminated
    ? previous.lastState
    : {
        terminated: lost(
          "The container could not be located when the pod was deleted.  The container used to be Running",
        ),
      };
  const isRestarted = pod.metadata.deletionTimestamp === undefined;
  return { ...status, lastState, restartCount: status.restartCount + (isRestarted ? 1 : 0) };
}

function lost(message: string): NonNullable<ContainerState["terminated"]> {
  return { exitCode: lostExitCode, reason: "ContainerStatusUnknown", message };
}

function withFailure(
  pod: Pod,
  container: Container,
  isInit: boolean,
  status: ContainerStatus,
  newest: ContainerRecord | undefined,
  input: ContainerStatusInput,
): ContainerStatus {
  const failure = input.failures.get(container.name);
  if (!failure || input.isTerminal) return status;
  if (isInit && newest?.state === "exited" && newest.exitCode === 0) return status;
  if (!shouldContainerBeRestarted(pod, container, input.record)) return status;
  return {
    ...status,
    lastState: status.state.terminated ? { terminated: status.state.terminated } : status.lastState,
    state: { waiting: { reason: failure.reason, message: failure.message } },
  };
}
