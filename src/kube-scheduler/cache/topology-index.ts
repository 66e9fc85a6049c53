import type { NodeInfo } from "./node-table.ts";

/** The nodes' values of one topology key as small numbers, so that counting by domain needs no strings. */
export interface Topology {
  /** By node slot; -1 where the node lacks the label. */
  readonly domainOf: Int32Array;
  /** Domains are numbered from 0. */
  readonly domainCount: number;
}

// Keys come from users. A topology displaced is made again when it is needed.
const topologiesMax = 64;

/** Topologies by key, made on first use and again after nodes or their labels have changed. */
export class TopologyIndex {
  readonly #byKey = new Map<string, Topology>();

  get(key: string, nodes: readonly NodeInfo[], capacity: number): Topology {
    const found = this.#byKey.get(key);
    if (found) return found;
    const domainOf = new Int32Array(capacity).fill(-1);
    const ids = new Map<string, number>();
    for (const { slot, node } of nodes) {
      const labels = node?.metadata.labels;
      const value = labels && Object.hasOwn(labels, key) ? labels[key] : undefined;
      if (value === undefined) continue;
      const id = ids.get(value) ?? ids.size;
      ids.set(value, id);
      domainOf[slot] = id;
    }
    if (this.#byKey.size >= topologiesMax) this.#byKey.clear();
    const topology = { domainOf, domainCount: ids.size };
    this.#byKey.set(key, topology);
    return topology;
  }

  clear(): void {
    this.#byKey.clear();
  }
}
