import { Quantity } from "../apimachinery/quantity.ts";
import type { Pod, ResourceRequirements } from "../api/core/v1/types.gen.ts";

/** A pod's quality of service, which decides who is evicted and killed first. The pod need not be valid yet. */
export function podQosClass(pod: Pick<Pod, "spec">): "BestEffort" | "Burstable" | "Guaranteed" {
  const { spec } = pod;
  const all: readonly (ResourceRequirements | undefined)[] = spec.resources
    ? [spec.resources]
    : [...(spec.containers ?? []), ...(spec.initContainers ?? [])].map((container) => container.resources);
  let isAnySet = false;
  let isGuaranteed = true;
  for (const requirements of all) {
    for (const name of ["cpu", "memory"]) {
      const request = positive(requirements?.requests?.[name]);
      const limit = positive(requirements?.limits?.[name]);
      if (request || limit) isAnySet = true;
      if (!limit || (request && request.compare(limit) !== 0)) isGuaranteed = false;
    }
  }
  if (!isAnySet) return "BestEffort";
  return isGuaranteed ? "Guaranteed" : "Burstable";
}

function positive(value: string | undefined): Quantity | undefined {
  const quantity = value === undefined ? undefined : Quantity.parse(value);
  return quantity && quantity.sign > 0 ? quantity : undefined;
}
