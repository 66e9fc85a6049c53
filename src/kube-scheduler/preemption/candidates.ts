import type { PodDisruptionBudget } from "../../api/policy/v1/types.gen.ts";
import { parseTime } from "../../component-helpers/time.ts";
import type { NodeInfo } from "../cache/node-table.ts";
import { selectorOrNothing } from "../cache/pod-affinity-terms.ts";
import type { PodInfo } from "../cache/pod-info.ts";
import type { Rejection, Status } from "../framework/interface.ts";

/** A node where the pod would fit without these pods. */
export interface Candidate {
  readonly node: NodeInfo;
  /** The most important one first. */
  readonly victims: readonly PodInfo[];
  /** How many of them a disruption budget protects. */
  readonly violations: number;
}

const noVictims: Status = {
  code: "unresolvable",
  plugin: "DefaultPreemption",
  reason: "No preemption victims found for incoming pod",
};

/**
 * The fewest and least important pods whose going lets the pod onto the node, or why none would. All less important pods
 * are taken away, then given back one by one as long as the pod still fits: first those that a budget protects, and among
 * equals the more important first. Everything is back in its place when this returns.
 */
export function selectVictims(
  rejection: Rejection,
  node: NodeInfo,
  budgets: readonly PodDisruptionBudget[],
  nowMs: number,
): Candidate | Status {
  const { state, pod, snapshot, filters } = rejection;
  const lesser = [...node.pods.values()].filter((other) => other.priority < pod.priority);
  if (lesser.length === 0) return noVictims;
  for (const other of lesser) filters.simulateRemove(state, pod, other, node, snapshot);
  const removed = new Set(lesser);
  try {
    const refused = filters.filterWithNominated(state, pod, node, snapshot);
    if (refused) return refused;
    lesser.sort((a, b) => compareImportance(a, b, nowMs));
    const { violating, others } = splitByBudget(lesser, budgets);
    const reprieve = (other: PodInfo): boolean => {
      filters.simulateAdd(state, pod, other, node, snapshot);
      removed.delete(other);
      if (!filters.filterWithNominated(state, pod, node, snapshot)) return true;
      filters.simulateRemove(state, pod, other, node, snapshot);
      removed.add(other);
      return false;
    };
    let violations = 0;
    for (const other of violating) if (!reprieve(other)) violations++;
    for (const other of others) reprieve(other);
    return { node, victims: lesser.filter((other) => removed.has(other)), violations };
  } finally {
    for (const other of removed) filters.simulateAdd(state, pod, other, node, snapshot);
  }
}

/** Higher priority first; of equal ones the one that has run longer. */
function compareImportance(a: PodInfo, b: PodInfo, nowMs: number): number {
  return b.priority - a.priority || startedMs(a, nowMs) - startedMs(b, nowMs);
}

/** A pod that has not started yet counts as starting now. */
export function startedMs({ pod }: PodInfo, nowMs: number): number {
  return pod.status.startTime ? parseTime(pod.status.startTime) : nowMs;
}

/** Sorts out the pods whose disruption one of their budgets does not allow, counting in the order given. */
function splitByBudget(
  pods: readonly PodInfo[],
  budgets: readonly PodDisruptionBudget[],
): { readonly violating: readonly PodInfo[]; readonly others: readonly PodInfo[] } {
  const limits = budgets.map((budget) => ({
    budget,
    selector: selectorOrNothing(budget.spec.selector),
    left: budget.status.disruptionsAllowed,
  }));
  const violating: PodInfo[] = [];
  const others: PodInfo[] = [];
  for (const info of pods) {
    const { namespace, name, labels } = info.pod.metadata;
    let isViolating = false;
    for (const limit of limits) {
      const { budget, selector } = limit;
      if (budget.metadata.namespace !== namespace || !labels || selector.isEverything || !selector.matches(labels)) {
        continue;
      }
      // Its eviction has been granted already and is counted in disruptionsAllowed.
      if (budget.status.disruptedPods && name in budget.status.disruptedPods) continue;
      limit.left--;
      if (limit.left < 0) isViolating = true;
    }
    (isViolating ? violating : others).push(info);
  }
  return { violating, others };
}
