import type { Topology } from "../cache/topology-index.ts";

const absent = -1;

/** Matching pods by topology domain, with the least crowded domain's count at hand. */
export class DomainCounts {
  readonly #topology: Topology;
  readonly #counts: Int32Array;
  #size = 0;
  /** Undefined when it has to be looked for. */
  #min: number | undefined;

  constructor(topology: Topology) {
    this.#topology = topology;
    this.#counts = new Int32Array(topology.domainCount).fill(absent);
  }

  /** How many domains are counted. */
  get size(): number {
    return this.#size;
  }

  get min(): number {
    if (this.#min === undefined) {
      this.#min = Number.POSITIVE_INFINITY;
      for (const count of this.#counts) if (count !== absent && count < this.#min) this.#min = count;
    }
    return this.#min;
  }

  /** The number of the domain a node is in; negative when it is in none. */
  domainOf(slot: number): number {
    return this.#topology.domainOf[slot] ?? absent;
  }

  has(domain: number): boolean {
    return (this.#counts[domain] ?? absent) !== absent;
  }

  /** 0 for a domain that is not counted. */
  of(domain: number): number {
    return Math.max(0, this.#counts[domain] ?? 0);
  }

  /** The domain is counted from now on, even with an amount of 0. */
  add(domain: number, amount: number): void {
    const before = this.#counts[domain] ?? absent;
    const after = Math.max(0, before) + amount;
    if (before === absent) this.#size++;
    this.#counts[domain] = after;
    if (this.#min === undefined) return;
    if (after <= this.#min) this.#min = after;
    else if (before === this.#min) this.#min = undefined;
  }
}
