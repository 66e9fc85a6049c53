import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { TestCluster } from "../../../src/testing/cluster.ts";
import { assertSameObjects, normalisedObjects } from "./normalise.ts";

export interface Sweep {
  /** What every run is forked from. */
  readonly start: TestCluster;
  /** Ends when all is settled. */
  readonly scenario: (cluster: TestCluster) => Promise<void>;
  /** Each has to write in the scenario. */
  readonly controllers: readonly string[];
  /** One write in so many; SWEEP=all asks for them all, and names of controllers for all of theirs alone. */
  readonly stride: number;
}

/**
 * Runs the scenario undisturbed, and then once for each write of each controller, after which the controller's process is
 * killed and started again: all runs must end alike.
 */
export async function sweep(t: TestContext, { start, scenario, controllers, stride }: Sweep): Promise<void> {
  const asked = process.env["SWEEP"]?.split(",") ?? [];
  const chosen = asked.length === 0 || asked[0] === "all" ? controllers : controllers.filter((c) => asked.includes(c));
  const writes = new Map<string, number>();
  let expected: readonly string[];
  {
    await using undisturbed = await start.fork();
    // The 0th request never comes: these faults only count.
    const counters = chosen.map((name) => [name, crashAfter(undisturbed, name, 0)] as const);
    await scenario(undisturbed);
    expected = await normalisedObjects(undisturbed);
    for (const [name, fault] of counters) writes.set(name, fault.matched);
  }
  for (const [controller, count] of writes) {
    await t.test(`${controller}, ${count} writes`, async () => {
      assert.ok(count > 0, `${controller} has nothing to write in the scenario`);
      for (let nth = 1; nth <= count; nth += asked.length > 0 ? 1 : stride) {
        await using cluster = await start.fork();
        const fault = crashAfter(cluster, controller, nth);
        await scenario(cluster);
        // Which writes there are can differ a little between runs: a conflict costs one more.
        assert.ok(fault.struck === 1 || nth > count - 2, `write ${nth} of ${count} never came`);
        assertSameObjects(await normalisedObjects(cluster), expected, `killed after write ${nth}`);
      }
    });
  }
}

function crashAfter(cluster: TestCluster, controller: string, nth: number) {
  const when = {
    userAgent: `kube-controller-manager/${controller}`,
    method: "write",
    path: /^(?!.*\/(events|subjectaccessreviews))/,
  } as const;
  return cluster.faults.add({ when, nth, effect: "crash" });
}
