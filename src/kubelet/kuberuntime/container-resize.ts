import type { Container, Pod } from "../../api/core/v1/types.gen.ts";
import type { LinuxContainerResources } from "../../cri-api/runtime/v1/types.ts";
import { allContainers } from "../api/pods.ts";
import { type ContainerRecord, latestContainer, type PodRecord } from "../container/pod-record.ts";
import { containerLinuxResources } from "./linux-resources.ts";

/** What has to be done that a running container may use what it should. */
export interface ContainerResize {
  readonly container: Container;
  readonly record: ContainerRecord;
  readonly needsRestart: boolean;
  /** By how much its memory limit rises; negative when it falls. */
  readonly memoryChange: number;
  /** The memory limit that is lower than the one it has; undefined when it does not fall. */
  readonly lowerMemoryLimit: number | undefined;
}

/**
 * Compares what the runtime has of a running container with what it should have; undefined when nothing is to be done, or
 * when the runtime does not tell.
 *
 * Differs from upstream: what the runtime says is compared, not what the kubelet remembers having said. A memory request,
 * of which no runtime knows, is therefore changed without a restart whatever the resize policy.
 */
export function containerResize(pod: Pod, container: Container, record: ContainerRecord): ContainerResize | undefined {
  const { resources: actual } = record;
  if (record.state !== "running" || !actual) return undefined;
  // The capacity matters for the score of the OOM killer alone, which is not compared.
  const wanted = containerLinuxResources(pod, container, Number.MAX_SAFE_INTEGER);
  const cpuChanged =
    (actual.cpuShares ?? 0) !== (wanted.cpuShares ?? 0) || limitOf(actual.cpuQuota) !== limitOf(wanted.cpuQuota);
  const limit = memoryOf(wanted);
  const memoryChange = limit - memoryOf(actual);
  const isLower = limit > 0 && (memoryOf(actual) === 0 || memoryChange < 0);
  if (!cpuChanged && memoryChange === 0) return undefined;
  const restarts = (resource: string): boolean =>
    container.resizePolicy?.find(({ resourceName }) => resourceName === resource)?.restartPolicy === "RestartContainer";
  const needsRestart = (cpuChanged && restarts("cpu")) || (memoryChange !== 0 && restarts("memory"));
  return { container, record, needsRestart, memoryChange, lowerMemoryLimit: isLower ? limit : undefined };
}

/** Whether a running container of the pod still has other resources than it should. */
export function isResizing(pod: Pod, record: PodRecord): boolean {
  return allContainers(pod).some((container) => {
    const latest = latestContainer(record, container.name);
    return latest !== undefined && containerResize(pod, container, latest) !== undefined;
  });
}

/** No limit is told in several ways. */
function limitOf(value: number | undefined): number {
  return value === undefined || value < 0 ? 0 : value;
}

function memoryOf({ memoryLimitInBytes }: LinuxContainerResources): number {
  return limitOf(memoryLimitInBytes);
}
