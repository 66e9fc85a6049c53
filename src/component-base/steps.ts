import { nextTurn } from "./turn.ts";

/** Long synchronous work, in steps between which it may be put down. */
export type Steps<T> = Generator<undefined, T, undefined>;

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
