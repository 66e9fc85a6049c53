import assert from "node:assert/strict";
import { test } from "node:test";
import type { Input } from "../../apimachinery/resource-type.ts";
import type { DaemonSet, DaemonSetSpec } from "../../api/apps/v1/types.gen.ts";
import type { Pod } from "../../api/core/v1/types.gen.ts";
import { controllerRevisions, daemonSets, nodes, pods } from "../../api/resources.gen.ts";
import { startControllers, type ControllerHarness } from "../../controller-runtime/testing/controller-harness.ts";
import { daemonSetController } from "./daemon-set-controller.ts";
import { targetNodeOf } from "./daemon-pods.ts";

const labels = { app: "agent" };
const template = (image: string) => ({ metadata: { labels }, spec: { containers: [{ name: "c", image }] } });

async function start(spec: Input<DaemonSetSpec> = {}, count = 3): Promise<ControllerHarness> {
  const h = await startControllers([daemonSetController]);
  for (let i = 0; i < count; i++) await h.client.resource(nodes).create({ metadata: { name: `n${i}` } });
  await h.client.resource(daemonSets, "a").create({
    metadata: { name: "agent" },
    spec: {
      selector: { matchLabels: labels },
      template: template("v1"),
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
      revisionHistoryLimit: 10,
      ...spec,
    },
  });
  await h.settle();
  return h;
}

const read = (h: ControllerHarness): Promise<DaemonSet> => h.client.resource(daemonSets, "a").get("agent");
const list = async (h: ControllerHarness): Promise<readonly Pod[]> => (await h.client.resource(pods, "a").list()).items;
const images = async (h: ControllerHarness): Promise<string> =>
  (await list(h))
    .map((p) => p.spec.containers[0]?.image)
    .sort((a = "", b = "") => (a < b ? -1 : 1))
    .join();

/** Plays scheduler and kubelet once for each pod. */
async function run(h: ControllerHarness): Promise<void> {
  const client = h.client.resource(pods, "a");
  for (const pod of await list(h)) {
    const { name, deletionTimestamp } = pod.metadata;
    if (deletionTimestamp) await client.delete(name, { gracePeriodSeconds: 0 });
    else if (pod.status.phase !== "Running") {
      await client.createSubresource(name, "binding", { target: { name: targetNodeOf(pod) } });
      const lastTransitionTime = new Date(h.clock.now()).toISOString();
      const conditions = [{ type: "Ready", status: "True", lastTransitionTime }];
      await client.updateStatus({ ...(await client.get(name)), status: { phase: "Running", conditions } });
    }
  }
  await h.settle();
}

const setImage = async (h: ControllerHarness, image: string): Promise<void> => {
  await h.client.resource(daemonSets, "a").patch("agent", "merge", { spec: { template: template(image) } });
  await h.settle();
};

test("one pod on every node it fits, also on one that comes later, tied to it by affinity", async () => {
  await using h = await start();
  assert.deepEqual(new Set((await list(h)).map(targetNodeOf)), new Set(["n0", "n1", "n2"]));
  await run(h);
  const { status } = await read(h);
  assert.deepEqual(
    [status.desiredNumberScheduled, status.currentNumberScheduled, status.numberReady, status.numberAvailable],
    [3, 3, 3, 3],
  );
  assert.deepEqual(
    [status.updatedNumberScheduled, status.numberUnavailable, status.observedGeneration],
    [3, undefined, 1],
  );
  await h.client.resource(nodes).create({ metadata: { name: "n3" } });
  await h.settle();
  assert.equal((await list(h)).length, 4);
  await h.client.resource(nodes).patch("n0", "merge", { spec: { taints: [{ key: "k", effect: "NoSchedule" }] } });
  await h.client.resource(nodes).patch("n1", "merge", { spec: { taints: [{ key: "k", effect: "NoExecute" }] } });
  await h.settle();
  await run(h);
  assert.deepEqual(new Set((await list(h)).map(targetNodeOf)), new Set(["n0", "n2", "n3"]));
  assert.deepEqual((await read(h)).status.numberMisscheduled, 1);
  h.takeWrites();
  await h.pass(3_600_000);
  assert.deepEqual(h.takeWrites(), []);
});

