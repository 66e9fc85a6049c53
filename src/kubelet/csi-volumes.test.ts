import assert from "node:assert/strict";
import { test } from "node:test";

import type { PodSpec } from "../api/core/v1/types.gen.ts";
import {
  csiDrivers,
  csiNodes,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  serviceAccounts,
  volumeAttachments,
} from "../api/resources.gen.ts";
import type { Input } from "../apimachinery/resource-type.ts";
import type { CSIDriverSpec } from "../api/storage/v1/types.gen.ts";
import { attachmentName, uniqueVolumeName } from "../component-helpers/storage/csi-volumes.ts";
import { HostpathDriver, hostpathDriverName } from "../csi/hostpath/hostpath-driver.ts";
import type { CsiNode } from "../csi/v1/services.ts";
import { KubeletHarness } from "./testing/kubelet-harness.ts";

const socket = "/var/lib/kubelet/plugins_registry/hostpath-reg.sock";
const handle = "pvc-1";
const unique = uniqueVolumeName(hostpathDriverName, handle);

/** The hostpath driver on the harness's files and mounts, which comes and goes, and what it was called with. */
class DriverBeside {
  readonly calls: string[] = [];
  /** What the last volume was published with. */
  volumeContext: Readonly<Record<string, string>> = {};
  readonly driver: HostpathDriver;
  readonly statuses: { readonly pluginRegistered: boolean; readonly error: string }[] = [];
  #onChange: (sockets: readonly string[]) => void = () => {};
  #sockets: readonly string[] = [];

  constructor(harness: KubeletHarness) {
    const { fileSystem, mounter } = harness.ports;
    this.driver = new HostpathDriver({
      nodeId: "id-of-node-1",
      directory: "/csi",
      capacityBytes: 1 << 30,
      maxVolumeBytes: 1 << 30,
      maxVolumes: 7,
      isAttachable: false,
      fileSystem,
      mounter,
      usage: async () => [],
    });
    const info = {
      type: "CSIPlugin",
      name: hostpathDriverName,
      endpoint: "/csi.sock",
      supportedVersions: ["1.0.0"],
    };
    const nothing = { [Symbol.asyncDispose]: async () => {} };
    const recorded = new Proxy(this.driver, {
      get: (target, name) => {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== "function") return name === Symbol.asyncDispose ? async () => {} : method;
        return (request: object = {}) => {
          if (String(name).endsWith("Volume")) this.calls.push(String(name));
          const { volumeContext } = request as { readonly volumeContext?: Readonly<Record<string, string>> };
          if (name === "nodePublishVolume") this.volumeContext = volumeContext ?? {};
          return Reflect.apply(method, target, [request]) as unknown;
        };
      },
    }) as unknown as CsiNode & AsyncDisposable;
    harness.ports.csi = {
      watchSockets: async (_directory, onChange, signal) => {
        this.#onChange = onChange;
        onChange(this.#sockets);
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
      },
      registration: () => ({
        getInfo: async () => info,
        notifyRegistrationStatus: async (status) => {
          this.statuses.push(status);
          return {};
        },
        ...nothing,
      }),
      driver: () => recorded,
    };
  }

  come(): void {
    this.#sockets = [socket];
    this.#onChange(this.#sockets);
  }

  go(): void {
    this.#sockets = [];
    this.#onChange([]);
  }
}

async function start(spec: CSIDriverSpec = {}): Promise<{ harness: KubeletHarness; beside: DriverBeside }> {
  const harness = new KubeletHarness();
  const beside = new DriverBeside(harness);
  await harness.client.resource(csiDrivers).create({ metadata: { name: hostpathDriverName }, spec });
  await harness.startKubelet();
  beside.come();
  await harness.until(async () => beside.statuses.length > 0);
  return { harness, beside };
}

