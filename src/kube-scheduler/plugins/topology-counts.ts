import type { NodeInfo } from "../cache/node-table.ts";

/** Numbers by topology key and by the value nodes have for it. */
export class TopologyCounts {
  readonly #byKey = new Map<string, Map<string, number>>();

  /** True when nothing was ever added, or all of it was taken back. */
  get isEmpty(): boolean {
    return this.#byKey.size === 0;
  }

  /** Nodes without the label are in no topology. */
  add(topologyKey: string, node: NodeInfo, amount: number): void {
    const value = labelOf(node, topologyKey);
    if (value === undefined || amount === 0) return;
    let ofKey = this.#byKey.get(topologyKey);
    if (!ofKey) this.#byKey.set(topologyKey, (ofKey = new Map()));
    const sum = (ofKey.get(value) ?? 0) + amount;
    if (sum !== 0) ofKey.set(value, sum);
    else if (ofKey.delete(value) && ofKey.size === 0) this.#byKey.delete(topologyKey);
  }

  /** For the topology the node is in. */
  of(topologyKey: string, node: NodeInfo): number {
    const ofKey = this.#byKey.get(topologyKey);
    if (!ofKey) return 0;
    const value = labelOf(node, topologyKey);
    return value === undefined ? 0 : (ofKey.get(value) ?? 0);
  }

  /** Over all topologies the node is in. */
  sum(node: NodeInfo): number {
    let sum = 0;
    for (const topologyKey of this.#byKey.keys()) sum += this.of(topologyKey, node);
    return sum;
  }

  /** Whether any topology the node is in has a positive number. */
  hasAny(node: NodeInfo): boolean {
    for (const topologyKey of this.#byKey.keys()) if (this.of(topologyKey, node) > 0) return true;
    return false;
  }
}

export function labelOf({ node }: NodeInfo, key: string): string | undefined {
  const labels = node?.metadata.labels;
  return labels && Object.hasOwn(labels, key) ? labels[key] : undefined;
}
