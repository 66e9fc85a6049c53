import { skip, type Plugin } from "../framework/interface.ts";

/** A pod that names its node fits no other one. */
export const nodeName: Plugin = {
  name: "NodeName",
  eventsToRegister: [
    {
      resource: "Node",
      actions: ["add"],
      hint: (pod, event) => event.resource === "Node" && event.current.metadata.name === pod.spec.nodeName,
    },
  ],
  preFilter: (_state, { pod }) => (pod.spec.nodeName ? undefined : skip),
  filter(_state, { pod }, node) {
    if (pod.spec.nodeName === node.name) return undefined;
    return { code: "unresolvable", plugin: "NodeName", reason: "node(s) didn't match the requested node name" };
  },
};
