import type { Pod } from "../../api/core/v1/types.gen.ts";
import { podRequests, type ResourceAmounts } from "../../component-helpers/resource/pod-requests.ts";

// What a container without requests counts for in scoring, so that such pods spread (upstream's non-zero defaults).
const defaultMilliCpu = 100;
const defaultMemoryBytes = 200 << 20;

/** A pod with what scheduling computes of it once. */
export interface PodInfo {
  readonly pod: Pod;
  readonly key: string;
  readonly requests: ResourceAmounts;
  /** For scoring: requests with the defaults for containers that have none. */
  readonly nonZeroMilliCpu: number;
  readonly nonZeroMemoryBytes: number;
}

export function podInfo(pod: Pod): PodInfo {
  const requests = podRequests(pod);
  let cpuDefaults = 0;
  let memoryDefaults = 0;
  for (const container of pod.spec.containers) {
    if (container.resources.requests?.["cpu"] === undefined) cpuDefaults += defaultMilliCpu;
    if (container.resources.requests?.["memory"] === undefined) memoryDefaults += defaultMemoryBytes;
  }
  return {
    pod,
    key: podKey(pod),
    requests,
    nonZeroMilliCpu: (requests.get("cpu") ?? 0) + cpuDefaults,
    nonZeroMemoryBytes: (requests.get("memory") ?? 0) + memoryDefaults,
  };
}

export function podKey(pod: Pod): string {
  return `${pod.metadata.namespace}/${pod.metadata.name}`;
}
