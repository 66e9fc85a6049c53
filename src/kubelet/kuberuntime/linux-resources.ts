import type { Container, Pod } from "../../api/core/v1/types.gen.ts";
import type { LinuxContainerResources } from "../../cri-api/runtime/v1/types.ts";
import type { PodCgroupResources } from "../ports.ts";
import { milliValue, wholeValue } from "../api/quantities.ts";
import { podQosClass } from "../../component-helpers/pod-qos.ts";
import { allContainers, isSidecar } from "../api/pods.ts";
import { podResources } from "../api/qos.ts";

const sharesPerCpu = 1024;
const sharesMin = 2;
const sharesMax = 262_144;
const quotaPeriodUs = 100_000;
const quotaMinUs = 1_000;

const guaranteedOomScoreAdj = -997;
const bestEffortOomScoreAdj = 1000;

// Priorities from this up are `system-node-critical`.
const nodeCriticalPriority = 2_000_001_000;

export function cpuSharesOf(milli: number): number {
  return Math.min(sharesMax, Math.max(sharesMin, Math.floor((milli * sharesPerCpu) / 1000)));
}

/** Microseconds a period of 100 ms; 0 (no limit) for 0. */
export function cpuQuotaOf(milli: number): number {
  return milli === 0 ? 0 : Math.max(quotaMinUs, Math.floor((milli * quotaPeriodUs) / 1000));
}

/** Who dies first when the node runs out of memory: the more of its request a pod could use up beyond others, the sooner. */
export function oomScoreAdj(pod: Pod, container: Container, memoryCapacityBytes: number): number {
  if ((pod.spec.priority ?? 0) >= nodeCriticalPriority) return guaranteedOomScoreAdj;
  switch (podQosClass(pod)) {
    case "Guaranteed":
      return guaranteedOomScoreAdj;
    case "BestEffort":
      return bestEffortOomScoreAdj;
    case "Burstable": {
      const share = unassignedRequest(pod);
      const adjustment = (request: number): number =>
        1000 - Math.floor((1000 * (request + share)) / memoryCapacityBytes);
      const own = adjustment(memoryRequest(container));
      // A sidecar outlives what it serves.
      const adjusted = isSidecar(container)
        ? Math.min(own, adjustment(Math.min(...pod.spec.containers.map(memoryRequest))))
        : own;
      // Above every guaranteed pod, below every best-effort one.
      if (adjusted < 1000 + guaranteedOomScoreAdj) return 1000 + guaranteedOomScoreAdj;
      return adjusted === bestEffortOomScoreAdj ? adjusted - 1 : adjusted;
    }
  }
}

function memoryRequest(container: Container): number {
  return wholeValue(container.resources?.requests?.["memory"]);
}

/** What a pod asks for beyond what its containers do, shared among them in equal parts. */
function unassignedRequest(pod: Pod): number {
  const whole = pod.spec.resources?.requests?.["memory"];
  if (whole === undefined) return 0;
  const assigned = podResources({ ...pod, spec: withoutOwn(pod.spec) }, "requests").memoryBytes;
  const rest = podResources(pod, "requests").memoryBytes - assigned;
  return rest > 0 ? Math.floor(rest / allContainers(pod).length) : 0;
}

function withoutOwn(spec: Pod["spec"]): Pod["spec"] {
  const { resources: _, ...rest } = spec;
  return rest;
}

export function containerLinuxResources(
  pod: Pod,
  container: Container,
  memoryCapacityBytes: number,
): LinuxContainerResources {
  const { requests, limits } = container.resources ?? {};
  // What has no limit of its own has that of the pod.
  const whole = pod.spec.resources?.limits;
  const cpuLimit = milliValue(limits?.["cpu"]) || milliValue(whole?.["cpu"]);
  const cpuRequest = requests?.["cpu"] === undefined ? cpuLimit : milliValue(requests["cpu"]);
  const memoryLimit = wholeValue(limits?.["memory"]) || wholeValue(whole?.["memory"]);
  return {
    cpuShares: cpuSharesOf(cpuRequest),
    cpuPeriod: quotaPeriodUs,
    cpuQuota: cpuQuotaOf(cpuLimit),
    ...(memoryLimit > 0 ? { memoryLimitInBytes: memoryLimit } : {}),
    oomScoreAdj: oomScoreAdj(pod, container, memoryCapacityBytes),
  };
}

/** The limits of the pod's own control group. A limit of the pod needs one of every container. */
export function podCgroupResources(pod: Pod): PodCgroupResources {
  const requests = podResources(pod, "requests");
  const limits = podResources(pod, "limits");
  switch (podQosClass(pod)) {
    case "BestEffort":
      return { cpuShares: sharesMin };
    case "Guaranteed":
    case "Burstable":
      return {
        cpuShares: cpuSharesOf(requests.cpuMilli),
        ...(limits.cpuDeclared ? { cpuQuota: cpuQuotaOf(limits.cpuMilli), cpuPeriod: quotaPeriodUs } : {}),
        ...(limits.memoryDeclared ? { memoryLimitInBytes: limits.memoryBytes } : {}),
      };
  }
}
