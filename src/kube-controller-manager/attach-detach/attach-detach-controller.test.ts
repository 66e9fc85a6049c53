import assert from "node:assert/strict";
import { test } from "node:test";

import type { Node } from "../../api/core/v1/types.gen.ts";
import {
  csiDrivers,
  events,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  volumeAttachments,
} from "../../api/resources.gen.ts";
import type { ApiClient } from "../../client/rest/api-client.ts";
import { startControllers, type ControllerHarness } from "../../controller-runtime/testing/controller-harness.ts";
import { attachmentName, uniqueVolumeName } from "../../component-helpers/storage/csi-volumes.ts";
import { attachDetachController } from "./attach-detach-controller.ts";

const driver = "disk.example.com";
const unique = uniqueVolumeName(driver, "handle-1");

async function arrange(client: ApiClient): Promise<void> {
  for (const name of ["n1", "n2"]) {
    const annotations = { "volumes.kubernetes.io/controller-managed-attach-detach": "true" };
    const conditions = [{ type: "Ready", status: "True" }];
    await client.resource(nodes).create({ metadata: { name, annotations }, spec: {}, status: { conditions } });
  }
  const claim = await client.resource(persistentVolumeClaims, "a").create({
    metadata: { name: "data" },
    spec: { volumeName: "pv1", resources: {} },
    status: { phase: "Bound" },
  });
  await client.resource(persistentVolumes).create({
    metadata: { name: "pv1" },
    spec: {
      accessModes: ["ReadWriteOnce"],
      claimRef: { namespace: "a", name: "data", uid: claim.metadata.uid },
      csi: { driver, volumeHandle: "handle-1" },
    },
    status: { phase: "Bound" },
  });
}

async function createPod(h: ControllerHarness, name: string, nodeName: string): Promise<void> {
  await h.client.resource(pods, "a").create({
    metadata: { name },
    spec: {
      nodeName,
      containers: [{ name: "c" }],
      volumes: [{ name: "v", persistentVolumeClaim: { claimName: "data" } }],
    },
    status: { phase: "Running" },
  });
}

const attachments = async (h: ControllerHarness): Promise<readonly string[]> =>
  (await h.client.resource(volumeAttachments).list()).items.map(({ spec }) => spec.nodeName);

const told = async (h: ControllerHarness): Promise<readonly string[]> =>
  (await h.client.resource(events, "a").list()).items.map(({ reason, message }) => `${reason} ${message}`);

async function attach(h: ControllerHarness, nodeName: string): Promise<void> {
  const name = attachmentName("handle-1", driver, nodeName);
  const found = await h.client.resource(volumeAttachments).get(name);
  await h.client.resource(volumeAttachments).updateStatus({ ...found, status: { attached: true } });
  await h.settle();
}

async function setInUse(h: ControllerHarness, nodeName: string, isInUse: boolean): Promise<void> {
  const status = { volumesInUse: isInUse ? [unique] : null };
  await h.client.resource(nodes).patch(nodeName, "merge", { status }, { subresource: "status" });
  await h.settle();
}

const node = (h: ControllerHarness, name: string): Promise<Node> => h.client.resource(nodes).get(name);

test("a pod's volume is attached to its node, told, and detached once the node has let go of it", async () => {
  await using h = await startControllers([attachDetachController], arrange);
  await createPod(h, "p", "n1");
  await h.settle();
  assert.deepEqual(await attachments(h), ["n1"]);
  await attach(h, "n1");
  assert.deepEqual((await node(h, "n1")).status?.volumesAttached, [{ name: unique, devicePath: "" }]);
  assert.deepEqual(await told(h), ['SuccessfulAttachVolume AttachVolume.Attach succeeded for volume "pv1" ']);
  await setInUse(h, "n1", true);
  await h.client.resource(pods, "a").delete("p", { gracePeriodSeconds: 0 });
  await h.settle();
  assert.deepEqual(await attachments(h), ["n1"]);
  await setInUse(h, "n1", false);
  assert.deepEqual(await attachments(h), []);
  assert.equal((await node(h, "n1")).status?.volumesAttached, undefined);
});

test("a volume for one node waits, and says so once, while it is attached to another", async () => {
  await using h = await startControllers([attachDetachController], arrange);
  await createPod(h, "first", "n1");
  await h.settle();
  await attach(h, "n1");
  await setInUse(h, "n1", true);
  await createPod(h, "second", "n2");
  await h.pass(60_000);
  const multi = (await told(h)).filter((text) => text.includes("Multi-Attach"));
  assert.deepEqual(multi, [
    'FailedAttachVolume Multi-Attach error for volume "pv1" Volume is already used by pod(s) first',
  ]);
  await h.client.resource(pods, "a").delete("first", { gracePeriodSeconds: 0 });
  await setInUse(h, "n1", false);
  assert.deepEqual(await attachments(h), ["n2"]);
});

test("a node that is not ready has six minutes to let go, one out of service none; a ready one is waited for", async () => {
  await using h = await startControllers([attachDetachController], arrange);
  await createPod(h, "p", "n1");
  await h.settle();
  await attach(h, "n1");
  await setInUse(h, "n1", true);
  await h.client.resource(pods, "a").delete("p", { gracePeriodSeconds: 0 });
  await h.pass(7 * 60_000);
  assert.deepEqual(await attachments(h), ["n1"]);
  const conditions = [{ type: "Ready", status: "Unknown" }];
  await h.client.resource(nodes).patch("n1", "merge", { status: { conditions } }, { subresource: "status" });
  await h.pass(6 * 60_000);
  assert.deepEqual(await attachments(h), []);

  await createPod(h, "q", "n2");
  await h.settle();
  await attach(h, "n2");
  await setInUse(h, "n2", true);
  await h.client.resource(pods, "a").delete("q", { gracePeriodSeconds: 0 });
  const taints = [{ key: "node.kubernetes.io/out-of-service", effect: "NoExecute" }];
  await h.client.resource(nodes).patch("n2", "merge", { spec: { taints } });
  await h.settle();
  assert.deepEqual(await attachments(h), []);
});

test("volumes of drivers that attach nothing, and of pods that have ended, get no attachment", async () => {
  await using h = await startControllers([attachDetachController], async (client) => {
    await arrange(client);
    await client.resource(csiDrivers).create({ metadata: { name: driver }, spec: { attachRequired: false } });
  });
  await createPod(h, "p", "n1");
  await h.settle();
  assert.deepEqual(await attachments(h), []);
});

test("an attachment that somebody made by hand is left alone", async () => {
  await using h = await startControllers([attachDetachController], arrange);
  const source = { persistentVolumeName: "pv1" };
  await h.client
    .resource(volumeAttachments)
    .create({ metadata: { name: "by-hand" }, spec: { attacher: driver, nodeName: "n1", source } });
  await h.client
    .resource(volumeAttachments)
    .create({ metadata: { name: "of-nothing" }, spec: { attacher: driver, nodeName: "gone", source: {} } });
  await h.pass(600_000);
  assert.deepEqual((await attachments(h)).toSorted(), ["gone", "n1"]);
});

test("the attacher's error is told to the pod", async () => {
  await using h = await startControllers([attachDetachController], arrange);
  await createPod(h, "p", "n1");
  await h.settle();
  const [found] = (await h.client.resource(volumeAttachments).list()).items;
  assert.ok(found);
  const attachError = { message: "no such disk" };
  await h.client.resource(volumeAttachments).updateStatus({ ...found, status: { attached: false, attachError } });
  await h.settle();
  assert.deepEqual(await told(h), ['FailedAttachVolume AttachVolume.Attach failed for volume "pv1" : no such disk']);
});