async function createVolume(harness: KubeletHarness, driver: HostpathDriver): Promise<void> {
  const capability = { mount: {}, accessMode: { mode: "SINGLE_NODE_WRITER" } } as const;
  await driver.createVolume({ name: handle, volumeCapabilities: [capability], parameters: {} });
  const claims = harness.client.resource(persistentVolumeClaims, "default");
  const claim = await claims.create({
    metadata: { name: "data" },
    spec: { accessModes: ["ReadWriteOnce"], resources: {}, volumeName: "pv" },
    status: { phase: "Bound", capacity: { storage: "1Mi" } },
  });
  await harness.client.resource(persistentVolumes).create({
    metadata: { name: "pv" },
    spec: {
      accessModes: ["ReadWriteOnce"],
      capacity: { storage: "1Mi" },
      csi: { driver: hostpathDriverName, volumeHandle: handle },
      claimRef: { namespace: "default", name: "data", uid: claim.metadata.uid },
    },
  });
}

const podSpec = (
  volume: NonNullable<Input<PodSpec>["volumes"]>[number],
): Parameters<KubeletHarness["createPod"]>[1] => ({
  securityContext: { fsGroup: 2000 },
  volumes: [volume],
  containers: [{ name: "main", image: "nginx:1", volumeMounts: [{ name: volume.name, mountPath: "/data" }] }],
});
const claimSpec = podSpec({ name: "v", persistentVolumeClaim: { claimName: "data" } });

test("a driver is told of in the API when it comes, and no more when it goes", async () => {
  const { harness, beside } = await start();
  await using _ = harness;
  assert.deepEqual(beside.statuses, [{ pluginRegistered: true, error: "" }]);
  const topologyKeys = ["topology.hostpath.csi/node"];
  const found = { name: hostpathDriverName, nodeID: "id-of-node-1", topologyKeys, allocatable: { count: 7 } };
  const drivers = async (): Promise<unknown> => (await harness.client.resource(csiNodes).get("node-1")).spec.drivers;
  assert.deepEqual(await drivers(), [found]);
  const annotation = "csi.volume.kubernetes.io/nodeid";
  const { metadata } = await harness.client.resource(nodes).get("node-1");
  assert.equal(metadata.labels?.["topology.hostpath.csi/node"], "id-of-node-1");
  assert.equal(metadata.annotations?.[annotation], `{"${hostpathDriverName}":"id-of-node-1"}`);
  beside.go();
  await harness.pass(100);
  assert.deepEqual(await drivers(), []);
  assert.equal((await harness.client.resource(nodes).get("node-1")).metadata.annotations?.[annotation], undefined);
});

test("an attached volume is in use before it is waited for, mounted once attached, and let go of by a later kubelet", async () => {
  const { harness, beside } = await start({ fsGroupPolicy: "File" });
  await using _ = harness;
  await createVolume(harness, beside.driver);
  const pod = await harness.createPod("p", claimSpec);
  const inUse = async (): Promise<unknown> =>
    (await harness.client.resource(nodes).get("node-1")).status.volumesInUse ?? [];
  await harness.until(async () => ((await inUse()) as readonly string[]).length > 0);
  assert.deepEqual(await inUse(), [unique]);
  await harness.client.resource(volumeAttachments).create({
    metadata: { name: attachmentName(handle, hostpathDriverName, "node-1") },
    spec: { attacher: hostpathDriverName, nodeName: "node-1", source: { persistentVolumeName: "pv" } },
    status: { attached: true },
  });
  await harness.pass(5_000);
  assert.deepEqual(beside.calls, []);
  const status = { volumesAttached: [{ name: unique, devicePath: "" }] };
  await harness.client.resource(nodes).patch("node-1", "merge", { status }, { subresource: "status" });
  await harness.untilPhase("p", "Running");
  assert.deepEqual(beside.calls, ["nodeStageVolume", "nodePublishVolume"]);
  const mount = `/var/lib/kubelet/pods/${pod.metadata.uid}/volumes/kubernetes.io~csi/v/mount`;
  assert.ok(await harness.ports.mounter.isMounted(mount));
  assert.equal((await harness.fileSystem.stat(mount))?.gid, 2000);

  await harness.stopKubelet();
  await harness.startKubelet();
  await harness.pass(30_000);
  assert.deepEqual(await inUse(), [unique]);
  await harness.deletePod("p");
  await harness.until(async () => (await harness.pod("p")) === undefined);
  assert.deepEqual(beside.calls.slice(2), ["nodeUnpublishVolume", "nodeUnstageVolume"]);
  await harness.pass(60_000);
  assert.deepEqual(await inUse(), []);
  assert.deepEqual(await harness.ports.mounter.listBelow("/var/lib/kubelet"), []);
});

