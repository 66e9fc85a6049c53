import { scoreMax, skip, type Plugin } from "../framework/interface.ts";

/**
 * Prefers nodes whose CPU and memory would be used to the same degree. Pods that request neither have no say, or many of
 * them would go to one node.
 */
export const nodeResourcesBalancedAllocation: Plugin = {
  name: "NodeResourcesBalancedAllocation",
  preScore: (_state, { requests }) => (requests.get("cpu") || requests.get("memory") ? undefined : skip),
  score(_state, { requests }, { slot, table }) {
    const cpu = fraction(table.requestedMilliCpu, table.allocatableMilliCpu, slot, requests.get("cpu"));
    const memory = fraction(table.requestedMemory, table.allocatableMemory, slot, requests.get("memory"));
    // The standard deviation of two numbers is half their distance; a node that lacks one resource has no imbalance.
    const deviation = cpu === undefined || memory === undefined ? 0 : Math.abs(cpu - memory) / 2;
    return Math.floor((1 - deviation) * scoreMax);
  },
};

function fraction(requested: Float64Array, allocatable: Float64Array, slot: number, more = 0): number | undefined {
  const capacity = allocatable[slot] ?? 0;
  return capacity === 0 ? undefined : Math.min(1, ((requested[slot] ?? 0) + more) / capacity);
}
