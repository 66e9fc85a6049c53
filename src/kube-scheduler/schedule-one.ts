import { randomInt, type Random } from "../component-base/random.ts";
import type { NodeInfo, Snapshot } from "./cache/node-table.ts";
import type { PodInfo } from "./cache/pod-info.ts";
import type { Diagnosis } from "./framework/diagnosis.ts";
import type { Framework } from "./framework/framework.ts";
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
  return { nodeName: best(feasible, framework.score(state, pod, feasible, snapshot), random).name, state };
}

function best(nodes: readonly NodeInfo[], scores: Float64Array, random: Random): NodeInfo {
  let max = Number.NEGATIVE_INFINITY;
  let ties: NodeInfo[] = [];
  let i = 0;
  for (const node of nodes) {
    const score = scores[i++] ?? 0;
    if (score > max) {
      max = score;
      ties = [node];
    } else if (score === max) ties.push(node);
  }
  const chosen = ties[randomInt(random, ties.length)];
  if (!chosen) throw new Error("no node to choose from");
  return chosen;
}
