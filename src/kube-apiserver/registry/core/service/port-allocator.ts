import type { Random } from "../../../../component-base/random.ts";
import { randomInt } from "../../../../component-base/random.ts";

/** Numbers [min, max] that at most one holder has at a time. */
export class PortAllocator {
  readonly min: number;
  readonly max: number;
  readonly #random: Random;
  readonly #used = new Set<number>();

  constructor(options: { readonly min: number; readonly max: number; readonly random: Random }) {
    this.min = options.min;
    this.max = options.max;
    this.#random = options.random;
  }

  /** Whether the port is one that can be had at all. */
  has(port: number): boolean {
    return port >= this.min && port <= this.max;
  }

  /** Why the port cannot be had, undefined when it was taken. */
  take(port: number): string | undefined {
    if (!this.has(port)) {
      return `provided port is not in the valid range. The range of valid ports is ${this.min}-${this.max}`;
    }
    if (this.#used.has(port)) return "provided port is already allocated";
    this.#used.add(port);
    return undefined;
  }

  /** Undefined when all are taken. Starts at a random place, so that a freed port is not reused at once; O(used) at worst. */
  takeAny(): number | undefined {
    const size = this.max - this.min + 1;
    const start = randomInt(this.#random, size);
    for (let i = 0; i < size; i++) {
      const port = this.min + ((start + i) % size);
      if (this.#used.has(port)) continue;
      this.#used.add(port);
      return port;
    }
    return undefined;
  }

  release(port: number): void {
    this.#used.delete(port);
  }
}
