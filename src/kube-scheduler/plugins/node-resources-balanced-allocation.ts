import { scoreMax, skip, type Plugin } from "../framework/interface.ts";

/**
 * Prefers nodes whose CPU and memory would be used to the same degree. Pods that request neither have no say, or many of
 * them would go to one node.
 */
export const nodeResourcesBalancedAllocation: Plugin = {
  name: "NodeResourcesBalancedAllocation",
  preScore: (_state, { milliCpu, memoryBytes }) => (milliCpu + memoryBytes > 0 ? undefined : skip),
  score(_state, { milliCpu, memoryBytes }, { slot, table }) {
    const cpu = fraction(table.requestedMilliCpu, table.allocatableMilliCpu, slot, milliCpu);
    const memory = fraction(table.requestedMemory, table.allocatableMemory, slot, memoryBytes);
    // The standard deviation of two numbers is half their distance; a node that lacks one resource has no imbalance.
    const deviation = cpu < 0 || memory < 0 ? 0 : Math.abs(cpu - memory) / 2;
    return Math.floor((1 - deviation) * scoreMax);
  },
};

/** Negative when the node has none of it. */
function fraction(requested: Float64Array, allocatable: Float64Array, slot: number, more: number): number {
  const capacity = allocatable[slot] ?? 0;
  return capacity === 0 ? -1 : Math.min(1, ((requested[slot] ?? 0) + more) / capacity);
}
