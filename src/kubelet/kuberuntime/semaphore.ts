/** At most `limit` at a time; the others wait in order. */
export class Semaphore {
  readonly #limit: number;
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  async run<T>(fn: () => Promise<T>): Promise<T> {
    if (this.#taken < this.#limit) this.#taken++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await fn();
    } finally {
      const next = this.#waiting.shift();
      // The place is handed on, not freed and taken again, so that nobody slips in between.
      if (next) next();
      else this.#taken--;
    }
  }
}
