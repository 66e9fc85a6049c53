import assert from "node:assert/strict";
import { test } from "node:test";
import type { PersistentVolume, PersistentVolumeClaim } from "../../api/core/v1/types.gen.ts";
import { nodes, persistentVolumeClaims, persistentVolumes, pods, storageClasses } from "../../api/resources.gen.ts";
import { startControllers, type ControllerHarness } from "../../controller-runtime/testing/controller-harness.ts";
import { localPathProvisionerController } from "../local-path-provisioner/local-path-provisioner.ts";
import {
  claimProtectionController,
  volumeProtectionController,
} from "../volume-protection/volume-protection-controllers.ts";
import { persistentVolumeBinderController } from "./persistent-volume-binder.ts";

const volume = (storage: string, more: object = {}): Pick<PersistentVolume, "spec"> => ({
  spec: { capacity: { storage }, accessModes: ["ReadWriteOnce"], persistentVolumeReclaimPolicy: "Retain", ...more },
});

const claim = (storage: string, more: object = {}): Pick<PersistentVolumeClaim, "spec"> => ({
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage } }, ...more },
});

const start = (): Promise<ControllerHarness> =>
  startControllers(
    [
      persistentVolumeBinderController,
      localPathProvisionerController("/data/local"),
      claimProtectionController,
      volumeProtectionController,
    ],
    async (client) => {
      await client.resource(nodes).create({ metadata: { name: "n", labels: { "kubernetes.io/hostname": "host-n" } } });
    },
  );

test("a claim is bound to the smallest volume that satisfies it, and keeps it", async () => {
  await using h = await start();
  const volumes = h.client.resource(persistentVolumes);
  const claims = h.client.resource(persistentVolumeClaims, "a");
  await volumes.create({ metadata: { name: "big" }, ...volume("10Gi") });
  await volumes.create({ metadata: { name: "small" }, ...volume("2Gi", { local: { path: "/x" } }) });
  await volumes.create({ metadata: { name: "tiny" }, ...volume("1Mi") });
  await volumes.create({ metadata: { name: "other" }, ...volume("1Gi", { storageClassName: "other" }) });
  await h.settle();
  assert.equal((await volumes.get("big")).status.phase, "Available");
  await claims.create({ metadata: { name: "c" }, ...claim("1Gi") });
  await h.settle();
  const bound = await claims.get("c");
  assert.equal(bound.spec.volumeName, "small");
  assert.deepEqual(bound.status, { phase: "Bound", accessModes: ["ReadWriteOnce"], capacity: { storage: "2Gi" } });
  assert.deepEqual(bound.metadata.annotations, {
    "pv.kubernetes.io/bind-completed": "yes",
    "pv.kubernetes.io/bound-by-controller": "yes",
  });
  const small = await volumes.get("small");
  assert.equal(small.status.phase, "Bound");
  assert.equal(small.spec.claimRef?.uid, bound.metadata.uid);

  // In use it stays, though it is deleted; then its volume is released and retained.
  assert.ok(bound.metadata.finalizers?.includes("kubernetes.io/pvc-protection"));
  const spec = { nodeName: "n", containers: [], volumes: [{ name: "v", persistentVolumeClaim: { claimName: "c" } }] };
  await h.client.resource(pods, "a").create({ metadata: { name: "p" }, spec });
  await h.settle();
  await claims.delete("c");
  await h.settle();
  assert.ok((await claims.get("c")).metadata.deletionTimestamp);
  await h.client.resource(pods, "a").delete("p", { gracePeriodSeconds: 0 });
  await h.settle();
  assert.equal((await claims.list()).items.length, 0);
  assert.equal((await volumes.get("small")).status.phase, "Released");
  await h.pass(60_000);
  h.takeWrites();
  await h.pass(600_000);
  assert.deepEqual(h.takeWrites(), []);
});

test("two claims never get one volume; a claim that finds none waits for the next", async () => {
  await using h = await start();
  const claims = h.client.resource(persistentVolumeClaims, "a");
  await h.client.resource(persistentVolumes).create({ metadata: { name: "v1" }, ...volume("1Gi") });
  for (const name of ["c", "d"]) await claims.create({ metadata: { name }, ...claim("1Gi", { storageClassName: "" }) });
  await h.settle();
  const phases = async (): Promise<unknown> =>
    (await claims.list()).items.map(({ status, spec }) => `${spec.volumeName ?? ""} ${status.phase}`).sort();
  assert.deepEqual(await phases(), [" Pending", "v1 Bound"]);
  await h.client.resource(persistentVolumes).create({ metadata: { name: "v2" }, ...volume("1Gi") });
  await h.settle();
  assert.deepEqual(await phases(), ["v1 Bound", "v2 Bound"]);
});

test("local-path waits for the first consumer, provisions on its node, and deletes with the claim", async () => {
  await using h = await start();
  const claims = h.client.resource(persistentVolumeClaims, "a");
  const [storageClass] = (await h.client.resource(storageClasses).list()).items;
  assert.equal(storageClass?.metadata.annotations?.["storageclass.kubernetes.io/is-default-class"], "true");
  await claims.create({ metadata: { name: "c" }, ...claim("1Gi", { storageClassName: "local-path" }) });
  await h.pass(5000);
  assert.equal((await claims.get("c")).status.phase, "Pending");
  assert.equal((await h.client.resource(persistentVolumes).list()).items.length, 0);
  const spec = { nodeName: "n", containers: [], volumes: [{ name: "v", persistentVolumeClaim: { claimName: "c" } }] };
  await h.client.resource(pods, "a").create({ metadata: { name: "p" }, spec });
  await h.settle();
  const bound = await claims.get("c");
  assert.equal(bound.status.phase, "Bound");
  const [made] = (await h.client.resource(persistentVolumes).list()).items;
  assert.equal(made?.metadata.name, `pvc-${bound.metadata.uid}`);
  assert.deepEqual(made?.spec.hostPath, {
    path: `/data/local/pvc-${bound.metadata.uid}_a_c`,
    type: "DirectoryOrCreate",
  });
  assert.deepEqual(made?.spec.nodeAffinity?.required?.nodeSelectorTerms, [
    { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: ["host-n"] }] },
  ]);
  await h.client.resource(pods, "a").delete("p", { gracePeriodSeconds: 0 });
  await claims.delete("c");
  await h.settle();
  assert.equal((await h.client.resource(persistentVolumes).list()).items.length, 0);
});

test("a claim that names no class gets the default class when there is one; the empty class is a choice", async () => {
  await using h = await start();
  const classes = h.client.resource(storageClasses);
  const claims = h.client.resource(persistentVolumeClaims, "a");
  await classes.delete("local-path");
  await h.settle();
  await claims.create({ metadata: { name: "open" }, ...claim("1Gi") });
  await claims.create({ metadata: { name: "none" }, ...claim("1Gi", { storageClassName: "" }) });
  await h.settle();
  assert.equal((await claims.get("open")).spec.storageClassName, undefined);
  await classes.create({
    metadata: { name: "late", annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
    provisioner: "example.com/p",
  });
  await h.settle();
  const open = await claims.get("open");
  assert.equal(open.spec.storageClassName, "late");
  assert.equal(open.metadata.annotations?.["volume.kubernetes.io/storage-provisioner"], "example.com/p");
  assert.equal((await claims.get("none")).spec.storageClassName, "");
});
