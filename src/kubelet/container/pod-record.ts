import { utf8Decode } from "../../component-base/bytes.ts";
import type { FileSystem } from "../../component-base/file-system.ts";
import { isCriError } from "../../cri-api/runtime/v1/cri-error.ts";
import {
  containerHashAnnotation,
  containerNameLabel,
  containerRestartCountAnnotation,
  containerTerminationMessagePathAnnotation,
  containerTerminationMessagePolicyAnnotation,
  podUidLabel,
} from "../../cri-api/runtime/v1/labels.ts";
import type { RuntimeService } from "../../cri-api/runtime/v1/services.ts";
import type { ContainerState, ContainerStatus, PodSandboxStatus } from "../../cri-api/runtime/v1/types.ts";
import { readTail } from "./read-tail.ts";
import { lastLogLines } from "./termination-log.ts";

/** A container as the runtime has it, with what its labels and annotations remember. */
export interface ContainerRecord {
  readonly id: string;
  readonly sandboxId: string;
  readonly name: string;
  readonly state: ContainerState;
  readonly hash: string;
  readonly restartCount: number;
  readonly image: string;
  readonly imageId: string;
  readonly createdAtMs: number;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly exitCode: number;
  readonly reason: string;
  readonly message: string;
  readonly logPath: string;
  /** Whom it runs as, where the runtime tells. */
  readonly user?: NonNullable<ContainerStatus["user"]>;
}

/** Everything the runtime has of one pod; the only memory of it that a restarted kubelet needs. */
export interface PodRecord {
  readonly uid: string;
  /** Newest first. */
  readonly sandboxes: readonly PodSandboxStatus[];
  /** Newest first. */
  readonly containers: readonly ContainerRecord[];
  /** Of the newest sandbox, while it is ready; empty for pods in the host's network. */
  readonly ips: readonly string[];
}

const terminationMessageMax = 4096;
const terminationLogBytesMax = 2048;

/** The newest container of that name. */
export function latestContainer(record: PodRecord, name: string): ContainerRecord | undefined {
  return record.containers.find((c) => c.name === name);
}

export function isRunning(record: PodRecord): boolean {
  return record.containers.some((c) => c.state === "running");
}

/** Reads the pod from the runtime: two lists and one status per sandbox and container. */
export async function readPodRecord(
  runtime: RuntimeService,
  fileSystem: FileSystem,
  uid: string,
  signal?: AbortSignal,
): Promise<PodRecord> {
  const options = signal ? { signal } : {};
  const labelSelector = { [podUidLabel]: uid };
  const [sandboxList, containerList] = await Promise.all([
    runtime.listPodSandbox({ labelSelector }, options),
    runtime.listContainers({ labelSelector }, options),
  ]);
  const sandboxes = await Promise.all(sandboxList.map((s) => skipVanished(runtime.podSandboxStatus(s.id, options))));
  const containers = await Promise.all(
    containerList.map(async (c) => {
      const status = await skipVanished(runtime.containerStatus(c.id, options));
      return status && containerRecord(status, c.podSandboxId, fileSystem);
    }),
  );
  const knownSandboxes = sandboxes.filter((s) => s !== undefined);
  knownSandboxes.sort((a, b) => b.createdAtMs - a.createdAtMs || b.metadata.attempt - a.metadata.attempt);
  const knownContainers = containers.filter((c) => c !== undefined);
  knownContainers.sort((a, b) => b.createdAtMs - a.createdAtMs || b.restartCount - a.restartCount);
  const newest = knownSandboxes[0];
  const network = newest?.state === "ready" ? newest.network : undefined;
  const ips = network ? [network.ip, ...network.additionalIps].filter((ip) => ip !== "") : [];
  return { uid, sandboxes: knownSandboxes, containers: knownContainers, ips };
}

/** What was removed between the list and the status call is simply not there. */
async function skipVanished<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isCriError(error, "notFound")) return undefined;
    throw error;
  }
}

async function containerRecord(
  status: ContainerStatus,
  sandboxId: string,
  fileSystem: FileSystem,
): Promise<ContainerRecord> {
  const isExited = status.state === "exited";
  return {
    id: status.id,
    sandboxId,
    name: status.labels[containerNameLabel] ?? status.metadata.name,
    state: status.state,
    hash: status.annotations[containerHashAnnotation] ?? "",
    restartCount: Number(status.annotations[containerRestartCountAnnotation] ?? status.metadata.attempt),
    image: status.image.userSpecifiedImage || status.image.image,
    imageId: status.imageId || status.imageRef,
    createdAtMs: status.createdAtMs,
    startedAtMs: status.startedAtMs,
    finishedAtMs: status.finishedAtMs,
    exitCode: status.exitCode,
    // A running container whose child was killed for memory has a reason, too; only the exit's own counts.
    reason: isExited ? status.reason : "",
    message: isExited ? await terminationMessage(status, fileSystem) : "",
    logPath: status.logPath,
    ...(status.user ? { user: status.user } : {}),
  };
}

async function terminationMessage(status: ContainerStatus, fileSystem: FileSystem): Promise<string> {
  const path = status.annotations[containerTerminationMessagePathAnnotation];
  const mount = path ? status.mounts.find((m) => m.containerPath === path) : undefined;
  if (mount) {
    try {
      const text = utf8Decode(await readTail(fileSystem, mount.hostPath, terminationMessageMax));
      if (text !== "") return text;
    } catch {
      // The file went with the pod's directory; the runtime's message is what is left.
    }
  }
  const policy = status.annotations[containerTerminationMessagePolicyAnnotation];
  if (policy !== "FallbackToLogsOnError" || status.exitCode === 0) return status.message;
  try {
    const text = utf8Decode(await readTail(fileSystem, status.logPath, 4 * terminationLogBytesMax));
    return lastLogLines(text).slice(-terminationLogBytesMax);
  } catch {
    return status.message;
  }
}
