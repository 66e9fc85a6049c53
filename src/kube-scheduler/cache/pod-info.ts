import type { ContainerPort, Pod } from "../../api/core/v1/types.gen.ts";
import { podRequests, type ResourceAmounts } from "../../component-helpers/resource/pod-requests.ts";
import { hostPorts } from "../../component-helpers/scheduling/host-ports.ts";
import { claimNameOf } from "../../component-helpers/storage/volume-claims.ts";
import { podAffinityTerms, type PodAffinityTerms } from "./pod-affinity-terms.ts";

// What a container without requests counts for in scoring, so that such pods spread (upstream's non-zero defaults).
const defaultMilliCpu = 100;
const defaultMemoryBytes = 200 << 20;

/** A pod with what scheduling computes of it once. */
export interface PodInfo {
  readonly pod: Pod;
  readonly key: string;
  readonly priority: number;
  readonly requests: ResourceAmounts;
  /** The same by field, for scans over all nodes; `scalars` are the extended resources. */
  readonly milliCpu: number;
  readonly memoryBytes: number;
  readonly storageBytes: number;
  readonly scalars: readonly (readonly [name: string, amount: number])[];
  /** For scoring: requests with the defaults for containers that have none. */
  readonly nonZeroMilliCpu: number;
  readonly nonZeroMemoryBytes: number;
  /** Ports of the node it takes. */
  readonly hostPorts: readonly ContainerPort[];
  /** Inter-pod affinity and anti-affinity, if it has any. */
  readonly affinity: PodAffinityTerms | undefined;
  /** Its claims as `namespace/name`, those of generic ephemeral volumes included. */
  readonly claimKeys: readonly string[];
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
    priority: pod.spec.priority ?? 0,
    requests,
    milliCpu: requests.get("cpu") ?? 0,
    memoryBytes: requests.get("memory") ?? 0,
    storageBytes: requests.get("ephemeral-storage") ?? 0,
    scalars: [...requests].filter(([name]) => isScalar(name)),
    nonZeroMilliCpu: (requests.get("cpu") ?? 0) + cpuDefaults,
    nonZeroMemoryBytes: (requests.get("memory") ?? 0) + memoryDefaults,
    hostPorts: hostPorts(pod),
    affinity: podAffinityTerms(pod),
    claimKeys: (pod.spec.volumes ?? []).flatMap((volume) => {
      const name = claimNameOf(pod, volume);
      return name === undefined ? [] : [`${pod.metadata.namespace}/${name}`];
    }),
  };
}

/** Kept by name: it has no column of its own. */
export function isScalar(name: string): boolean {
  return name !== "cpu" && name !== "memory" && name !== "ephemeral-storage" && name !== "pods";
}

export function podKey(pod: Pod): string {
  return `${pod.metadata.namespace}/${pod.metadata.name}`;
}
