import type { Node } from "../../api/core/v1/types.gen.ts";
import { findUntoleratedTaint, isTolerated } from "../../component-helpers/scheduling/taints.ts";
import { normalizeByMax, onEvent, skip, type Plugin } from "../framework/interface.ts";

const hardEffects = ["NoSchedule", "NoExecute"] as const;

/** Filters nodes by hard taints and prefers nodes with fewer soft ones. */
export const taintToleration: Plugin = {
  name: "TaintToleration",
  eventsToRegister: [
    onEvent("Node", ["add", "update"], (pod, { previous, current }) => {
      const isTolerable = (node: Node): boolean =>
        findUntoleratedTaint(node.spec.taints, pod.spec.tolerations, hardEffects) === undefined;
      return isTolerable(current) && !(previous && isTolerable(previous));
    }),
  ],
  preFilter: (_state, _pod, snapshot) => (snapshot.taintedCount === 0 ? skip : undefined),
  filter(_state, { pod }, node) {
    if (!findUntoleratedTaint(node.node?.spec.taints, pod.spec.tolerations, hardEffects)) return undefined;
    return { code: "unresolvable", plugin: "TaintToleration", reason: "node(s) had untolerated taint(s)" };
  },
  preScore: (_state, _pod, _nodes, snapshot) => (snapshot.taintedCount === 0 ? skip : undefined),
  score(_state, { pod }, node) {
    let count = 0;
    for (const taint of node.node?.spec.taints ?? []) {
      if (taint.effect === "PreferNoSchedule" && !isTolerated(pod.spec.tolerations, taint)) count++;
    }
    return count;
  },
  normalizeScore: (_state, _pod, scores) => normalizeByMax(scores, true),
};
