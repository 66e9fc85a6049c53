import { Quantity } from "../apimachinery/quantity.ts";
import type { Container, Pod, PodSpec, ResourceRequirements } from "../api/core/v1/types.gen.ts";

/** Amounts by resource name. */
export type ResourceAmounts = ReadonlyMap<string, Quantity>;

/**
 * What the scheduler must find room for: the sum over the containers that run together, or the most an init container
 * needs while the sidecars started before it already run, whichever is larger; plus the runtime's overhead. Amounts at
 * pod level take the place of the sum.
 */
export function podRequests(pod: { readonly spec: PodSpec }): ResourceAmounts {
  return podAmounts(pod.spec, "requests");
}

/** The same over limits; a resource that some container does not limit is limited only by the others' sum, as upstream adds it. */
export function podLimits(pod: { readonly spec: PodSpec }): ResourceAmounts {
  return podAmounts(pod.spec, "limits");
}

function podAmounts(spec: PodSpec, what: "requests" | "limits"): ResourceAmounts {
  let total = new Map<string, Quantity>();
  for (const container of spec.containers) addTo(total, amountsOf(container, what));
  const sidecars = new Map<string, Quantity>();
  const initPeak = new Map<string, Quantity>();
  for (const container of spec.initContainers ?? []) {
    const own = amountsOf(container, what);
    if (container.restartPolicy === "Always") {
      addTo(total, own);
      addTo(sidecars, own);
      raiseTo(initPeak, sidecars);
    } else {
      const together = new Map(sidecars);
      addTo(together, own);
      raiseTo(initPeak, together);
    }
  }
  raiseTo(total, initPeak);
  if (spec.resources) total = new Map([...total, ...entries(spec.resources[what])]);
  for (const [name, quantity] of entries(spec.overhead)) {
    // Overhead adds to limits only where there is one.
    const before = total.get(name);
    if (what === "requests" || before) total.set(name, before ? before.add(quantity) : quantity);
  }
  return total;
}

function amountsOf(container: Container, what: "requests" | "limits"): ResourceAmounts {
  return new Map(entries(container.resources[what]));
}

function entries(list: Readonly<Record<string, string>> | undefined): [string, Quantity][] {
  return Object.entries(list ?? {}).map(([name, value]) => [name, Quantity.parse(value)]);
}

function addTo(sum: Map<string, Quantity>, amounts: ResourceAmounts): void {
  for (const [name, quantity] of amounts) sum.set(name, sum.get(name)?.add(quantity) ?? quantity);
}

function raiseTo(most: Map<string, Quantity>, amounts: ResourceAmounts): void {
  for (const [name, quantity] of amounts) {
    const before = most.get(name);
    if (!before || before.compare(quantity) < 0) most.set(name, quantity);
  }
}

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
