import assert from "node:assert/strict";
import { test } from "node:test";

import type { PersistentVolumeClaim } from "../../api/core/v1/types.gen.ts";
import {
  csiNodes,
  csiStorageCapacities,
  events,
  persistentVolumeClaims,
  persistentVolumes,
  storageClasses,
  volumeAttachments,
} from "../../api/resources.gen.ts";
import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import { MemoryFileSystem } from "../../component-base/testing/memory-file-system.ts";
import { SteppingClock } from "../../component-base/stepping-clock.ts";
import { startControllers, type ControllerHarness } from "../../controller-runtime/testing/controller-harness.ts";
import { HostpathDriver, hostpathDriverName, hostpathTopologyKey } from "../hostpath/hostpath-driver.ts";
import { CsiError } from "../v1/csi-error.ts";
import { capacityPublisher } from "./capacity-publisher.ts";
import type { DriverDeployment } from "./driver-deployment.ts";
import { externalAttacher } from "./external-attacher.ts";
import { externalProvisioner } from "./external-provisioner.ts";
import { externalResizer } from "./external-resizer.ts";

const className = "csi-hostpath";
const mebibyte = 1 << 20;

function createDriver(nodeId: string): HostpathDriver {
  const mounted = new Set<string>();
  return new HostpathDriver({
    nodeId,
    directory: `/${nodeId}`,
    capacityBytes: 10 * mebibyte,
    maxVolumeBytes: 5 * mebibyte,
    maxVolumes: 0,
    isAttachable: true,
    fileSystem: new MemoryFileSystem({ clock: new SteppingClock() }),
    mounter: {
      bind: async (_, target) => void mounted.add(target),
      unmount: async (path) => void mounted.delete(path),
      isMounted: async (path) => mounted.has(path),
    },
    usage: async () => [],
  });
}

function deploymentOf(nodeName: string, driver = createDriver(nodeName)): DriverDeployment {
  const node = { name: nodeName, topology: { segments: { [hostpathTopologyKey]: nodeName } } };
  return { driver, name: hostpathDriverName, canPublish: true, canExpand: true, node };
}

async function start(...deployments: readonly DriverDeployment[]): Promise<ControllerHarness> {
  const sidecars = [externalProvisioner, externalAttacher, externalResizer, capacityPublisher];
  const named = deployments.flatMap((deployment, i) =>
    sidecars.map((sidecar) => ({ ...sidecar(deployment), name: `${sidecar(deployment).name}-${i}` })),
  );
  return startControllers(named, async (client) => {
    const reclaimPolicy = "Delete";
    const provisioner = hostpathDriverName;
    await client.resource(storageClasses).create({ metadata: { name: className }, provisioner, reclaimPolicy });
    for (const { node } of deployments) {
      const name = node?.name ?? "";
      const drivers = [{ name: provisioner, nodeID: name, topologyKeys: [hostpathTopologyKey] }];
      await client.resource(csiNodes).create({ metadata: { name }, spec: { drivers } });
    }
  });
}

async function createClaim(h: ControllerHarness, storage: string, node?: string): Promise<PersistentVolumeClaim> {
  const annotations = {
    "volume.kubernetes.io/storage-provisioner": hostpathDriverName,
    ...(node === undefined ? {} : { "volume.kubernetes.io/selected-node": node }),
  };
  const claim = await h.client.resource(persistentVolumeClaims, "a").create({
    metadata: { name: "c", annotations },
    spec: { accessModes: ["ReadWriteOnce"], storageClassName: className, resources: { requests: { storage } } },
  });
  await h.settle();
  return claim;
}

const volumeOf = (h: ControllerHarness, { metadata: { uid } }: PersistentVolumeClaim) =>
  h.client.resource(persistentVolumes).get(`pvc-${uid}`);

