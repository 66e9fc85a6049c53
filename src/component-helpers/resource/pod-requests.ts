import type { Container, Pod, ResourceRequirements } from "../../api/core/v1/types.gen.ts";
import { Quantity } from "../../apimachinery/quantity.ts";

/** Amounts by resource name: CPU in milli-cores, everything else in its unit (bytes, count). */
export type ResourceAmounts = ReadonlyMap<string, number>;

/** A quantity as a whole number: milli-cores for `cpu`, else units, both rounded up. */
export function resourceAmount(name: string, quantity: string): number {
  const parsed = Quantity.parse(quantity);
  return name === "cpu" ? parsed.toMilliNumber() : parsed.toNumber();
}

export function resourceAmounts(list: Readonly<Record<string, string>> | undefined): Map<string, number> {
  const out = new Map<string, number>();
  if (list) for (const [name, quantity] of Object.entries(list)) out.set(name, resourceAmount(name, quantity));
  return out;
}

/**
 * What the scheduler and the kubelet reserve for a pod (k8s.io/component-helpers/resource PodRequests): the sum over
 * containers and sidecars, or the highest need of any init container with the sidecars started before it, plus overhead.
 * Pod-level requests, where set, replace the sum.
 */
export function podRequests(pod: Pod): ResourceAmounts {
  return aggregate(pod, (resources) => resources.requests);
}

/** Like `podRequests`, over limits. A resource that some container does not limit is still summed over the others. */
export function podLimits(pod: Pod): ResourceAmounts {
  return aggregate(pod, (resources) => resources.limits);
}

function aggregate(
  pod: Pod,
  select: (resources: ResourceRequirements) => Readonly<Record<string, string>> | undefined,
): ResourceAmounts {
  const total = new Map<string, number>();
  for (const container of pod.spec.containers) addAll(total, resourceAmounts(select(container.resources)));
  const sidecars = new Map<string, number>();
  const initPeak = new Map<string, number>();
  for (const container of pod.spec.initContainers ?? []) {
    const need = resourceAmounts(select(container.resources));
    if (isSidecar(container)) {
      addAll(total, need);
      addAll(sidecars, need);
      maxAll(initPeak, sidecars);
    } else {
      addAll(need, sidecars);
      maxAll(initPeak, need);
    }
  }
  maxAll(total, initPeak);
  const podLevel = pod.spec.resources && select(pod.spec.resources);
  if (podLevel) for (const [name, amount] of resourceAmounts(podLevel)) total.set(name, amount);
  if (pod.spec.overhead) addAll(total, resourceAmounts(pod.spec.overhead));
  return total;
}

/** An init container that keeps running beside the others. */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === "Always";
}

function addAll(into: Map<string, number>, more: ResourceAmounts): void {
  for (const [name, amount] of more) into.set(name, (into.get(name) ?? 0) + amount);
}

function maxAll(into: Map<string, number>, other: ResourceAmounts): void {
  for (const [name, amount] of other) if (amount > (into.get(name) ?? 0)) into.set(name, amount);
}
