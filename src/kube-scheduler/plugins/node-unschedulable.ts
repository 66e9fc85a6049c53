import type { Node, Pod, Taint } from "../../api/core/v1/types.gen.ts";
import { isTolerated } from "../../component-helpers/scheduling/taints.ts";
import { skip, type Plugin } from "../framework/interface.ts";

const unschedulableTaint: Taint = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };

/** Keeps pods off cordoned nodes, unless they tolerate the taint that cordoning brings. */
export const nodeUnschedulable: Plugin = {
  name: "NodeUnschedulable",
  eventsToRegister: [
    { resource: "Node", actions: ["add"], hint: (pod, event) => event.resource === "Node" && fits(pod, event.current) },
    {
      resource: "Node",
      actions: ["update"],
      hint: (pod, event) =>
        event.resource === "Node" && event.previous?.spec.unschedulable === true && fits(pod, event.current),
    },
  ],
  preFilter: (_state, _pod, snapshot) => (snapshot.cordonedCount === 0 ? skip : undefined),
  filter(_state, { pod }, node) {
    if (!node.node || fits(pod, node.node)) return undefined;
    return { code: "unresolvable", plugin: "NodeUnschedulable", reason: "node(s) were unschedulable" };
  },
};

function fits(pod: Pod, node: Node): boolean {
  return node.spec.unschedulable !== true || isTolerated(pod.spec.tolerations, unschedulableTaint);
}
