import type { Container, Pod } from "../../api/core/v1/types.gen.ts";
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

/** How amounts are read and combined: plain numbers where speed counts, quantities where the text matters. */
export interface AmountArithmetic<A> {
  parse(name: string, quantity: string): A;
  add(a: A, b: A): A;
  max(a: A, b: A): A;
}

const numbers: AmountArithmetic<number> = {
  parse: resourceAmount,
  add: (a, b) => a + b,
  max: (a, b) => (a < b ? b : a),
};

/**
 * What the scheduler and the kubelet reserve for a pod (k8s.io/component-helpers/resource PodRequests): the sum over
 * containers and sidecars, or the highest need of any init container with the sidecars started before it, plus overhead.
 * Pod-level requests, where set, replace the sum.
 */
export function podRequests(pod: Pod): ResourceAmounts {
  return aggregatePod(isResizing(pod) ? withReserved(pod) : pod, "requests", numbers);
}

/** What the spec alone asks for, whatever the pod has until a resize is through. */
export function specRequests(pod: Pick<Pod, "spec">): ResourceAmounts {
  return aggregatePod(pod, "requests", numbers);
}

/** The node's kubelet has not yet done all that the spec asks of it. */
function isResizing(pod: Pod): boolean {
  return (pod.status.containerStatuses ?? []).some(({ name, allocatedResources: allocated, resources }) => {
    if (!allocated) return false;
    const requests = pod.spec.containers.find((c) => c.name === name)?.resources?.requests;
    const differs = (list: Readonly<Record<string, string>> | undefined): boolean =>
      ["cpu", "memory"].some((resource) => list?.[resource] !== undefined && list[resource] !== requests?.[resource]);
    return differs(allocated) || differs(resources?.requests);
  });
}

/**
 * While a resize is under way the most of what is asked for, allocated and in use counts for each container; what the
 * kubelet has called infeasible is not asked for.
 */
function withReserved(pod: Pod): Pod {
  const isInfeasible = pod.status.conditions?.some(
    ({ type, reason }) => type === "PodResizePending" && reason === "Infeasible",
  );
  const reserved = (container: Container): Container => {
    const status = [...(pod.status.containerStatuses ?? []), ...(pod.status.initContainerStatuses ?? [])].find(
      ({ name }) => name === container.name,
    );
    if (!status?.allocatedResources) return container;
    const requests: Record<string, string> = { ...(isInfeasible ? {} : container.resources?.requests) };
    for (const list of [status.allocatedResources, status.resources?.requests ?? {}]) {
      for (const [name, quantity] of Object.entries(list)) {
        const known = requests[name];
        if (known === undefined || resourceAmount(name, known) < resourceAmount(name, quantity))
          requests[name] = quantity;
      }
    }
    return { ...container, resources: { ...container.resources, requests } };
  };
  const { containers, initContainers } = pod.spec;
  return {
    ...pod,
    spec: {
      ...pod.spec,
      containers: containers.map(reserved),
      ...(initContainers ? { initContainers: initContainers.map(reserved) } : {}),
    },
  };
}

/** Like `podRequests`, over limits. A resource that some container does not limit is still summed over the others. */
export function podLimits(pod: Pod): ResourceAmounts {
  return aggregatePod(pod, "limits", numbers);
}

/** `podRequests` or `podLimits` in amounts of any kind. */
export function aggregatePod<A>(
  pod: Pick<Pod, "spec">,
  side: "requests" | "limits",
  arithmetic: AmountArithmetic<A>,
): Map<string, A> {
  const add = (a: A, b: A): A => arithmetic.add(a, b);
  const max = (a: A, b: A): A => arithmetic.max(a, b);
  const amounts = (list: Readonly<Record<string, string>> | undefined): Map<string, A> =>
    new Map(Object.entries(list ?? {}).map(([name, quantity]) => [name, arithmetic.parse(name, quantity)]));
  const total = new Map<string, A>();
  for (const container of pod.spec.containers ?? []) combine(total, amounts(container.resources?.[side]), add);
  const sidecars = new Map<string, A>();
  const initPeak = new Map<string, A>();
  for (const container of pod.spec.initContainers ?? []) {
    const need = amounts(container.resources?.[side]);
    if (isSidecar(container)) {
      combine(total, need, add);
      combine(sidecars, need, add);
      combine(initPeak, sidecars, max);
    } else {
      combine(need, sidecars, add);
      combine(initPeak, need, max);
    }
  }
  combine(total, initPeak, max);
  const podLevel = pod.spec.resources?.[side];
  if (podLevel) for (const [name, amount] of amounts(podLevel)) total.set(name, amount);
  if (pod.spec.overhead) combine(total, amounts(pod.spec.overhead), add);
  return total;
}

/** An init container that keeps running beside the others. */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === "Always";
}

function combine<A>(into: Map<string, A>, other: ReadonlyMap<string, A>, how: (a: A, b: A) => A): void {
  for (const [name, amount] of other) {
    const present = into.get(name);
    into.set(name, present === undefined ? amount : how(present, amount));
  }
}
