import { Quantity } from "../../../apimachinery/quantity.ts";
import type { Mutable } from "../../../apimachinery/resource-type.ts";
import type { Container, Pod, ResourceRequirements } from "./types.gen.ts";

type ResourceList = Readonly<Record<string, string>>;

/**
 * Completes `spec.resources` of a pod that sets some of it: requests that are left open are what its containers request
 * together, else the limit. Huge pages cannot be promised twice, so their limit, and not their request, follows the containers.
 * Runs after the containers' own defaults.
 */
export function podLevelResources({ spec }: Mutable<Pod>): void {
  const { resources } = spec;
  if (resources === undefined) return;
  if (resources.limits === undefined && resources.requests === undefined) return;
  const limits = {
    ...pick(aggregate(spec, "limits"), (name) => isHugePages(name) && resources.requests?.[name] === undefined),
    ...resources.limits,
  };
  if (Object.keys(limits).length > 0) resources.limits = limits;
  if (resources.limits === undefined) return;
  const requests = {
    ...pick(limits, isSupported),
    ...pick(aggregate(spec, "requests"), (name) => isSupported(name) && !isHugePages(name)),
    ...resources.requests,
  };
  if (Object.keys(requests).length > 0) resources.requests = requests;
}

function isHugePages(name: string): boolean {
  return name.startsWith("hugepages-");
}

function isSupported(name: string): boolean {
  return name === "cpu" || name === "memory" || isHugePages(name);
}

function pick(list: ResourceList, accept: (name: string) => boolean): ResourceList {
  return Object.fromEntries(Object.entries(list).filter(([name]) => accept(name)));
}

/**
 * What the containers need together: all that run at the same time are added up, and an init container that runs to its end
 * needs its own beside those of the sidecars started before it; the pod needs the most of these.
 */
function aggregate(spec: Pod["spec"], which: keyof Pick<ResourceRequirements, "limits" | "requests">): ResourceList {
  const running = new Map<string, Quantity>();
  const sidecars = new Map<string, Quantity>();
  const starting = new Map<string, Quantity>();
  for (const { resources } of spec.containers ?? []) addTo(running, resources[which]);
  for (const container of spec.initContainers ?? []) {
    const list = container.resources[which];
    if (isSidecar(container)) {
      addTo(running, list);
      addTo(sidecars, list);
      raiseTo(starting, sidecars);
    } else {
      const together = new Map(sidecars);
      addTo(together, list);
      raiseTo(starting, together);
    }
  }
  raiseTo(running, starting);
  return Object.fromEntries([...running].map(([name, quantity]) => [name, quantity.toString()]));
}

function isSidecar(container: Container): boolean {
  return container.restartPolicy === "Always";
}

function addTo(sum: Map<string, Quantity>, list: ResourceList | undefined): void {
  for (const [name, text] of Object.entries(list ?? {})) {
    const quantity = Quantity.parse(text);
    const current = sum.get(name);
    sum.set(name, current === undefined ? quantity : current.add(quantity));
  }
}

function raiseTo(least: Map<string, Quantity>, other: ReadonlyMap<string, Quantity>): void {
  for (const [name, quantity] of other) {
    const current = least.get(name);
    if (current === undefined || current.compare(quantity) < 0) least.set(name, quantity);
  }
}