test("a volume of two pods is staged once, and unstaged after the second", async () => {
  const { harness, beside } = await start({ attachRequired: false });
  await using _ = harness;
  await createVolume(harness, beside.driver);
  await harness.createPod("a", claimSpec);
  await harness.createPod("b", claimSpec);
  await harness.untilPhase("a", "Running");
  await harness.untilPhase("b", "Running");
  assert.deepEqual(beside.calls.toSorted(), ["nodePublishVolume", "nodePublishVolume", "nodeStageVolume"]);
  beside.calls.length = 0;
  await harness.deletePod("a");
  await harness.until(async () => (await harness.pod("a")) === undefined);
  assert.deepEqual(beside.calls, ["nodeUnpublishVolume"]);
  await harness.deletePod("b");
  await harness.until(async () => (await harness.pod("b")) === undefined);
  assert.deepEqual(beside.calls, ["nodeUnpublishVolume", "nodeUnpublishVolume", "nodeUnstageVolume"]);
});

test("a volume for one pod is refused to a second", async () => {
  const { harness, beside } = await start({ attachRequired: false });
  await using _ = harness;
  await createVolume(harness, beside.driver);
  const spec = { accessModes: ["ReadWriteOncePod"] };
  await harness.client.resource(persistentVolumes).patch("pv", "merge", { spec });
  await harness.createPod("a", claimSpec);
  await harness.untilPhase("a", "Running");
  await harness.createPod("b", claimSpec);
  await harness.pass(1_000);
  const why = "volume uses the ReadWriteOncePod access mode and is already in use by another pod";
  assert.ok(harness.events("b").includes(`FailedMount MountVolume.SetUp failed for volume "pv" : ${why}`));
  await harness.deletePod("a");
  await harness.untilPhase("b", "Running");
});

test("a volume that a pod waits for stays in use when another lets go of it", async () => {
  const { harness, beside } = await start();
  await using _ = harness;
  await createVolume(harness, beside.driver);
  const source = { persistentVolumeName: "pv" };
  const name = attachmentName(handle, hostpathDriverName, "node-1");
  const setAttached = async (isAttached: boolean): Promise<void> => {
    const volumesAttached = isAttached ? [{ name: unique, devicePath: "" }] : null;
    const node = harness.client.resource(nodes);
    await node.patch("node-1", "merge", { status: { volumesAttached } }, { subresource: "status" });
  };
  await harness.client.resource(volumeAttachments).create({
    metadata: { name },
    spec: { attacher: hostpathDriverName, nodeName: "node-1", source },
    status: { attached: true },
  });
  await setAttached(true);
  await harness.createPod("a", claimSpec);
  await harness.untilPhase("a", "Running");
  await setAttached(false);
  await harness.createPod("b", claimSpec);
  await harness.pass(1_000);
  await harness.deletePod("a");
  await harness.until(async () => (await harness.pod("a")) === undefined);
  await harness.pass(30_000);
  assert.deepEqual((await harness.client.resource(nodes).get("node-1")).status.volumesInUse, [unique]);
  await setAttached(true);
  await harness.untilPhase("b", "Running");
});

test("an inline volume needs a driver that takes them; it is published again and again where the driver wants that", async () => {
  const inline = podSpec({ name: "v", csi: { driver: hostpathDriverName } });
  {
    const { harness } = await start({ attachRequired: false });
    await using _ = harness;
    await harness.createPod("p", inline);
    await harness.pass(1_000);
    const why = `volume mode "Ephemeral" not supported by driver ${hostpathDriverName} (only supports ["Persistent"])`;
    assert.ok(harness.events("p").includes(`FailedMount MountVolume.SetUp failed for volume "v" : ${why}`));
  }
  const volumeLifecycleModes = ["Ephemeral"];
  const { harness, beside } = await start({ volumeLifecycleModes, podInfoOnMount: true, requiresRepublish: true });
  await using _ = harness;
  await harness.createPod("p", inline);
  await harness.untilPhase("p", "Running");
  await harness.pass(60_000);
  assert.ok(beside.calls.length > 2);
  assert.ok(beside.calls.every((call) => call === "nodePublishVolume"));
});

