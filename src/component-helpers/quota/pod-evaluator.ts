import type {
  Container,
  Pod,
  PodAffinityTerm,
  ScopedResourceSelectorRequirement,
} from "../../api/core/v1/types.gen.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import { isPodTerminal } from "../pod.ts";
import { podQosClass } from "../pod-qos.ts";
import { aggregatePod, type AmountArithmetic } from "../resource/pod-requests.ts";
import { parseTime } from "../time.ts";
import type { QuotaEvaluator } from "./evaluator.ts";
import { addResources, parseResourceList, type ResourceList } from "./resource-list.ts";

const one = Quantity.of(1);
const countName = "count/pods";

const computed = ["cpu", "memory", "ephemeral-storage"] as const;
const names: ReadonlySet<string> = new Set([
  countName,
  "pods",
  ...computed.flatMap((name) => [name, `requests.${name}`, `limits.${name}`]),
]);

/** What every container must state when a quota limits it. No others: upstream regrets these. */
const mustBeSet: ReadonlySet<string> = new Set(
  ["cpu", "memory"].flatMap((name) => [name, `requests.${name}`, `limits.${name}`]),
);

/** Exact amounts, which keep the format they were written in. */
export const quantityArithmetic: AmountArithmetic<Quantity> = {
  parse: (_, text) => Quantity.parse(text),
  add: (a, b) => a.add(b),
  max: (a, b) => (a.compare(b) < 0 ? b : a),
};

/** Pods: their number, and what they request and may use while they run. */
export const podEvaluator: QuotaEvaluator<Pod> = {
  handles: (operation, subresource, pod, oldPod) =>
    subresource === ""
      ? operation === "CREATE" || (oldPod !== undefined && isScopeChanged(pod, oldPod))
      : subresource === "resize" && operation === "UPDATE",
  concerns: (name) =>
    names.has(name) ||
    name.startsWith("hugepages-") ||
    name.startsWith("requests.hugepages-") ||
    (name.startsWith("requests.") && isExtended(name.slice("requests.".length))),
  usage(pod: Pod, nowMs: number): ResourceList {
    const count = new Map([[countName, one]]);
    if (!isCharged(pod, nowMs)) return count;
    const requests = aggregatePod(pod, "requests", quantityArithmetic);
    const limits = aggregatePod(pod, "limits", quantityArithmetic);
    return addResources(count, computeUsage(requests, limits));
  },
  matchesScope: podMatchesScope,
  missing(required: readonly string[], pod: Pod): string | undefined {
    const wanted = required.filter((name) => mustBeSet.has(name)).sort();
    const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
    const problems = wanted.flatMap((name) => {
      const without = containers.filter((container) => !containerUsage(container).has(name)).map((c) => c.name);
      return without.length === 0 ? [] : [`${name} for: ${[...new Set(without)].sort().join(",")}`];
    });
    return problems.length === 0 ? undefined : `must specify ${problems.join("; ")}`;
  },
};

/** How long until a pod being deleted stops counting though it is still there; undefined when it does not. */
export function chargedForMs(pod: Pod, nowMs: number): number | undefined {
  const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata;
  if (!deletionTimestamp || deletionGracePeriodSeconds === undefined || isPodTerminal(pod)) return undefined;
  const left = parseTime(deletionTimestamp) + deletionGracePeriodSeconds * 1000 - nowMs;
  return left >= 0 ? left + 1 : undefined;
}

function isCharged(pod: Pod, nowMs: number): boolean {
  if (isPodTerminal(pod)) return false;
  const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata;
  if (!deletionTimestamp || deletionGracePeriodSeconds === undefined) return true;
  return nowMs <= parseTime(deletionTimestamp) + deletionGracePeriodSeconds * 1000;
}

function containerUsage({ resources }: Container): ResourceList {
  return computeUsage(parseResourceList(resources?.requests), parseResourceList(resources?.limits));
}

function computeUsage(requests: ResourceList, limits: ResourceList): ResourceList {
  const usage = new Map([["pods", one]]);
  for (const name of computed) {
    const request = requests.get(name);
    if (request) usage.set(name, request).set(`requests.${name}`, request);
    const limit = limits.get(name);
    if (limit) usage.set(`limits.${name}`, limit);
  }
  for (const [name, request] of requests) {
    if (name.startsWith("hugepages-")) usage.set(name, request).set(`requests.${name}`, request);
    else if (isExtended(name)) usage.set(`requests.${name}`, request);
  }
  return usage;
}

/** A resource of somebody else's domain. */
function isExtended(name: string): boolean {
  const slash = name.indexOf("/");
  return slash > 0 && !/(^|\.)kubernetes\.io$/.test(name.slice(0, slash));
}

function podMatchesScope(selector: ScopedResourceSelectorRequirement, pod: Pod): boolean {
  switch (selector.scopeName) {
    case "Terminating":
      return isTerminating(pod);
    case "NotTerminating":
      return !isTerminating(pod);
    case "BestEffort":
      return podQosClass(pod) === "BestEffort";
    case "NotBestEffort":
      return podQosClass(pod) !== "BestEffort";
    case "PriorityClass":
      return selectorMatches(selector, pod.spec.priorityClassName);
    case "CrossNamespacePodAffinity":
      return affinityTerms(pod).some((term) => (term.namespaces?.length ?? 0) > 0 || term.namespaceSelector);
    case "VolumeAttributesClass":
      return false;
  }
}

/** Whether the name of a class, which may be missing, is one the selector asks for. */
export function selectorMatches(selector: ScopedResourceSelectorRequirement, value: string | undefined): boolean {
  const isSet = value !== undefined && value !== "";
  switch (selector.operator) {
    case "Exists":
      return isSet;
    case "DoesNotExist":
      return !isSet;
    case "In":
      return isSet && (selector.values ?? []).includes(value);
    case "NotIn":
      return !isSet || !(selector.values ?? []).includes(value);
  }
}

/** Whether the pod got a deadline, or lost it: it counts for other quotas then. */
export function isScopeChanged(pod: Pod, oldPod: Pod): boolean {
  return isTerminating(pod) !== isTerminating(oldPod);
}

function isTerminating(pod: Pod): boolean {
  return pod.spec.activeDeadlineSeconds !== undefined && pod.spec.activeDeadlineSeconds >= 0;
}

function affinityTerms({ spec: { affinity } }: Pod): readonly PodAffinityTerm[] {
  return [affinity?.podAffinity, affinity?.podAntiAffinity].flatMap((each) => [
    ...(each?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(each?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => term.podAffinityTerm),
  ]);
}