async function bind(h: ControllerHarness, claim: PersistentVolumeClaim): Promise<PersistentVolumeClaim> {
  const claims = h.client.resource(persistentVolumeClaims, "a");
  const volumeName = `pvc-${claim.metadata.uid}`;
  const bound = await claims.update({ ...(await claims.get("c")), spec: { ...claim.spec, volumeName } });
  const storage = claim.spec.resources.requests?.["storage"] ?? "";
  const made = await claims.updateStatus({ ...bound, status: { phase: "Bound", capacity: { storage } } });
  await h.settle();
  return made;
}

async function request(h: ControllerHarness, storage: string): Promise<PersistentVolumeClaim["status"]> {
  const claims = h.client.resource(persistentVolumeClaims, "a");
  await claims.patch("c", "merge", { spec: { resources: { requests: { storage } } } });
  await h.settle();
  return (await claims.get("c")).status;
}

const told = async (h: ControllerHarness): Promise<readonly string[]> =>
  (await h.client.resource(events, "a").list()).items.map(({ reason }) => reason ?? "");

test("a claim's volume is made on the selected node only, and its data goes with it", async () => {
  const [here, there] = [deploymentOf("n1"), deploymentOf("n2")];
  await using h = await start(here, there);
  const claim = await createClaim(h, "1Mi", "n2");
  const volume = await volumeOf(h, claim);
  assert.equal(volume.spec.csi?.driver, hostpathDriverName);
  assert.equal(volume.spec.capacity?.["storage"], "1Mi");
  assert.deepEqual(volume.spec.nodeAffinity?.required?.nodeSelectorTerms, [
    { matchExpressions: [{ key: hostpathTopologyKey, operator: "In", values: ["n2"] }] },
  ]);
  const free = async ({ driver }: DriverDeployment): Promise<number> =>
    (await driver.getCapacity({ volumeCapabilities: [], parameters: {} })).availableCapacity / mebibyte;
  assert.deepEqual([await free(here), await free(there)], [10, 9]);
  await h.client.resource(persistentVolumes).updateStatus({ ...volume, status: { phase: "Released" } });
  await h.settle();
  assert.deepEqual([await free(here), await free(there)], [10, 10]);
  await assert.rejects(volumeOf(h, claim), (error) => isNotFound(error));
});

test("of several drivers that make a volume for a claim without a node, the later ones undo theirs", async () => {
  const deployments = [deploymentOf("n1"), deploymentOf("n2")];
  await using h = await start(...deployments);
  await createClaim(h, "1Mi");
  const free = await Promise.all(
    deployments.map(({ driver }) => driver.getCapacity({ volumeCapabilities: [], parameters: {} })),
  );
  assert.deepEqual(
    free.map(({ availableCapacity }) => availableCapacity / mebibyte).toSorted((a, b) => a - b),
    [9, 10],
  );
});

test("what the driver refuses is told to the claim, and tried again", async () => {
  await using h = await start(deploymentOf("n1"));
  await createClaim(h, "6Mi", "n1");
  const [event] = (await h.client.resource(events, "a").list()).items.filter((e) => e.reason === "ProvisioningFailed");
  assert.match(event?.message ?? "", /rpc error: code = OutOfRange desc = Requested capacity 6291456 exceeds/);
});

test("an attachment is carried out and undone under a finalizer; its failure is its status", async () => {
  await using h = await start(deploymentOf("n1"));
  const claim = await createClaim(h, "1Mi", "n1");
  const attachments = h.client.resource(volumeAttachments);
  const source = { persistentVolumeName: `pvc-${claim.metadata.uid}` };
  const spec = { attacher: hostpathDriverName, nodeName: "n1", source };
  await attachments.create({ metadata: { name: "good" }, spec });
  await attachments.create({ metadata: { name: "bad" }, spec: { ...spec, source: { persistentVolumeName: "none" } } });
  await attachments.create({ metadata: { name: "other" }, spec: { ...spec, nodeName: "n9" } });
  await h.settle();
  const good = await attachments.get("good");
  assert.equal(good.status.attached, true);
  assert.deepEqual(good.metadata.finalizers, ["external-attacher/hostpath-csi-k8s-io"]);
  const bad = await attachments.get("bad");
  assert.deepEqual(
    [bad.status.attached, bad.status.attachError?.message],
    [false, "PersistentVolume of bad not found"],
  );
  assert.equal((await attachments.get("other")).status?.attached ?? false, false);
  await attachments.delete("good");
  await h.settle();
  await assert.rejects(attachments.get("good"), (error) => isNotFound(error));
});

