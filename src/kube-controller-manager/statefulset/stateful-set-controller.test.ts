import assert from "node:assert/strict";
import { test } from "node:test";
import type { Input } from "../../apimachinery/resource-type.ts";
import type { StatefulSet, StatefulSetSpec } from "../../api/apps/v1/types.gen.ts";
import type { Pod } from "../../api/core/v1/types.gen.ts";
import { events, persistentVolumeClaims, pods, statefulSets } from "../../api/resources.gen.ts";
import { startControllers, type ControllerHarness } from "../../controller-runtime/testing/controller-harness.ts";
import { statefulSetController } from "./stateful-set-controller.ts";

const labels = { app: "web" };
const template = (image: string) => ({ metadata: { labels }, spec: { containers: [{ name: "c", image }] } });

async function start(spec: Input<StatefulSetSpec> = {}): Promise<ControllerHarness> {
  const h = await startControllers([statefulSetController]);
  await h.client.resource(statefulSets, "a").create({
    metadata: { name: "web" },
    spec: {
      replicas: 3,
      serviceName: "peers",
      selector: { matchLabels: labels },
      template: template("v1"),
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0 } },
      ...spec,
    },
  });
  await h.settle();
  return h;
}

const read = (h: ControllerHarness): Promise<StatefulSet> => h.client.resource(statefulSets, "a").get("web");
const list = async (h: ControllerHarness): Promise<readonly Pod[]> => (await h.client.resource(pods, "a").list()).items;
const names = async (h: ControllerHarness): Promise<string> =>
  [...new Set((await list(h)).map((p) => p.metadata.name))].toSorted((a, b) => (a < b ? -1 : 1)).join();
const images = async (h: ControllerHarness): Promise<string> =>
  (await list(h))
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .map((p) => p.spec.containers[0]?.image)
    .join();

/** Plays scheduler and kubelet once for each pod. */
async function run(h: ControllerHarness, times = 1): Promise<void> {
  const client = h.client.resource(pods, "a");
  for (let i = 0; i < times; i++) {
    for (const pod of await list(h)) {
      const { name, deletionTimestamp } = pod.metadata;
      if (deletionTimestamp) await client.delete(name, { gracePeriodSeconds: 0 });
      else if (pod.status.phase !== "Running") {
        await client.createSubresource(name, "binding", { target: { name: "n" } });
        const lastTransitionTime = new Date(h.clock.now()).toISOString();
        const conditions = [{ type: "Ready", status: "True", lastTransitionTime }];
        await client.updateStatus({ ...(await client.get(name)), status: { phase: "Running", conditions } });
      }
    }
    await h.settle();
  }
}

const patch = async (h: ControllerHarness, spec: object): Promise<void> => {
  await h.client.resource(statefulSets, "a").patch("web", "merge", { spec });
  await h.settle();
};

test("pods come up one after the other with names, labels and hostnames, and go down from the highest", async () => {
  await using h = await start();
  assert.equal(await names(h), "web-0");
  await run(h);
  assert.equal(await names(h), "web-0,web-1");
  await run(h, 2);
  assert.equal(await names(h), "web-0,web-1,web-2");
  const { metadata, spec } = await h.client.resource(pods, "a").get("web-1");
  assert.deepEqual([spec.hostname, spec.subdomain], ["web-1", "peers"]);
  const { status } = await read(h);
  assert.deepEqual(metadata.labels, {
    app: "web",
    "statefulset.kubernetes.io/pod-name": "web-1",
    "apps.kubernetes.io/pod-index": "1",
    "controller-revision-hash": status.updateRevision,
  });
  assert.deepEqual(
    [status.replicas, status.readyReplicas, status.availableReplicas, status.currentReplicas, status.updatedReplicas],
    [3, 3, 3, 3, 3],
  );
  assert.equal(status.currentRevision, status.updateRevision);
  const told = (await h.client.resource(events).list()).items.map((e) => e.message);
  assert.ok(told.includes("create Pod web-0 in StatefulSet web successful"));
  await patch(h, { replicas: 1 });
  assert.deepEqual(
    (await list(h)).filter((p) => p.metadata.deletionTimestamp).map((p) => p.metadata.name),
    ["web-2"],
  );
  await run(h, 2);
  assert.equal(await names(h), "web-0");
  h.takeWrites();
  await h.pass(3_600_000);
  assert.deepEqual(h.takeWrites(), []);
});

