import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { after, before, test } from "node:test";

import type { Node, PersistentVolumeClaim, Pod } from "../../src/api/core/v1/types.gen.ts";
import type { CSINode, VolumeAttachmentList } from "../../src/api/storage/v1/types.gen.ts";
import { execChecked } from "../../src/node/exec.ts";
import { readMounts } from "../../src/node/mount-info.ts";
import { CliCluster } from "./cli.ts";
import { enterWorld, eventually, type World } from "./world.ts";

// Volumes on a real node: of the class local-path, and of the CSI hostpath driver through the whole path of CSI.

const world = await enterWorld(["containerd", "runc", "nft", "kubectl", "busybox"]);
const skip = typeof world === "string" ? world : false;
const image = "k8ts.local/busybox:1";
const driver = "hostpath.csi.k8s.io";
let cluster: CliCluster;
let nodeName: string;
let csi: ChildProcess;

function startDriver(): void {
  const args = [
    `${import.meta.dirname}/../../src/cmd/main.ts`,
    "csi-hostpath",
    `--kubeconfig=${cluster.dataDir}/kubeconfig`,
    `--hostname-override=${nodeName}`,
    `--root-dir=${cluster.dataDir}/node`,
    "--capacity=10Gi",
    "--max-volume-size=2Gi",
  ];
  csi = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
}

async function stopDriver(): Promise<void> {
  const ended = new Promise((resolve) => csi.once("close", resolve));
  csi.kill("SIGTERM");
  await ended;
}

before(async () => {
  if (typeof world === "string") return;
  cluster = new CliCluster(world satisfies World);
  await cluster.up();
  await cluster.loadBusybox(image);
  nodeName = (await cluster.kubectl("get", "nodes", "-o", "name")).trim().replace("node/", "");
  startDriver();
});

after(async () => {
  if (typeof world === "string") return;
  await stopDriver();
  await cluster.k8ts("delete");
});

function statefulSet(name: string, storageClassName: string): string {
  return `apiVersion: apps/v1
kind: StatefulSet
metadata: { name: ${name} }
spec:
  serviceName: ${name}
  replicas: 1
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      terminationGracePeriodSeconds: 1
      securityContext: { fsGroup: 2000 }
      containers:
        - name: main
          image: ${image}
          command: [sh, -c, "hostname >> /data/starts; exec sleep 1000000"]
          volumeMounts: [{ name: data, mountPath: /data }]
  volumeClaimTemplates:
    - metadata: { name: data }
      spec:
        storageClassName: ${storageClassName}
        accessModes: [ReadWriteOnce]
        resources: { requests: { storage: 1Gi } }
`;
}

async function ready(name: string): Promise<void> {
  await cluster.kubectl("wait", "--for=condition=Ready", `pod/${name}`, "--timeout=60s");
}

const claim = (name: string): Promise<PersistentVolumeClaim> => cluster.json("get", "pvc", name);
const node = (): Promise<Node> => cluster.json("get", "node", nodeName);
const attachments = async (): Promise<VolumeAttachmentList["items"]> =>
  (await cluster.json<VolumeAttachmentList>("get", "volumeattachments")).items;
const cat = (pod: string, file: string): Promise<string> => cluster.kubectl("exec", pod, "--", "cat", file);

async function eventsOf(name: string): Promise<string> {
  return cluster.kubectl(
    "get",
    "events",
    `--field-selector=involvedObject.name=${name}`,
    "-o",
    "jsonpath={range .items[*]}{.reason} {.message}{'\\n'}{end}",
  );
}

