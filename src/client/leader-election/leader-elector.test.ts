import assert from "node:assert/strict";
import { test } from "node:test";
import { leases } from "../../api/resources.gen.ts";
import { silentLogger } from "../../component-base/logger.ts";
import { SeededRandom } from "../../component-base/random.ts";
import { SteppingClock } from "../../component-base/stepping-clock.ts";
import { createApiClient } from "../rest/rest-client.ts";
import { settle, stepUntil } from "../testing/drain.ts";
import { FakeApiServer } from "../testing/fake-api-server.ts";
import { LeaderElector, LeadershipLostError } from "./leader-elector.ts";

function world() {
  const clock = new SteppingClock();
  const random = new SeededRandom(1);
  const server = new FakeApiServer(clock, random);
  const client = createApiClient({ transport: server, userAgent: "test", clock, random });
  const elector = (identity: string) =>
    new LeaderElector({ client, clock, random, logger: silentLogger, namespace: "kube-system", name: "x", identity });
  return { clock, server, client, elector };
}

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

test("a second candidate leads when the first has released the lease, without waiting it out", async () => {
  const { clock, client, elector } = world();
  const stopA = new AbortController();
  const stopB = new AbortController();
  const leading: string[] = [];
  const a = elector("a").runAsLeader((s) => (leading.push("a"), untilAborted(s)), stopA.signal);
  await settle();
  const b = elector("b").runAsLeader((s) => (leading.push("b"), untilAborted(s)), stopB.signal);
  for (let i = 0; i < 30; i++) {
    clock.step(1000);
    await settle();
  }
  assert.deepEqual(leading, ["a"]);
  stopA.abort();
  await a;
  const releasedAt = clock.monotonic();
  await stepUntil(clock, () => leading.length === 2);
  assert.ok(clock.monotonic() - releasedAt < 5000);
  const lease = await client.resource(leases, "kube-system").get("x");
  assert.equal(lease.spec.holderIdentity, "b");
  assert.equal(lease.spec.leaseTransitions, 1);
  stopB.abort();
  await b;
});

test("a leader that cannot renew stops within its deadline", async () => {
  const { clock, server, elector } = world();
  const stop = new AbortController();
  let outcome: unknown;
  const done = elector("a")
    .runAsLeader(untilAborted, stop.signal)
    .catch((error: unknown) => (outcome = error));
  await settle();
  server.intercept = () => ({ status: 500, body: "down" });
  await stepUntil(clock, () => outcome !== undefined, 20_000);
  await done;
  assert.ok(outcome instanceof LeadershipLostError);
  assert.ok(clock.monotonic() <= 12_000);
});
