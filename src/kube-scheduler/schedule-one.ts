import { randomInt, type Random } from "../component-base/random.ts";
import type { NodeInfo, Snapshot } from "./cache/node-table.ts";
import type { PodInfo } from "./cache/pod-info.ts";
import type { Diagnosis, Framework } from "./framework/framework.ts";
import { CycleState } from "./framework/interface.ts";

/** The outcome of looking for a node: one, or why none. */
export type ScheduleResult =
  | { readonly nodeName: string; readonly state: CycleState }
  | { readonly nodeName: undefined; readonly state: CycleState; readonly diagnosis: Diagnosis };

/**
 * Looks at every node and picks the best one; among equals at random. An exact scan of 5,000 nodes costs less than
 * writing the binding, so there is no sampling. Reads the snapshot only; does not wait.
 */
export function scheduleOne(framework: Framework, pod: PodInfo, snapshot: Snapshot, random: Random): ScheduleResult {
  const state = new CycleState();
  const { feasible, diagnosis } = framework.findFeasible(state, pod, snapshot);
  const [only] = feasible;
  if (only === undefined) return { nodeName: undefined, state, diagnosis };
  if (feasible.length === 1) return { nodeName: only.name, state };
  return { nodeName: best(feasible, framework.score(state, pod, feasible), random).name, state };
}

function best(nodes: readonly NodeInfo[], scores: Float64Array, random: Random): NodeInfo {
  let max = Number.NEGATIVE_INFINITY;
  let ties: NodeInfo[] = [];
  for (const [i, node] of nodes.entries()) {
    const score = scores[i] ?? 0;
    if (score > max) {
      max = score;
      ties = [node];
    } else if (score === max) ties.push(node);
  }
  const chosen = ties[randomInt(random, ties.length)];
  if (!chosen) throw new Error("no node to choose from");
  return chosen;
}

/** Upstream's FailedScheduling text: `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.` */
export function explain(diagnosis: Diagnosis): string {
  if (diagnosis.nodeCount === 0) return "no nodes available to schedule pods";
  const head = `0/${diagnosis.nodeCount} nodes are available:`;
  if (diagnosis.preFilter) return `${head} ${diagnosis.preFilter.reason}.`;
  const counts = new Map<string, number>();
  for (const status of diagnosis.byNode.values()) {
    // One plugin may have several reasons for one node; each is counted.
    for (const reason of status.reason.split("\n")) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  const parts = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  return `${head} ${parts.join(", ")}.`;
}
