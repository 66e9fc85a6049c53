import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "../../api/core/v1/types.gen.ts";
import { events, persistentVolumeClaims, pods } from "../../api/resources.gen.ts";
import type { Input } from "../../apimachinery/resource-type.ts";
import { startControllers, type ControllerHarness } from "../../controller-runtime/testing/controller-harness.ts";
import { claimProtectionController } from "../volume-protection/volume-protection-controllers.ts";
import { ephemeralVolumeController } from "./ephemeral-volume-controller.ts";

const spec = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } } as const;

function podWithScratch(name: string): Input<Pod> {
  const volumeClaimTemplate = { metadata: { labels: { use: "scratch" }, annotations: { note: "x" } }, spec };
  return {
    metadata: { name },
    spec: { containers: [{ name: "c" }], volumes: [{ name: "scratch", ephemeral: { volumeClaimTemplate } }] },
  };
}

const claims = (h: ControllerHarness) => h.client.resource(persistentVolumeClaims, "a");

test("a pod's ephemeral volume gets a claim by its template, owned by the pod, and again when that is deleted", async () => {
  await using h = await startControllers([ephemeralVolumeController]);
  const pod = await h.client.resource(pods, "a").create(podWithScratch("p"));
  await h.settle();
  const claim = await claims(h).get("p-scratch");
  assert.deepEqual([claim.metadata.labels, claim.metadata.annotations], [{ use: "scratch" }, { note: "x" }]);
  assert.deepEqual(claim.spec, spec);
  const owner = { apiVersion: "v1", kind: "Pod", name: "p", uid: pod.metadata.uid };
  assert.deepEqual(claim.metadata.ownerReferences, [{ ...owner, controller: true, blockOwnerDeletion: true }]);
  await claims(h).delete("p-scratch");
  await h.settle();
  const again = await claims(h).get("p-scratch");
  assert.notEqual(again.metadata.uid, claim.metadata.uid);
});

test("a pod deleted in the foreground waits for its claim, which does not wait for the pod", async () => {
  await using h = await startControllers([ephemeralVolumeController, claimProtectionController]);
  const { spec: podSpec, ...pod } = podWithScratch("p");
  const client = h.client.resource(pods, "a");
  const finalizers = ["foregroundDeletion"];
  await client.create({ ...pod, metadata: { name: "p", finalizers }, spec: { ...podSpec, nodeName: "n" } });
  await h.settle();
  await claims(h).delete("p-scratch");
  await h.settle();
  assert.ok((await claims(h).get("p-scratch")).metadata.deletionTimestamp);
  // What the server makes of the kubelet's last deletion.
  await client.delete("p", { gracePeriodSeconds: 0 });
  const { metadata, ...rest } = await client.get("p");
  await client.update({ ...rest, metadata: { ...metadata, deletionGracePeriodSeconds: 0 } });
  await h.settle();
  assert.deepEqual((await claims(h).list()).items, []);
});

test("a claim of the name that is not the pod's is left alone, and the pod's events say so", async () => {
  await using h = await startControllers([ephemeralVolumeController]);
  await claims(h).create({ metadata: { name: "p-scratch" }, spec });
  await h.client.resource(pods, "a").create(podWithScratch("p"));
  await h.settle();
  const told = (await h.client.resource(events, "a").list()).items;
  assert.equal(told[0]?.reason, "FailedBinding");
  assert.equal(
    told[0]?.message,
    "ephemeral volume scratch: PVC a/p-scratch was not created for pod a/p (pod is not owner)",
  );
  assert.equal((await claims(h).get("p-scratch")).metadata.ownerReferences, undefined);
});
