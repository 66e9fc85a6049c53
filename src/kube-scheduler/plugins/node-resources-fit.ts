import { resourceAmounts } from "../../component-helpers/resource/pod-requests.ts";
import type { Node } from "../../api/core/v1/types.gen.ts";
import type { NodeInfo } from "../cache/node-table.ts";
import { podInfo, type PodInfo } from "../cache/pod-info.ts";
import { onEvent, scoreMax, type Plugin, type Status } from "../framework/interface.ts";

/**
 * A node must have room for what the pod requests and for one more pod. Scoring is upstream's default strategy,
 * LeastAllocated over CPU and memory with equal weight.
 */
export const nodeResourcesFit: Plugin = {
  name: "NodeResourcesFit",
  eventsToRegister: [
    // An update makes room only by a resize, which changes the spec.
    onEvent(
      "AssignedPod",
      ["delete", "update"],
      (_pod, { action, previous, current }) =>
        action === "delete" || previous?.metadata.generation !== current.metadata.generation,
    ),
    onEvent("Node", ["add", "update"], (pod, { previous, current }) => {
      if (previous && !allocatableChanged(previous, current)) return false;
      return fitsEmptyNode(podInfo(pod), current);
    }),
  ],
  filter(_state, pod, node) {
    if (fits(pod, node)) return undefined;
    return status(insufficient(pod, node), pod, node);
  },
  score(_state, pod, node) {
    const { slot, table } = node;
    const cpu = leastAllocated(
      at(table.nonZeroMilliCpu, slot) + pod.nonZeroMilliCpu,
      at(table.allocatableMilliCpu, slot),
    );
    const memory = leastAllocated(
      at(table.nonZeroMemory, slot) + pod.nonZeroMemoryBytes,
      at(table.allocatableMemory, slot),
    );
    return Math.floor((cpu + memory) / 2);
  },
};

/** The scan over all nodes does this and no more. A pod that requests none of a resource fits where it is overcommitted. */
function fits(pod: PodInfo, { slot, table }: NodeInfo): boolean {
  const { milliCpu, memoryBytes, storageBytes, scalars } = pod;
  if (at(table.podCount, slot) + 1 > at(table.allocatablePods, slot)) return false;
  if (milliCpu > 0 && milliCpu > at(table.allocatableMilliCpu, slot) - at(table.requestedMilliCpu, slot)) return false;
  if (memoryBytes > 0 && memoryBytes > at(table.allocatableMemory, slot) - at(table.requestedMemory, slot))
    return false;
  if (storageBytes > 0 && storageBytes > at(table.allocatableStorage, slot) - at(table.requestedStorage, slot)) {
    return false;
  }
  if (scalars.length === 0) return true;
  const scalar = table.scalar[slot];
  return scalars.every(
    ([name, amount]) =>
      amount === 0 || amount <= (scalar?.allocatable.get(name) ?? 0) - (scalar?.requested.get(name) ?? 0),
  );
}

/** Upstream's texts, e.g. `Insufficient cpu`, one for each resource that is short. */
function insufficient(pod: PodInfo, node: NodeInfo): readonly string[] {
  const { slot, table } = node;
  const reasons: string[] = [];
  if (at(table.podCount, slot) + 1 > at(table.allocatablePods, slot)) reasons.push("Too many pods");
  for (const [name, amount] of pod.requests) {
    if (amount > 0 && amount > freeOf(node, name)) reasons.push(`Insufficient ${name}`);
  }
  return reasons;
}

function allocatableOf({ slot, table }: NodeInfo, name: string): number {
  switch (name) {
    case "cpu":
      return at(table.allocatableMilliCpu, slot);
    case "memory":
      return at(table.allocatableMemory, slot);
    case "ephemeral-storage":
      return at(table.allocatableStorage, slot);
    default:
      return table.scalar[slot]?.allocatable.get(name) ?? 0;
  }
}

function freeOf({ slot, table }: NodeInfo, name: string): number {
  switch (name) {
    case "cpu":
      return at(table.allocatableMilliCpu, slot) - at(table.requestedMilliCpu, slot);
    case "memory":
      return at(table.allocatableMemory, slot) - at(table.requestedMemory, slot);
    case "ephemeral-storage":
      return at(table.allocatableStorage, slot) - at(table.requestedStorage, slot);
    default: {
      const scalar = table.scalar[slot];
      return (scalar?.allocatable.get(name) ?? 0) - (scalar?.requested.get(name) ?? 0);
    }
  }
}

/** A request larger than the whole node cannot be helped by pods going away. */
function status(reasons: readonly string[], pod: PodInfo, node: NodeInfo): Status {
  let hopeless = false;
  for (const [name, amount] of pod.requests) hopeless ||= amount > allocatableOf(node, name);
  return { code: hopeless ? "unresolvable" : "unschedulable", plugin: "NodeResourcesFit", reason: reasons.join("\n") };
}

function allocatableChanged(previous: Node, current: Node): boolean {
  return JSON.stringify(previous.status.allocatable) !== JSON.stringify(current.status.allocatable);
}

function fitsEmptyNode(pod: PodInfo, node: Node): boolean {
  const allocatable = resourceAmounts(node.status.allocatable);
  for (const [name, amount] of pod.requests) if (amount > (allocatable.get(name) ?? 0)) return false;
  return (allocatable.get("pods") ?? 0) >= 1;
}

function leastAllocated(requested: number, capacity: number): number {
  if (capacity === 0 || requested > capacity) return 0;
  return Math.floor(((capacity - requested) * scoreMax) / capacity);
}

function at(column: Float64Array, slot: number): number {
  return column[slot] ?? 0;
}
