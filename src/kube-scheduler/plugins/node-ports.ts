import { hostPortsConflict } from "../../component-helpers/scheduling/host-ports.ts";
import { podInfo } from "../cache/pod-info.ts";
import { onEvent, skip, type Plugin, type Status } from "../framework/interface.ts";

const name = "NodePorts";
const taken: Status = {
  code: "unschedulable",
  plugin: name,
  reason: "node(s) didn't have free ports for the requested pod ports",
};

/** A port of a node goes to one pod only. */
export const nodePorts: Plugin = {
  name,
  eventsToRegister: [
    onEvent("AssignedPod", ["delete"], (pod, { current }) =>
      hostPortsConflict(podInfo(pod).hostPorts, podInfo(current).hostPorts),
    ),
    onEvent("Node", ["add"]),
  ],
  preFilter: (_state, { hostPorts }) => (hostPorts.length === 0 ? skip : undefined),
  filter(_state, { hostPorts }, node) {
    for (const other of node.portPods) if (hostPortsConflict(hostPorts, other.hostPorts)) return taken;
    return undefined;
  },
};
