import { CostError } from "../errors.ts";

/** Units of work an evaluation may do; upstream's limit of one expression. */
export const costLimitPerCall = 1_000_000;

/** Characters and elements a function passes over cost this much each, as upstream counts. */
const costPerCharacter = 0.1;

/** Counts the work of evaluations, and ends those that do too much. */
export class Budget {
  #left: number;

  constructor(limit = costLimitPerCall) {
    this.#left = limit;
  }

  /** What may still be spent. */
  get left(): number {
    return this.#left;
  }

  /** Throws CostError when there is not that much. */
  charge(cost: number): void {
    this.#left -= cost;
    if (this.#left < 0) throw new CostError();
  }

  /** For passing over so many characters, bytes or elements. */
  chargeText(length: number): void {
    this.charge(length * costPerCharacter);
  }
}