test("a node selector is followed when labels change", async () => {
  await using h = await start({
    template: { ...template("v1"), spec: { ...template("v1").spec, nodeSelector: { disk: "ssd" } } },
  });
  assert.equal((await list(h)).length, 0);
  await h.client.resource(nodes).patch("n1", "merge", { metadata: { labels: { disk: "ssd" } } });
  await h.settle();
  assert.deepEqual((await list(h)).map(targetNodeOf), ["n1"]);
  await h.client.resource(nodes).patch("n1", "merge", { metadata: { labels: { disk: "hdd" } } });
  await h.settle();
  assert.equal((await list(h)).length, 0);
});

test("rolls a change out one node at a time; a rollback keeps the pods that are still of the old revision", async () => {
  await using h = await start();
  await run(h);
  await setImage(h, "v2");
  const going = (await list(h)).filter((p) => p.metadata.deletionTimestamp);
  assert.equal(going.length, 1);
  await run(h);
  await run(h);
  assert.equal(await images(h), "v1,v1,v2");
  const kept = (await list(h)).filter((p) => p.spec.containers[0]?.image === "v1" && !p.metadata.deletionTimestamp);
  await setImage(h, "v1");
  for (let i = 0; i < 6; i++) await run(h);
  assert.equal(await images(h), "v1,v1,v1");
  const names = new Set((await list(h)).map((p) => p.metadata.name));
  assert.ok(kept.every((p) => names.has(p.metadata.name)));
  const revisions = (await h.client.resource(controllerRevisions, "a").list()).items;
  assert.deepEqual(new Set(revisions.map((r) => r.revision)), new Set([2, 3]));
  // Others compare the bytes with their own, which have sorted names.
  assert.equal(
    JSON.stringify(revisions.find((r) => r.revision === 3)?.data),
    '{"spec":{"template":{"$patch":"replace","metadata":{"labels":{"app":"agent"}},"spec":{"containers":[{"image":"v1","name":"c"}]}}}}',
  );
});

test("with a surge the new pod is there before the old one goes", async () => {
  await using h = await start({
    updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
  });
  await run(h);
  await setImage(h, "v2");
  assert.equal(await images(h), "v1,v1,v1,v2");
  assert.equal((await list(h)).filter((p) => p.metadata.deletionTimestamp).length, 0);
  for (let i = 0; i < 8; i++) await run(h);
  assert.equal(await images(h), "v2,v2,v2");
});

test("OnDelete replaces only what somebody deletes", async () => {
  await using h = await start({ updateStrategy: { type: "OnDelete" } });
  await run(h);
  await setImage(h, "v2");
  await h.pass(60_000);
  assert.equal(await images(h), "v1,v1,v1");
  assert.equal((await read(h)).status.updatedNumberScheduled, undefined);
  const [pod] = await list(h);
  await h.client.resource(pods, "a").delete(pod?.metadata.name ?? "", { gracePeriodSeconds: 0 });
  await h.settle();
  assert.equal(await images(h), "v1,v1,v2");
});

test("a failed pod is replaced at once, the next after a second, then two", async () => {
  await using h = await start({}, 1);
  const fail = async (): Promise<string> => {
    const [pod] = await list(h);
    assert.ok(pod);
    await h.client.resource(pods, "a").updateStatus({ ...pod, status: { phase: "Failed" } });
    await h.settle();
    return pod.metadata.uid;
  };
  const first = await fail();
  assert.notEqual((await list(h))[0]?.metadata.uid, first);
  const second = await fail();
  assert.equal((await list(h))[0]?.metadata.uid, second);
  await h.pass(1000);
  assert.notEqual((await list(h))[0]?.metadata.uid, second);
});

test("old revisions go beyond the limit", async () => {
  await using h = await start({ revisionHistoryLimit: 1 }, 1);
  for (const image of ["v2", "v3", "v4"]) {
    await setImage(h, image);
    for (let i = 0; i < 3; i++) await run(h);
  }
  assert.equal((await h.client.resource(controllerRevisions, "a").list()).items.length, 2);
});
