import type { SteppingClock } from "../../component-base/stepping-clock.ts";

/** Lets everything that needs no passing of time happen: many turns of the microtask queue. */
export async function settle(turns = 200): Promise<void> {
  for (let i = 0; i < turns; i++) await Promise.resolve();
}

/** Steps to each timer in turn, settling in between, until the condition holds or `limitMs` of clock time have passed. */
export async function stepUntil(clock: SteppingClock, condition: () => boolean, limitMs = 600_000): Promise<void> {
  const end = clock.monotonic() + limitMs;
  await settle();
  while (!condition()) {
    const next = clock.nextTimerIn();
    if (next === undefined || clock.monotonic() + next > end) throw new Error("the condition never came true");
    clock.step(next);
    await settle();
  }
}
