import assert from "node:assert/strict";
import { test } from "node:test";
import { events, nodes, pods, priorityClasses } from "../../src/api/resources.gen.ts";
import type { ApiClient } from "../../src/client/rest/api-client.ts";
import { SeededRandom } from "../../src/component-base/random.ts";
import { SteppingClock } from "../../src/component-base/stepping-clock.ts";
import { createCluster } from "../../src/cluster/create-cluster.ts";

async function createPod(client: ApiClient, name: string, cpu: string, priorityClassName?: string): Promise<void> {
  await client.resource(pods, "default").create({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      ...(priorityClassName ? { priorityClassName } : {}),
      terminationGracePeriodSeconds: 5,
      containers: [{ name: "c", image: "registry.example/app:v1", resources: { requests: { cpu } } }],
    },
    status: {},
  });
}

test("with the real API server and a simulated node, a more important pod takes the room of a lesser one", async () => {
  const clock = new SteppingClock();
  await using cluster = await createCluster({ clock, random: new SeededRandom(3), freeze: true });
  const { client } = cluster;
  const until = async (what: string, condition: () => Promise<boolean>): Promise<void> => {
    for (let i = 0; i < 2_000; i++) {
      if (await condition()) return;
      clock.step(50);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.fail(`never: ${what}`);
  };
  const get = (name: string) => client.resource(pods, "default").get(name);
  let allocatable = "";
  await until("node is ready", async () => {
    const [node] = (await client.resource(nodes).list()).items;
    allocatable = node?.status.allocatable?.["cpu"] ?? "";
    const isReady = node?.status.conditions?.some((c) => c.type === "Ready" && c.status === "True") === true;
    return isReady && (node.spec.taints ?? []).length === 0;
  });
  await createPod(client, "low", allocatable);
  await until("low runs", async () => (await get("low")).status.phase === "Running");
  await client.resource(priorityClasses).create({
    apiVersion: "scheduling.k8s.io/v1",
    kind: "PriorityClass",
    metadata: { name: "important" },
    value: 1_000,
  });
  await createPod(client, "high", allocatable, "important");
  await until("high is nominated", async () => (await get("high")).status.nominatedNodeName === "node-1");
  await until("high runs", async () => (await get("high")).status.phase === "Running");
  assert.equal((await client.resource(pods, "default").list()).items.length, 1);
  const recorded = await client.resource(events, "default").list();
  assert.ok(recorded.items.some((e) => e.reason === "Preempted" && e.involvedObject.name === "low"));
});
