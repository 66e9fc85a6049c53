import assert from "node:assert/strict";
import { test } from "node:test";
import { pods, replicationControllers } from "../../api/resources.gen.ts";
import { startControllers } from "../../controller-runtime/testing/controller-harness.ts";
import { replicationController } from "./replication-controller.ts";

test("adopts, creates, releases and scales as a ReplicaSet does", async () => {
  await using h = await startControllers([replicationController]);
  const all = h.client.resource(pods, "a");
  await all.create({ metadata: { name: "orphan", labels: { app: "web" } }, spec: {}, status: {} });
  const sets = h.client.resource(replicationControllers, "a");
  await sets.create({
    metadata: { name: "web" },
    spec: {
      replicas: 2,
      selector: { app: "web" },
      template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image: "i" }] } },
    },
  });
  await h.settle();
  assert.equal((await all.list()).items.length, 2);
  assert.equal((await all.get("orphan")).metadata.ownerReferences?.[0]?.kind, "ReplicationController");
  const { status } = await sets.get("web");
  assert.deepEqual(status, { replicas: 2, fullyLabeledReplicas: 2, observedGeneration: 1 });
  await all.patch("orphan", "merge", { metadata: { labels: { app: "other" } } });
  await h.settle();
  assert.deepEqual((await all.get("orphan")).metadata.ownerReferences ?? [], []);
  assert.equal((await all.list()).items.length, 3);
  await sets.patch("web", "merge", { spec: { replicas: 0 } });
  await h.settle();
  assert.deepEqual(
    (await all.list()).items.map((p) => p.metadata.name),
    ["orphan"],
  );
});

test("a ReplicationController without a selector touches no pods", async () => {
  await using h = await startControllers([replicationController]);
  const all = h.client.resource(pods, "a");
  await all.create({ metadata: { name: "orphan" }, spec: {}, status: {} });
  await h.client.resource(replicationControllers, "a").create({ metadata: { name: "web" }, spec: { replicas: 0 } });
  await h.settle();
  assert.deepEqual((await all.get("orphan")).metadata.ownerReferences ?? [], []);
});