test("a pod waits, with an event, for a driver that is not there", async () => {
  const { harness, beside } = await start({ attachRequired: false });
  await using _ = harness;
  await createVolume(harness, beside.driver);
  beside.go();
  await harness.pass(100);
  await harness.createPod("p", claimSpec);
  await harness.pass(1_000);
  const why = `driver name ${hostpathDriverName} not found in the list of registered CSI drivers`;
  assert.ok(harness.events("p").includes(`FailedMount MountVolume.SetUp failed for volume "pv" : ${why}`));
  beside.come();
  await harness.untilPhase("p", "Running");
});

test("a volume that has grown is grown on the node while the pod runs, and what the driver refuses is told", async () => {
  const { harness, beside } = await start({ attachRequired: false });
  await using _ = harness;
  await createVolume(harness, beside.driver);
  await harness.createPod("p", claimSpec);
  await harness.untilPhase("p", "Running");
  const claims = harness.client.resource(persistentVolumeClaims, "default");
  const grow = async (storage: string): Promise<void> => {
    await harness.client.resource(persistentVolumes).patch("pv", "merge", { spec: { capacity: { storage } } });
    const conditions = [{ type: "FileSystemResizePending", status: "True" }];
    const status = { allocatedResourceStatuses: { storage: "NodeResizePending" }, conditions };
    await claims.patch("data", "merge", { status }, { subresource: "status" });
    await harness.pass(30_000);
  };
  await beside.driver.controllerExpandVolume({ volumeId: handle, capacityRange: { requiredBytes: 2 << 20 } });
  await grow("2Mi");
  const { status } = await claims.get("data");
  assert.equal(status.capacity?.["storage"], "2Mi");
  assert.deepEqual([status.conditions ?? [], status.allocatedResourceStatuses ?? {}], [[], {}]);
  const done = 'FileSystemResizeSuccessful MountVolume.NodeExpandVolume succeeded for volume "pv" node-1';
  assert.ok(harness.events("data").includes(done));

  await grow("3Mi");
  const failed = (await claims.get("data")).status;
  assert.equal(failed.capacity?.["storage"], "2Mi");
  assert.equal(failed.allocatedResourceStatuses?.["storage"], "NodeResizeInfeasible");
  assert.ok(failed.conditions?.some(({ type }) => type === "NodeResizeError"));
  assert.equal((await harness.pod("p"))?.status.phase, "Running");
});

test("a driver is told of the pod and given the tokens that it wants of it", async () => {
  const tokenRequests = [{ audience: "vault", expirationSeconds: 600 }];
  const { harness, beside } = await start({ attachRequired: false, podInfoOnMount: true, tokenRequests });
  await using _ = harness;
  await createVolume(harness, beside.driver);
  await harness.client.resource(serviceAccounts, "default").create({ metadata: { name: "robot" } });
  const asked: unknown[] = [];
  harness.api.intercept = ({ method, path, body }) => {
    if (method !== "POST" || !path.endsWith("/token")) return undefined;
    asked.push((body as { readonly spec: { readonly audiences: unknown } }).spec.audiences);
    const expirationTimestamp = "2030-01-01T00:00:00Z";
    return { status: 201, body: { status: { token: "of-robot", expirationTimestamp } } };
  };
  const pod = await harness.createPod("p", { ...claimSpec, serviceAccountName: "robot" });
  await harness.untilPhase("p", "Running");
  assert.deepEqual(asked, [["vault"]]);
  const { ["csi.storage.k8s.io/serviceAccount.tokens"]: tokens = "", ...rest } = beside.volumeContext;
  assert.deepEqual(JSON.parse(tokens), {
    vault: { token: "of-robot", expirationTimestamp: "2030-01-01T00:00:00Z" },
  });
  assert.deepEqual(rest, {
    "csi.storage.k8s.io/pod.name": "p",
    "csi.storage.k8s.io/pod.namespace": "default",
    "csi.storage.k8s.io/pod.uid": pod.metadata.uid,
    "csi.storage.k8s.io/serviceAccount.name": "robot",
    "csi.storage.k8s.io/ephemeral": "false",
  });
});