test("in parallel all pods come and go at once", async () => {
  await using h = await start({ podManagementPolicy: "Parallel", ordinals: { start: 5 } });
  assert.equal(await names(h), "web-5,web-6,web-7");
  await patch(h, { replicas: 0 });
  assert.equal(await names(h), "");
});

test("rolls out from the highest ordinal down to the partition; a rollback needs no restart of the others", async () => {
  await using h = await start();
  await run(h, 3);
  await patch(h, { template: template("v2"), updateStrategy: { rollingUpdate: { partition: 1 } } });
  await run(h, 8);
  assert.equal(await images(h), "v1,v2,v2");
  const { status } = await read(h);
  assert.notEqual(status.currentRevision, status.updateRevision);
  assert.deepEqual([status.currentReplicas, status.updatedReplicas], [1, 2]);
  // Below the partition a lost pod comes back as it was.
  await h.client.resource(pods, "a").delete("web-0", { gracePeriodSeconds: 0 });
  await h.settle();
  assert.equal(await images(h), "v1,v2,v2");
  await run(h, 1);
  const kept = await h.client.resource(pods, "a").get("web-0");
  await patch(h, { template: template("v1"), updateStrategy: { rollingUpdate: { partition: 0 } } });
  await run(h, 8);
  assert.equal(await images(h), "v1,v1,v1");
  assert.equal((await h.client.resource(pods, "a").get("web-0")).metadata.uid, kept.metadata.uid);
  const end = (await read(h)).status;
  assert.equal(end.currentRevision, end.updateRevision);
});

test("failed and ended pods are made anew under their name", async () => {
  await using h = await start({ replicas: 1 });
  const client = h.client.resource(pods, "a");
  const before = await client.get("web-0");
  await client.updateStatus({ ...before, status: { phase: "Failed", reason: "Evicted" } });
  await h.settle();
  assert.notEqual((await client.get("web-0")).metadata.uid, before.metadata.uid);
  const told = (await h.client.resource(events).list()).items.map((e) => e.message);
  assert.ok(told.includes("StatefulSet a/web is recreating failed Pod web-0"));
});

test("minReadySeconds holds the next pod back", async () => {
  await using h = await start({ replicas: 2, minReadySeconds: 10 });
  await run(h);
  assert.equal(await names(h), "web-0");
  assert.equal((await read(h)).status.availableReplicas, 0);
  await h.pass(11_000);
  assert.equal(await names(h), "web-0,web-1");
  assert.equal((await read(h)).status.availableReplicas, 1);
});

test("each pod has its claims, which stay or go by the retention policy", async () => {
  const volumeClaimTemplates = [{ metadata: { name: "data" }, spec: { accessModes: ["ReadWriteOnce" as const] } }];
  await using h = await start({
    replicas: 2,
    podManagementPolicy: "Parallel",
    volumeClaimTemplates,
    persistentVolumeClaimRetentionPolicy: { whenDeleted: "Delete", whenScaled: "Delete" },
  });
  await run(h, 2);
  const claims = h.client.resource(persistentVolumeClaims, "a");
  const claim = await claims.get("data-web-1");
  assert.deepEqual(claim.metadata.labels, labels);
  assert.deepEqual(
    claim.metadata.ownerReferences?.map((r) => r.kind),
    ["StatefulSet"],
  );
  const pod = await h.client.resource(pods, "a").get("web-1");
  assert.deepEqual(pod.spec.volumes?.[0]?.persistentVolumeClaim, { claimName: "data-web-1" });
  await patch(h, { replicas: 1 });
  const refs = (await claims.get("data-web-1")).metadata.ownerReferences;
  assert.deepEqual(
    refs?.map((r) => [r.kind, r.uid]),
    [["Pod", pod.metadata.uid]],
  );
  await run(h);
  // The claim still belongs to the pod that is gone: its successor waits until both are.
  await patch(h, { replicas: 2 });
  assert.equal(await names(h), "web-0");
  await claims.delete("data-web-1");
  await h.settle();
  assert.equal(await names(h), "web-0,web-1");
});
