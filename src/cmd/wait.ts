import { setTimeout as delay } from "node:timers/promises";

import { errorText } from "../component-base/logger.ts";

const pollMs = 50;

/** Asks until `check` answers true. Throws with the last answer (or error) when that takes longer than `timeoutMs`. */
export async function waitFor(
  what: string,
  timeoutMs: number,
  check: () => Promise<true | string>,
  /** Looked at between the questions: throws when waiting has become pointless. */
  giveUp: () => Promise<void> = async () => {},
): Promise<void> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    let last: string;
    try {
      const answer = await check();
      if (answer === true) return;
      last = answer;
    } catch (error) {
      last = errorText(error);
    }
    await giveUp();
    if (performance.now() > end) throw new Error(`${what}: not after ${timeoutMs / 1000} s (${last})`);
    await delay(pollMs);
  }
}