test("a larger request makes the volume larger and leaves the file system to the node", async () => {
  await using h = await start(deploymentOf("n1"));
  const claim = await bind(h, await createClaim(h, "1Mi", "n1"));
  const status = await request(h, "2Mi");
  assert.equal((await volumeOf(h, claim)).spec.capacity?.["storage"], "2Mi");
  assert.equal(status.allocatedResources?.["storage"], "2Mi");
  assert.equal(status.allocatedResourceStatuses?.["storage"], "NodeResizePending");
  assert.deepEqual(
    status.conditions?.map(({ type }) => type),
    ["FileSystemResizePending"],
  );
  assert.equal(status.capacity?.["storage"], "1Mi");
  assert.ok((await told(h)).includes("FileSystemResizeRequired"));
});

test("a request that cannot be had stops, and a smaller one is made instead", async () => {
  await using h = await start(deploymentOf("n1"));
  await bind(h, await createClaim(h, "1Mi", "n1"));
  const failed = await request(h, "6Mi");
  assert.equal(failed.allocatedResourceStatuses?.["storage"], "ControllerResizeInfeasible");
  assert.deepEqual(
    failed.conditions?.map(({ type }) => type),
    ["ControllerResizeError"],
  );
  const writes = h.takeWrites();
  await h.pass(600_000);
  assert.deepEqual(
    h.takeWrites().filter((write) => write.includes("persistentvolumeclaims")),
    [],
    writes.join(),
  );
  const recovered = await request(h, "2Mi");
  assert.equal(recovered.allocatedResourceStatuses?.["storage"], "NodeResizePending");
  assert.equal(recovered.allocatedResources?.["storage"], "2Mi");
});

test("a size that may be under way at the driver is finished, though the claim asks for less by now", async () => {
  const driver = createDriver("n1");
  let isAway = true;
  const expand = driver.controllerExpandVolume.bind(driver);
  driver.controllerExpandVolume = async (wanted) => {
    if (isAway) throw new CsiError("deadlineExceeded", "no answer");
    return expand(wanted);
  };
  await using h = await start(deploymentOf("n1", driver));
  await bind(h, await createClaim(h, "1Mi", "n1"));
  assert.equal((await request(h, "4Mi")).allocatedResourceStatuses?.["storage"], "ControllerResizeInProgress");
  await request(h, "2Mi");
  isAway = false;
  await h.pass(600_000);
  const { status } = await h.client.resource(persistentVolumeClaims, "a").get("c");
  assert.equal(status.allocatedResources?.["storage"], "4Mi");
  assert.equal(status.allocatedResourceStatuses?.["storage"], "NodeResizePending");
});

test("the room of each node is published for each class, and follows", async () => {
  await using h = await start(deploymentOf("n1"));
  const room = async (): Promise<unknown> =>
    (await h.client.resource(csiStorageCapacities, "kube-system").list()).items.map((c) => [
      c.storageClassName,
      c.nodeTopology?.matchLabels,
      c.capacity,
      c.maximumVolumeSize,
    ]);
  const topology = { [hostpathTopologyKey]: "n1" };
  assert.deepEqual(await room(), [[className, topology, "10Mi", "5Mi"]]);
  await createClaim(h, "4Mi", "n1");
  await h.pass(60_000);
  assert.deepEqual(await room(), [[className, topology, "6Mi", "5Mi"]]);
  await h.client.resource(storageClasses).delete(className);
  await h.settle();
  assert.deepEqual(await room(), []);
});
