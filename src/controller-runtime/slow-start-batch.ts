/**
 * Calls `fn` `count` times in batches of `initial`, then twice as many each time, and stops after a batch with a failure:
 * a thousand creations that quota refuses cost one request. Resolves to the successes and the first failure.
 */
export async function slowStartBatch(
  count: number,
  initial: number,
  fn: (index: number) => Promise<void>,
): Promise<{ readonly successes: number; readonly error?: unknown }> {
  let successes = 0;
  let started = 0;
  for (let size = Math.min(count, initial); size > 0; size = Math.min(2 * size, count - started)) {
    const first = started;
    started += size;
    const results = await Promise.allSettled(Array.from({ length: size }, (_, i) => fn(first + i)));
    const failed = results.find((r) => r.status === "rejected");
    successes += results.filter((r) => r.status === "fulfilled").length;
    if (failed) return { successes, error: failed.reason };
  }
  return { successes };
}
