import assert from "node:assert/strict";
import { test } from "node:test";
import type { ReplicaSet } from "../../api/apps/v1/types.gen.ts";
import type { Input } from "../../apimachinery/resource-type.ts";
import { events, pods, replicaSets } from "../../api/resources.gen.ts";
import { startControllers, type ControllerHarness } from "../../controller-runtime/testing/controller-harness.ts";
import { replicaSetController } from "./replica-set-controller.ts";

function frontend(replicas: number, more: Partial<Input<ReplicaSet["spec"]>> = {}): Input<ReplicaSet> {
  return {
    metadata: { name: "frontend" },
    spec: {
      replicas,
      selector: { matchLabels: { app: "web" } },
      template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image: "i" }] } },
      ...more,
    },
    status: {},
  };
}

const markReady = async (h: ControllerHarness): Promise<void> => {
  const client = h.client.resource(pods, "a");
  const lastTransitionTime = new Date(h.clock.now()).toISOString();
  for (const pod of (await client.list()).items) {
    const status = { phase: "Running" as const, conditions: [{ type: "Ready", status: "True", lastTransitionTime }] };
    await client.updateStatus({ ...pod, status });
  }
  await h.settle();
};

const readSet = (h: ControllerHarness): Promise<ReplicaSet> => h.client.resource(replicaSets, "a").get("frontend");

test("creates the missing pods once, owned and labelled, and reports them", async () => {
  await using h = await startControllers([replicaSetController]);
  await h.client.resource(replicaSets, "a").create(frontend(20));
  await h.settle();
  const created = (await h.client.resource(pods, "a").list()).items;
  assert.equal(created.length, 20);
  const set = await readSet(h);
  assert.equal(created[0]?.metadata.ownerReferences?.[0]?.uid, set.metadata.uid);
  assert.deepEqual(created[0]?.metadata.labels, { app: "web" });
  assert.match(created[0]?.metadata.name ?? "", /^frontend-[a-z0-9]{5}$/);
  assert.equal(set.status.replicas, 20);
  assert.equal(set.status.observedGeneration, 1);
  await markReady(h);
  assert.equal((await readSet(h)).status.availableReplicas, 20);
});

test("replaces a deleted and a failed pod; scales down to the number asked for", async () => {
  await using h = await startControllers([replicaSetController]);
  await h.client.resource(replicaSets, "a").create(frontend(3));
  await h.settle();
  const client = h.client.resource(pods, "a");
  const [first, second] = (await client.list()).items;
  await client.delete(first?.metadata.name ?? "");
  await client.updateStatus({ ...second, status: { phase: "Failed" } });
  await h.settle();
  const active = (await client.list()).items.filter((p) => p.status?.phase !== "Failed");
  assert.equal(active.length, 3);
  await h.client.resource(replicaSets, "a").patch("frontend", "merge", { spec: { replicas: 1 } });
  await h.settle();
  assert.equal((await client.list()).items.filter((p) => p.status?.phase !== "Failed").length, 1);
  const reasons = (await h.client.resource(events).list()).items.map((e) => e.reason);
  assert.ok(reasons.includes("SuccessfulDelete"));
});

test("adopts matching orphans and releases pods that match no longer", async () => {
  await using h = await startControllers([replicaSetController]);
  const client = h.client.resource(pods, "a");
  await client.create({ metadata: { name: "orphan", labels: { app: "web" } }, spec: {}, status: {} });
  await h.client.resource(replicaSets, "a").create(frontend(1));
  await h.settle();
  const set = await readSet(h);
  const adopted = await client.get("orphan");
  assert.equal(adopted.metadata.ownerReferences?.[0]?.uid, set.metadata.uid);
  assert.equal((await client.list()).items.length, 1);
  await client.patch("orphan", "merge", { metadata: { labels: { app: "other" } } });
  await h.settle();
  assert.equal((await client.get("orphan")).metadata.ownerReferences?.length ?? 0, 0);
  assert.equal((await client.list()).items.length, 2);
});

test("refused creations are told in a condition and an event, cost few requests, and are retried with back-off", async () => {
  await using h = await startControllers([replicaSetController]);
  let isFull = true;
  h.server.intercept = (r) => {
    if (!isFull || r.method !== "POST" || !r.path.endsWith("/pods")) return undefined;
    return {
      status: 403,
      body: { kind: "Status", status: "Failure", reason: "Forbidden", message: "exceeded quota", code: 403 },
    };
  };
  await h.client.resource(replicaSets, "a").create(frontend(50));
  await h.settle();
  assert.ok(h.takeWrites().filter((w) => w.endsWith("/pods")).length < 10);
  const [condition] = (await readSet(h)).status.conditions ?? [];
  assert.deepEqual(
    [condition?.type, condition?.status, condition?.reason, condition?.message],
    ["ReplicaFailure", "True", "FailedCreate", "exceeded quota"],
  );
  isFull = false;
  await h.pass(60_000);
  assert.equal((await h.client.resource(pods, "a").list()).items.length, 50);
  assert.deepEqual((await readSet(h)).status.conditions ?? [], []);
});

test("a pod becomes available after minReadySeconds without any event", async () => {
  await using h = await startControllers([replicaSetController]);
  await h.client.resource(replicaSets, "a").create(frontend(1, { minReadySeconds: 10 }));
  await h.settle();
  await markReady(h);
  assert.equal((await readSet(h)).status.availableReplicas, undefined);
  await h.pass(9_000);
  assert.equal((await readSet(h)).status.availableReplicas, undefined);
  await h.pass(1_500);
  assert.equal((await readSet(h)).status.availableReplicas, 1);
});
