/** Matching pods by topology domain, with the least crowded domain's count at hand. */
export class DomainCounts {
  readonly #counts = new Map<string, number>();
  /** Undefined when it has to be looked for. */
  #min: number | undefined;

  get size(): number {
    return this.#counts.size;
  }

  get min(): number {
    if (this.#min === undefined) {
      this.#min = Number.POSITIVE_INFINITY;
      for (const count of this.#counts.values()) if (count < this.#min) this.#min = count;
    }
    return this.#min;
  }

  of(domain: string): number | undefined {
    return this.#counts.get(domain);
  }

  /** The domain exists from now on, even with an amount of 0. */
  add(domain: string, amount: number): void {
    const before = this.#counts.get(domain);
    const after = (before ?? 0) + amount;
    this.#counts.set(domain, after);
    if (this.#min === undefined) return;
    if (after <= this.#min) this.#min = after;
    else if (before === this.#min) this.#min = undefined;
  }
}
