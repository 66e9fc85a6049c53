import {
  preferredNodeWeight,
  requiredNodeAffinity,
  requiredNodeNames,
  type NodePredicate,
} from "../../component-helpers/scheduling/node-affinity.ts";
import type { Node } from "../../api/core/v1/types.gen.ts";
import { normalizeByMax, onEvent, skip, type Plugin, type StateKey, type Status } from "../framework/interface.ts";

const name = "NodeAffinity";
const requiredKey: StateKey<NodePredicate> = { name };
const preferredKey: StateKey<(node: Node) => number> = { name: `${name}/preferred` };

const conflict: Status = { code: "unresolvable", plugin: name, reason: "pod affinity terms conflict" };
const mismatch: Status = {
  code: "unresolvable",
  plugin: name,
  reason: "node(s) didn't match Pod's node affinity/selector",
};

/** `nodeSelector`, required and preferred node affinity. */
export const nodeAffinity: Plugin = {
  name,
  eventsToRegister: [
    onEvent("Node", ["add", "update"], (pod, { previous, current }) => {
      const matches = requiredNodeAffinity(pod) ?? (() => true);
      return matches(current) && !(previous && matches(previous));
    }),
  ],
  preFilter(state, { pod }) {
    const required = requiredNodeAffinity(pod);
    if (!required) return skip;
    state.set(requiredKey, required);
    const nodeNames = requiredNodeNames(pod);
    if (!nodeNames) return undefined;
    return nodeNames.size === 0 ? conflict : { nodeNames };
  },
  filter(state, _pod, { node }) {
    return !node || state.get(requiredKey)?.(node) === true ? undefined : mismatch;
  },
  preScore(state, { pod }) {
    const preferred = preferredNodeWeight(pod);
    if (!preferred) return skip;
    state.set(preferredKey, preferred);
    return undefined;
  },
  score: (state, _pod, { node }) => (node && state.get(preferredKey)?.(node)) ?? 0,
  normalizeScore: (_state, _pod, scores) => normalizeByMax(scores, false),
};
