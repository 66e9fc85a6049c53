import assert from "node:assert/strict";
import { test } from "node:test";

import { nodes } from "../../api/resources.gen.ts";
import { createInformerFactory } from "../../client/cache/informer-factory.ts";
import type { ApiClient } from "../../client/rest/api-client.ts";
import { createApiClient } from "../../client/rest/rest-client.ts";
import { settle } from "../../client/testing/drain.ts";
import { FakeApiServer } from "../../client/testing/fake-api-server.ts";
import { silentLogger } from "../../component-base/logger.ts";
import { SeededRandom } from "../../component-base/random.ts";
import { SteppingClock } from "../../component-base/stepping-clock.ts";
import { TaskGroup } from "../../component-base/task-group.ts";
import { PodNetwork } from "./pod-network.ts";

interface Harness extends AsyncDisposable {
  readonly clock: SteppingClock;
  readonly client: ApiClient;
  /** What the machine was told, in order. */
  readonly calls: string[];
  /** How many of the next calls fail. */
  failures: number;
}

async function start(): Promise<Harness> {
  const clock = new SteppingClock();
  const random = new SeededRandom(1);
  const logger = silentLogger;
  const client = createApiClient({ transport: new FakeApiServer(clock, random), userAgent: "test", clock, random });
  const informers = createInformerFactory({ client, clock, random, logger, freeze: true });
  const tasks = new TaskGroup();
  const calls: string[] = [];
  const tell = (call: string): Promise<void> => {
    calls.push(call);
    if (harness.failures === 0) return Promise.resolve();
    harness.failures--;
    return Promise.reject(new Error("no such device"));
  };
  const network = new PodNetwork({
    nodeName: "a",
    informers,
    port: {
      usePodCidr: (podCidr) => tell(`use ${podCidr}`),
      syncRoutes: (routes) => tell(`routes ${routes.map((r) => `${r.podCidr} via ${r.nodeIp}`).join(", ")}`),
    },
    clock,
    logger,
  });
  const harness: Harness = {
    clock,
    client,
    calls,
    failures: 0,
    async [Symbol.asyncDispose]() {
      await tasks[Symbol.asyncDispose]();
      await informers[Symbol.asyncDispose]();
    },
  };
  informers.start();
  tasks.spawn(async (signal) => {
    await informers.waitForSync(signal);
    await network.run(signal);
  });
  await settle(500);
  return harness;
}

async function addNode(client: ApiClient, name: string, podCIDR: string | undefined, address: string): Promise<void> {
  await client.resource(nodes).create({
    metadata: { name },
    spec: podCIDR === undefined ? {} : { podCIDR },
    status: { addresses: [{ type: "InternalIP", address }] },
  });
  await settle(500);
}

test("the node takes its own range when it has one, and routes to those of the others", async () => {
  await using h = await start();
  await addNode(h.client, "a", undefined, "172.30.0.1");
  assert.deepEqual(h.calls.splice(0), []);
  await h.client.resource(nodes).patch("a", "merge", { spec: { podCIDR: "10.244.5.0/24" } });
  await settle(500);
  assert.deepEqual(h.calls.splice(0), ["use 10.244.5.0/24", "routes "]);
  await addNode(h.client, "b", "10.244.2.0/24", "172.30.0.2");
  assert.deepEqual(h.calls.splice(0), ["routes 10.244.2.0/24 via 172.30.0.2"]);
  await addNode(h.client, "c", "10.244.1.0/24", "172.30.0.3");
  assert.deepEqual(h.calls.splice(0), ["routes 10.244.1.0/24 via 172.30.0.3, 10.244.2.0/24 via 172.30.0.2"]);
  // A heartbeat is not a change.
  await h.client.resource(nodes).patch("b", "merge", { metadata: { labels: { beat: "1" } } });
  await settle(500);
  assert.deepEqual(h.calls.splice(0), []);
  // The kernel may have lost routes.
  h.clock.step(10_000);
  await settle(500);
  assert.deepEqual(h.calls.splice(0), ["routes 10.244.1.0/24 via 172.30.0.3, 10.244.2.0/24 via 172.30.0.2"]);
  await h.client.resource(nodes).delete("b");
  await settle(500);
  assert.deepEqual(h.calls.splice(0), ["routes 10.244.1.0/24 via 172.30.0.3"]);
});

test("what fails is tried again, later and later", async () => {
  await using h = await start();
  await addNode(h.client, "a", "10.244.5.0/24", "172.30.0.1");
  h.calls.length = 0;
  h.failures = 2;
  await addNode(h.client, "b", "10.244.2.0/24", "172.30.0.2");
  const call = "routes 10.244.2.0/24 via 172.30.0.2";
  assert.deepEqual(h.calls, [call]);
  for (let i = 0; i < 20 && h.failures >= 0 && h.calls.length < 3; i++) {
    h.clock.step(50);
    await settle(500);
  }
  assert.deepEqual(h.calls, [call, call, call]);
  h.clock.step(5_000);
  await settle(500);
  assert.equal(h.calls.length, 3);
});
