import type { Pod } from "../../api/core/v1/types.gen.ts";
import { podQosClass } from "../../component-helpers/pod-qos.ts";
import { podRequests } from "../../component-helpers/resource/pod-requests.ts";
import { isCriticalPod } from "../api/pods.ts";
import type { Lack } from "./pod-admission.ts";

/** Whether `pod` may take the place of `other` on the node. */
function mayPreempt(pod: Pod, other: Pod): boolean {
  if (isCriticalPod(pod) && !isCriticalPod(other)) return true;
  const [own, its] = [pod.spec.priority, other.spec.priority];
  return own !== undefined && its !== undefined && own > its;
}

type Amounts = ReadonlyMap<string, number>;

/**
 * The pods to end so that the node has what it lacks for a critical pod: no more of them than it takes, those that are
 * promised most last. Undefined when ending all that may be ended is not enough. Pure.
 */
export function podsToPreempt(pod: Pod, others: readonly Pod[], lacks: readonly Lack[]): readonly Pod[] | undefined {
  const wanted = new Map(lacks.map((lack) => [lack.name, lack.requested - (lack.capacity - lack.used)]));
  const candidates = others.filter((other) => mayPreempt(pod, other));
  const ofClass = (qos: string): Pod[] => candidates.filter((other) => podQosClass(other) === qos);
  const [bestEffort, burstable, guaranteed] = [ofClass("BestEffort"), ofClass("Burstable"), ofClass("Guaranteed")];
  if (without(wanted, candidates).size > 0) return undefined;
  // Of each class only what the classes below it cannot give.
  const fromGuaranteed = closest(guaranteed, without(wanted, [...bestEffort, ...burstable]));
  const fromBurstable = closest(burstable, without(wanted, [...bestEffort, ...fromGuaranteed]));
  const fromBestEffort = closest(bestEffort, without(wanted, [...fromBurstable, ...fromGuaranteed]));
  return [...fromBestEffort, ...fromBurstable, ...fromGuaranteed];
}

function amountOf(pod: Pod, name: string): number {
  return name === "pods" ? 1 : (podRequests(pod).get(name) ?? 0);
}

/** What is still wanted once the pods are gone. */
function without(wanted: Amounts, pods: readonly Pod[]): Amounts {
  const left = new Map<string, number>();
  for (const [name, amount] of wanted) {
    const rest = amount - pods.reduce((sum, pod) => sum + amountOf(pod, name), 0);
    if (rest > 0) left.set(name, rest);
  }
  return left;
}

/** One after the other, the pod that comes closest to what is wanted; of equals the one with the smaller requests. */
function closest(pods: readonly Pod[], wanted: Amounts): readonly Pod[] {
  const left = [...pods];
  const chosen: Pod[] = [];
  let open = wanted;
  while (open.size > 0 && left.length > 0) {
    const [best] = [...left].sort((a, b) => distance(a, open) - distance(b, open) || size(a) - size(b));
    if (!best) break;
    left.splice(left.indexOf(best), 1);
    chosen.push(best);
    open = without(open, [best]);
  }
  return chosen;
}

/** Each resource counts alike, whatever its amount. */
function distance(pod: Pod, wanted: Amounts): number {
  let sum = 0;
  for (const [name, amount] of wanted) sum += Math.max(0, (amount - amountOf(pod, name)) / amount) ** 2;
  return sum;
}

/** Memory decides, then CPU: milli-cores are fewer than the bytes anybody requests. */
function size(pod: Pod): number {
  return amountOf(pod, "memory") + amountOf(pod, "cpu") / 1e9;
}