test("the driver registers: CSINode, the node's topology and id, its capacity", { skip }, async () => {
  let found: CSINode | undefined;
  await eventually(
    "the driver is registered",
    async () => {
      found = await cluster.json<CSINode>("get", "csinode", nodeName);
      return found.spec.drivers.length > 0;
    },
    30_000,
  );
  const topologyKey = "topology.hostpath.csi/node";
  assert.deepEqual(found?.spec.drivers, [{ name: driver, nodeID: nodeName, topologyKeys: [topologyKey] }]);
  const { metadata } = await node();
  assert.equal(metadata.labels?.[topologyKey], nodeName);
  assert.equal(metadata.annotations?.["csi.volume.kubernetes.io/nodeid"], JSON.stringify({ [driver]: nodeName }));
  await eventually(
    "capacity is published",
    async () => {
      const text = await cluster.kubectl("get", "csistoragecapacities", "-A", "-o", "jsonpath={.items[*].capacity}");
      return text === "10Gi";
    },
    30_000,
  );
});

test("a StatefulSet's data outlives its pods, on local-path and on CSI", { skip }, async () => {
  for (const name of ["local", "csi"]) {
    await cluster.apply(statefulSet(name, name === "csi" ? "csi-hostpath" : "local-path"));
  }
  for (const name of ["local", "csi"]) {
    await eventually(
      `${name}-0 exists`,
      async () => (await cluster.tryKubectl(["get", "pod", `${name}-0`])).exitCode === 0,
      30_000,
    );
    await ready(`${name}-0`);
    assert.equal(await cat(`${name}-0`, "/data/starts"), `${name}-0\n`);
    await cluster.kubectl("delete", "pod", `${name}-0`);
    await eventually(
      `${name}-0 is back`,
      async () => (await cluster.tryKubectl(["get", "pod", `${name}-0`])).exitCode === 0,
      30_000,
    );
    await ready(`${name}-0`);
    assert.equal(await cat(`${name}-0`, "/data/starts"), `${name}-0\n${name}-0\n`);
  }
  const events = await eventsOf("csi-0");
  assert.match(events, /SuccessfulAttachVolume AttachVolume.Attach succeeded for volume "pvc-/);
  const [attachment] = await attachments();
  assert.equal(attachment?.status.attached, true);
  const { status } = await node();
  const { uid } = (await claim("data-csi-0")).metadata;
  const unique = `kubernetes.io/csi/${driver}^pvc-${uid}`;
  assert.deepEqual(status?.volumesInUse, [unique]);
  assert.deepEqual(status?.volumesAttached, [{ name: unique, devicePath: "" }]);
  assert.match(await cluster.kubectl("exec", "csi-0", "--", "stat", "-c", "%g %A", "/data"), /^2000 drwxrws/);
});

test("a claim's volume grows while its pod runs", { skip }, async () => {
  const before = await cluster.json<Pod>("get", "pod", "csi-0");
  await cluster.kubectl("patch", "pvc", "data-csi-0", "-p", '{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}');
  await eventually(
    "the claim has grown",
    async () => (await claim("data-csi-0")).status.capacity?.["storage"] === "2Gi",
    45_000,
  );
  const { status } = await claim("data-csi-0");
  assert.deepEqual([status.allocatedResourceStatuses, status.conditions ?? []], [undefined, []]);
  const events = await eventsOf("data-csi-0");
  for (const reason of ["Resizing", "FileSystemResizeRequired", "FileSystemResizeSuccessful"]) {
    assert.match(events, new RegExp(`^${reason} `, "m"));
  }
  const after = await cluster.json<Pod>("get", "pod", "csi-0");
  assert.deepEqual(after.status.containerStatuses?.[0]?.containerID, before.status.containerStatuses?.[0]?.containerID);
  const smaller = ["patch", "pvc", "data-csi-0", "-p", '{"spec":{"resources":{"requests":{"storage":"1Gi"}}}}'];
  assert.match((await cluster.tryKubectl(smaller)).stderr, /field can not be less than status.capacity/);
  const fixed = ["patch", "pvc", "data-local-0", "-p", '{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}'];
  assert.match(
    (await cluster.tryKubectl(fixed)).stderr,
    /the storageclass that provisions the pvc must support resize/,
  );
});

test("an inline volume lives as long as its pod", { skip }, async () => {
  await cluster.apply(`apiVersion: v1
kind: Pod
metadata: { name: inline }
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: ${image}
      command: [sh, -c, "echo here > /scratch/file; exec sleep 1000000"]
      volumeMounts: [{ name: scratch, mountPath: /scratch }]
  volumes:
    - { name: scratch, csi: { driver: ${driver} } }
`);
  await ready("inline");
  assert.equal(await cat("inline", "/scratch/file"), "here\n");
  const inline = async (): Promise<readonly string[]> =>
    (await readdir(`${cluster.dataDir}/node/csi-hostpath`)).filter((name) => name.startsWith("csi-"));
  assert.equal((await inline()).length, 1);
  await cluster.kubectl("delete", "pod", "inline");
  await eventually("the volume is gone", async () => (await inline()).length === 0, 30_000);
});

const noLoops = existsSync("/dev/loop-control") ? skip : "needs loop devices";

test("a block volume is a device of the pod, keeps its data and grows", { skip: noLoops }, async () => {
  await cluster.apply(`apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: raw }
spec: { storageClassName: csi-hostpath, volumeMode: Block, accessModes: [ReadWriteOnce], resources: { requests: { storage: 8Mi } } }
`);
  const start = async (name: string): Promise<void> => {
    await cluster.apply(`apiVersion: v1
kind: Pod
metadata: { name: ${name} }
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - { name: main, image: ${image}, command: [sleep, "1000000"], volumeDevices: [{ name: raw, devicePath: /dev/raw }] }
  volumes:
    - { name: raw, persistentVolumeClaim: { claimName: raw } }
`);
    await ready(name);
  };
  const run = (name: string, script: string): Promise<string> =>
    cluster.kubectl("exec", name, "--", "sh", "-c", script);
  await start("block-a");
  await run("block-a", "printf written | dd of=/dev/raw bs=1 seek=4096 conv=notrunc");
  await cluster.kubectl("patch", "pvc", "raw", "-p", '{"spec":{"resources":{"requests":{"storage":"16Mi"}}}}');
  await eventually(
    "it has grown",
    async () => (await run("block-a", "blockdev --getsize64 /dev/raw")) === "16777216\n",
    45_000,
  );
  await cluster.kubectl("delete", "pod", "block-a");
  await start("block-b");
  assert.equal(await run("block-b", "dd if=/dev/raw bs=1 skip=4096 count=7 2>/dev/null"), "written");
  await cluster.kubectl("delete", "pod", "block-b");
  const { spec } = await claim("raw");
  await cluster.kubectl("delete", "pvc", "raw");
  await eventually(
    "the volume and its device are gone",
    async () => !(await execChecked("losetup", ["--list"])).includes(spec.volumeName ?? "?"),
    30_000,
  );
});

test("node and driver restarted: the volume stays mounted, and is let go of when the pod goes", { skip }, async () => {
  const nodeProcess = JSON.parse(await readFile(`${cluster.dataDir}/run/node.json`, "utf8")) as { pid: number };
  process.kill(nodeProcess.pid, "SIGKILL");
  await stopDriver();
  startDriver();
  await eventually(
    "the node's process is back",
    async () => (await cluster.tryKubectl(["exec", "csi-0", "--", "cat", "/data/starts"])).exitCode === 0,
    30_000,
  );
  await cluster.kubectl("delete", "statefulset", "csi", "--cascade=foreground");
  await eventually("the volume is detached", async () => (await attachments()).length === 0, 30_000);
  assert.deepEqual((await node()).status?.volumesInUse ?? [], []);
  const mounts = (await readMounts()).filter(
    ({ path }) => path.includes("kubernetes.io~csi") || path.includes("globalmount"),
  );
  assert.deepEqual(mounts, []);
  const { spec } = await claim("data-csi-0");
  await cluster.kubectl("delete", "pvc", "data-csi-0");
  await eventually(
    "volume and data are gone",
    async () =>
      !existsSync(`${cluster.dataDir}/node/csi-hostpath/${spec.volumeName}`) &&
      (await cluster.tryKubectl(["get", "pv", spec.volumeName ?? ""])).exitCode !== 0,
    30_000,
  );
});
