import type { ContainerPort } from "../../api/core/v1/types.gen.ts";
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
      conflicts(podInfo(pod).hostPorts, podInfo(current).hostPorts),
    ),
    onEvent("Node", ["add"]),
  ],
  preFilter: (_state, { hostPorts }) => (hostPorts.length === 0 ? skip : undefined),
  filter(_state, { hostPorts }, node) {
    for (const other of node.portPods) if (conflicts(hostPorts, other.hostPorts)) return taken;
    return undefined;
  },
};

function conflicts(wanted: readonly ContainerPort[], used: readonly ContainerPort[]): boolean {
  return wanted.some((a) => used.some((b) => isSamePort(a, b)));
}

/** Equal number and protocol, on the same address or on all addresses. */
function isSamePort(a: ContainerPort, b: ContainerPort): boolean {
  if (a.hostPort !== b.hostPort || (a.protocol ?? "TCP") !== (b.protocol ?? "TCP")) return false;
  const [left, right] = [a.hostIP || allAddresses, b.hostIP || allAddresses];
  return left === right || left === allAddresses || right === allAddresses;
}

const allAddresses = "0.0.0.0";
