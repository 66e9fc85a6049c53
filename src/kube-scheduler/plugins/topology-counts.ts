import type { NodeInfo, Snapshot } from "../cache/node-table.ts";
import type { Topology } from "../cache/topology-index.ts";

/** Numbers by topology key and by the domain nodes are in. For one scheduling attempt: topologies change with the nodes. */
export class TopologyCounts {
  readonly #snapshot: Snapshot;
  readonly #byKey = new Map<string, { readonly topology: Topology; readonly sums: Float64Array }>();
  #nonZero = 0;

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
  }

  /** True when nothing was ever added, or all of it was taken back. */
  get isEmpty(): boolean {
    return this.#nonZero === 0;
  }

  /** Nodes without the label are in no domain. */
  add(topologyKey: string, { slot }: NodeInfo, amount: number): void {
    let counts = this.#byKey.get(topologyKey);
    if (!counts) {
      const topology = this.#snapshot.topology(topologyKey);
      counts = { topology, sums: new Float64Array(topology.domainCount) };
      this.#byKey.set(topologyKey, counts);
    }
    const domain = counts.topology.domainOf[slot] ?? -1;
    if (domain < 0) return;
    const before = counts.sums[domain] ?? 0;
    const after = before + amount;
    counts.sums[domain] = after;
    this.#nonZero += Number(after !== 0) - Number(before !== 0);
  }

  /** For the domain the node is in; 0 when it is in none. */
  of(topologyKey: string, { slot }: NodeInfo): number {
    const counts = this.#byKey.get(topologyKey);
    return counts ? at(counts.sums, counts.topology, slot) : 0;
  }

  /** Over all topologies of the node. */
  sum({ slot }: NodeInfo): number {
    let sum = 0;
    for (const { sums, topology } of this.#byKey.values()) sum += at(sums, topology, slot);
    return sum;
  }

  /** Whether any domain the node is in has a positive number. */
  hasAny({ slot }: NodeInfo): boolean {
    if (this.#nonZero === 0) return false;
    for (const { sums, topology } of this.#byKey.values()) if (at(sums, topology, slot) > 0) return true;
    return false;
  }
}

/** A typed array has nothing at -1. */
function at(sums: Float64Array, { domainOf }: Topology, slot: number): number {
  const domain = domainOf[slot] ?? -1;
  return domain < 0 ? 0 : (sums[domain] ?? 0);
}
