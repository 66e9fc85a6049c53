import assert from "node:assert/strict";
import { test } from "node:test";
import { persistentVolumeClaims, persistentVolumes } from "../api/resources.gen.ts";
import type { FileInfo } from "../component-base/file-system.ts";
import type { ContainerConfig } from "../cri-api/runtime/v1/types.ts";
import { KubeletHarness } from "./testing/kubelet-harness.ts";

test("a claim's directory is made and mounted once the claim is bound, and removed once its volume is gone", async () => {
  const started: ContainerConfig[] = [];
  await using harness = await KubeletHarness.start({
    config: { localPathDirectory: "/data" },
    runtime: {
      script: (c) => {
        started.push(c);
        return {};
      },
    },
  });
  const claims = harness.client.resource(persistentVolumeClaims, "default");
  const volumes = harness.client.resource(persistentVolumes);
  const pod = await harness.createPod("p", {
    volumes: [{ name: "data", persistentVolumeClaim: { claimName: "c" } }],
    containers: [{ name: "main", image: "nginx:1", volumeMounts: [{ name: "data", mountPath: "/data" }] }],
  });
  await harness.pass(1000);
  assert.equal(started.length, 0);
  const name = "pvc-00000000-0000-0000-0000-000000000001";
  const claim = await claims.create({ metadata: { name: "c" }, spec: { volumeName: name } });
  await claims.updateStatus({ ...claim, status: { phase: "Bound" } });
  await volumes.create({
    metadata: { name },
    spec: {
      claimRef: { namespace: "default", name: "c", uid: claim.metadata.uid },
      hostPath: { path: `/data/${name}_default_c`, type: "DirectoryOrCreate" },
    },
  });
  await harness.untilPhase("p", "Running");
  const path = `/var/lib/kubelet/pods/${pod.metadata.uid}/volumes/kubernetes.io~local-volume/data`;
  assert.ok(await harness.ports.mounter.isMounted(path));
  assert.deepEqual(
    started[0]?.mounts.filter((m) => m.containerPath === "/data").map((m) => [m.hostPath, m.readonly]),
    [[path, false]],
  );
  assert.equal((await harness.fileSystem.stat(`/data/${name}_default_c`))?.mode, 0o777);
  await harness.fileSystem.makeDirectory("/data/somebody-else", 0o755);
  await volumes.delete(name);
  await harness.pass(40_000);
  assert.equal(await harness.fileSystem.stat(`/data/${name}_default_c`), undefined);
  assert.ok(await harness.fileSystem.stat("/data/somebody-else"));
});

test("a local block volume is a device of the container; what is no device, or is used as files, holds the pod", async () => {
  const started: ContainerConfig[] = [];
  await using harness = await KubeletHarness.start({
    runtime: {
      script: (c) => {
        started.push(c);
        return {};
      },
    },
  });
  const stat = harness.fileSystem.stat.bind(harness.fileSystem);
  let type: FileInfo["type"] = "file";
  harness.fileSystem.stat = async (path) =>
    path === "/dev/disk" ? { type, sizeBytes: 0, mode: 0o600, modifiedMs: 0, gid: 0 } : stat(path);
  const claim = await harness.client.resource(persistentVolumeClaims, "default").create({
    metadata: { name: "c" },
    spec: { volumeName: "pv" },
    status: { phase: "Bound" },
  });
  await harness.client.resource(persistentVolumes).create({
    metadata: { name: "pv" },
    spec: {
      volumeMode: "Block",
      local: { path: "/dev/disk" },
      claimRef: { namespace: "default", name: "c", uid: claim.metadata.uid },
    },
  });
  const volumes = [{ name: "raw", persistentVolumeClaim: { claimName: "c", readOnly: true } }];
  const main = { name: "main", image: "nginx:1" };
  const files = { ...main, volumeMounts: [{ name: "raw", mountPath: "/raw" }] };
  await harness.createPod("files", { volumes, containers: [files] });
  const device = { ...main, volumeDevices: [{ name: "raw", devicePath: "/dev/raw" }] };
  const pod = await harness.createPod("device", { volumes, containers: [device] });
  await harness.pass(1_000);
  const prefix = 'FailedMount MountVolume.SetUp failed for volume "raw" : ';
  assert.ok(harness.events("device").includes(`${prefix}path "/dev/disk" is not a block device`));
  const why = "volume raw has volumeMode Block, but is specified in volumeMounts";
  assert.ok(harness.events("files").includes(`${prefix}${why}`));
  type = "block-device";
  await harness.untilPhase("device", "Running");
  const hostPath = `/var/lib/kubelet/pods/${pod.metadata.uid}/volumes/kubernetes.io~local-volume/raw`;
  // As files it is not to be had: there is no file system on it, and none is made.
  await harness.client.resource(persistentVolumes).patch("pv", "merge", { spec: { volumeMode: "Filesystem" } });
  const before = harness.events("files").length;
  await harness.pass(60_000);
  assert.match(harness.events("files").slice(before).join(), /"\/dev\/disk" is a block device: making a file system/);
  assert.deepEqual(started[0]?.devices, [{ containerPath: "/dev/raw", hostPath, permissions: "r" }]);
});

test("a local volume that is a link is given to the pod's group where it leads", async () => {
  await using harness = await KubeletHarness.start();
  const { fileSystem: fs } = harness;
  await fs.makeDirectory("/disks/one", 0o755);
  await fs.symlink("one", "/disks/link");
  const claim = await harness.client.resource(persistentVolumeClaims, "default").create({
    metadata: { name: "c" },
    spec: { volumeName: "pv" },
    status: { phase: "Bound" },
  });
  await harness.client.resource(persistentVolumes).create({
    metadata: { name: "pv" },
    spec: { local: { path: "/disks/link" }, claimRef: { namespace: "default", name: "c", uid: claim.metadata.uid } },
  });
  await harness.createPod("p", {
    securityContext: { fsGroup: 1234 },
    volumes: [{ name: "data", persistentVolumeClaim: { claimName: "c" } }],
    containers: [{ name: "main", image: "nginx:1", volumeMounts: [{ name: "data", mountPath: "/data" }] }],
  });
  await harness.untilPhase("p", "Running");
  assert.equal((await fs.stat("/disks/one"))?.gid, 1234);
  assert.equal((await fs.stat("/disks/one"))?.mode, 0o2775);
});
