import { nextTurn } from "./turn.ts";

/** Long synchronous work, in steps between which it may be put down. */
export type Steps<T> = Generator<undefined, T, undefined>;

/** Counts the small parts of a long walk, to put it down after every so many of them. */
export class Stride {
  readonly #length: number;
  #taken = 0;

  constructor(length: number) {
    this.#length = length;
  }

  /** One more; true when it is time for others. */
  isOver(): boolean {
    return ++this.#taken % this.#length === 0;
  }
}

/** Does the work at once. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** Does the work with everything else that is ready to run between its steps. */
export async function finishGivingWay<T>(steps: Steps<T>): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await nextTurn();
  }
}
