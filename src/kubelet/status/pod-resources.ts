import type { Pod, PodStatus, ResourceRequirements } from "../../api/core/v1/types.gen.ts";
import { quantityArithmetic } from "../../component-helpers/quota/pod-evaluator.ts";
import { resourceListToJson } from "../../component-helpers/quota/resource-list.ts";
import { aggregatePod } from "../../component-helpers/resource/pod-requests.ts";
import { podCgroupResources } from "../kuberuntime/linux-resources.ts";

type PodResources = Pick<PodStatus, "allocatedResources" | "resources">;

/**
 * What is allocated to the pod as a whole, and what it has. While its control group has not got what is allocated
 * (`isUnderWay`), it has what was told before.
 */
export function podResourcesStatus(pod: Pod, previous: PodStatus, isUnderWay: boolean): PodResources {
  const requests = total(pod, "requests");
  const allocated = Object.keys(requests).length === 0 ? {} : { allocatedResources: requests };
  if (isUnderWay && previous.resources) return { ...allocated, resources: previous.resources };
  const limits = total(pod, "limits");
  if (pod.status.phase !== "Running") return { ...allocated, resources: withoutEmpty(requests, limits) };
  // What runs has what its control group has: CPU and memory, and a limit only where every container has one.
  const own = pod.spec.resources;
  const group = podCgroupResources(pod);
  return {
    ...allocated,
    resources: withoutEmpty(
      { ...own?.requests, ...pick(requests, { cpu: true, memory: true }) },
      {
        ...own?.limits,
        ...pick(limits, { cpu: group.cpuQuota !== undefined, memory: group.memoryLimitInBytes !== undefined }),
      },
    ),
  };
}

type Amounts = Readonly<Record<string, string>>;

function total(pod: Pod, side: "requests" | "limits"): Amounts {
  return resourceListToJson(aggregatePod(pod, side, quantityArithmetic));
}

function pick(amounts: Amounts, isWanted: Readonly<Record<string, boolean>>): Amounts {
  return Object.fromEntries(Object.entries(amounts).filter(([name]) => isWanted[name]));
}

function withoutEmpty(requests: Amounts, limits: Amounts): ResourceRequirements {
  return {
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
    ...(Object.keys(requests).length === 0 ? {} : { requests }),
  };
}
