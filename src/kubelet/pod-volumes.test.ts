import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerStateWaiting } from "../api/core/v1/types.gen.ts";
import { configMaps, serviceAccounts } from "../api/resources.gen.ts";
import type { FileInfo, FileSystem } from "../component-base/file-system.ts";
import { utf8Decode, utf8Encode } from "../component-base/bytes.ts";
import { CriError } from "../cri-api/runtime/v1/cri-error.ts";
import type { ContainerConfig } from "../cri-api/runtime/v1/types.ts";
import { wholeValue } from "./api/quantities.ts";
import { KubeletHarness } from "./testing/kubelet-harness.ts";
import { MemoryFileSystem } from "./testing/memory-file-system.ts";
import { prepareHostPath } from "./volumes/host-path.ts";
import { writeAtomically } from "./volumes/atomic-writer.ts";
import { resolveWithin } from "./volumes/sub-path.ts";

async function read(harness: KubeletHarness, path: string): Promise<string> {
  return utf8Decode(await harness.fileSystem.readFile(path));
}

test("configMap, secret, downwardAPI and emptyDir volumes: content, modes, ownership, live update", async () => {
  let config: ContainerConfig | undefined;
  await using harness = await KubeletHarness.start({
    runtime: {
      script: (c) => {
        config = c;
        return {};
      },
    },
  });
  const configMap = await harness.createConfigMap("settings", { a: "1", b: "2" });
  await harness.createSecret("keys", { token: btoa("s3cret") });
  const created = await harness.createPod("p", {
    securityContext: { fsGroup: 2000 },
    volumes: [
      { name: "config", configMap: { name: "settings", defaultMode: 0o644 } },
      { name: "one", configMap: { name: "settings", items: [{ key: "a", path: "deep/file", mode: 0o600 }] } },
      { name: "secret", secret: { secretName: "keys", defaultMode: 0o400 } },
      { name: "gone", secret: { secretName: "nowhere", optional: true } },
      { name: "info", downwardAPI: { items: [{ path: "name", fieldRef: { fieldPath: "metadata.name" } }] } },
      { name: "scratch", emptyDir: {} },
      { name: "fast", emptyDir: { medium: "Memory", sizeLimit: "8Mi" } },
    ],
    containers: [
      {
        name: "main",
        image: "nginx:1",
        terminationMessagePath: "/dev/termination-log",
        volumeMounts: [
          { name: "config", mountPath: "/config" },
          { name: "scratch", mountPath: "/scratch", subPathExpr: "$(POD)" },
          { name: "config", mountPath: "/a", subPath: "a" },
        ],
        env: [{ name: "POD", value: "p" }],
      },
    ],
  });
  await harness.untilPhase("p", "Running");
  const root = `/var/lib/kubelet/pods/${created.metadata.uid}/volumes`;
  assert.equal(await read(harness, `${root}/kubernetes.io~configmap/config/a`), "1");
  assert.equal(await harness.fileSystem.readLink(`${root}/kubernetes.io~configmap/config/a`), "..data/a");
  assert.equal(await read(harness, `${root}/kubernetes.io~configmap/one/deep/file`), "1");
  assert.equal(await read(harness, `${root}/kubernetes.io~secret/secret/token`), "s3cret");
  assert.deepEqual(harness.fileSystem.ownerOf(`${root}/kubernetes.io~secret/secret/token`), { uid: 0, gid: 2000 });
  assert.equal(await read(harness, `${root}/kubernetes.io~downward-api/info/name`), "p");
  assert.equal((await harness.fileSystem.stat(`${root}/kubernetes.io~empty-dir/scratch`))?.mode, 0o2777);
  assert.ok(await harness.ports.mounter.isMounted(`${root}/kubernetes.io~empty-dir/fast`));
  assert.deepEqual(
    config?.mounts.map((m) => [m.containerPath, m.readonly]),
    [
      ["/config", true],
      ["/scratch", false],
      ["/a", true],
      ["/etc/hosts", false],
      ["/dev/termination-log", false],
    ],
  );
  const subPaths = `/var/lib/kubelet/pods/${created.metadata.uid}/volume-subpaths`;
  assert.equal(config?.mounts[1]?.hostPath, `${subPaths}/scratch/main/1`);
  assert.ok(await harness.ports.mounter.isMounted(`${subPaths}/scratch/main/1`));

  await harness.client.resource(configMaps, "default").update({ ...configMap, data: { a: "new", c: "3" } });
  await harness.pass(40_000);
  assert.equal(await read(harness, `${root}/kubernetes.io~configmap/config/a`), "new");
  assert.equal(await read(harness, `${root}/kubernetes.io~configmap/config/c`), "3");
  assert.equal(await harness.fileSystem.stat(`${root}/kubernetes.io~configmap/config/b`), undefined);
});

test("a missing ConfigMap holds the pod with a FailedMount event until it is there", async () => {
  await using harness = await KubeletHarness.start();
  await harness.createPod("p", {
    volumes: [{ name: "v", configMap: { name: "late" } }],
    containers: [{ name: "main", image: "nginx:1", volumeMounts: [{ name: "v", mountPath: "/v" }] }],
  });
  await harness.pass(1_000);
  assert.ok(
    harness.events("p").includes('FailedMount MountVolume.SetUp failed for volume "v" : configmap "late" not found'),
  );
  assert.equal((await harness.pod("p"))?.status.containerStatuses?.[0]?.state.waiting?.reason, "ContainerCreating");
  await harness.createConfigMap("late", { k: "v" });
  await harness.untilPhase("p", "Running");
});

test("a projected token is bound to the pod and renewed at 80 % of its life", async () => {
  await using harness = await KubeletHarness.start();
  const requests: unknown[] = [];
  harness.api.intercept = ({ method, path, body }) => {
    if (method !== "POST" || !path.endsWith("/token")) return undefined;
    requests.push(body);
    const expirationTimestamp = new Date(harness.clock.now() + 3_600_000).toISOString();
    return { status: 201, body: { status: { token: `token-${requests.length}`, expirationTimestamp } } };
  };
  await harness.client
    .resource(serviceAccounts, "default")
    .create({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "robot", namespace: "default" } });
  const pod = await harness.createPod("p", {
    serviceAccountName: "robot",
    securityContext: { runAsUser: 1000, fsGroup: 10_000 },
    volumes: [
      {
        name: "t",
        projected: {
          defaultMode: 0o644,
          sources: [{ serviceAccountToken: { path: "token", expirationSeconds: 3600 } }],
        },
      },
    ],
    containers: [{ name: "main", image: "nginx:1", volumeMounts: [{ name: "t", mountPath: "/t" }] }],
  });
  await harness.untilPhase("p", "Running");
  const path = `/var/lib/kubelet/pods/${pod.metadata.uid}/volumes/kubernetes.io~projected/t/token`;
  assert.equal(await read(harness, path), "token-1");
  assert.deepEqual(harness.fileSystem.ownerOf(path), { uid: 1000, gid: 10_000 });
  assert.deepEqual((requests[0] as { spec: { boundObjectRef: unknown } }).spec.boundObjectRef, {
    apiVersion: "v1",
    kind: "Pod",
    name: "p",
    uid: pod.metadata.uid,
  });
  await harness.pass(2_800_000);
  assert.equal(requests.length, 1);
  await harness.pass(200_000);
  assert.equal(requests.length, 2);
  assert.equal(await read(harness, path), "token-2");
});

test("writing atomically swaps all files at once and does nothing when nothing changed", async () => {
  const fs = new MemoryFileSystem();
  await fs.makeDirectory("/v");
  const payload = new Map([["x", { data: utf8Encode("1"), mode: 0o644 }]]);
  assert.equal(await writeAtomically(fs, "/v", payload, { versionName: "1" }), true);
  assert.equal(await writeAtomically(fs, "/v", payload, { versionName: "2" }), false);
  assert.deepEqual(await fs.list("/v"), ["..1", "..data", "x"]);
  const changed = new Map([["y/z", { data: utf8Encode("2"), mode: 0o644 }]]);
  assert.equal(await writeAtomically(fs, "/v", changed, { versionName: "3" }), true);
  assert.deepEqual(await fs.list("/v"), ["..3", "..data", "y"]);
  assert.equal(utf8Decode(await fs.readFile("/v/y/z")), "2");
});

test("a subPath cannot leave its volume", async () => {
  const fs = new MemoryFileSystem();
  await fs.makeDirectory("/v/in");
  await fs.symlink("/etc", "/v/out");
  await fs.symlink("in", "/v/alias");
  assert.equal(await resolveWithin(fs, "/v", "alias/new"), "in/new");
  await assert.rejects(resolveWithin(fs, "/v", "out/passwd"), /not within volume path/);
  await assert.rejects(resolveWithin(fs, "/v", "../x"), /not within volume path/);
});

test("why a subPath cannot be is not told to the pod's author", async () => {
  await using harness = await KubeletHarness.start();
  await harness.fileSystem.makeDirectory("/shared");
  await harness.fileSystem.symlink("/etc", "/shared/out");
  await harness.createPod("p", {
    volumes: [{ name: "v", hostPath: { path: "/shared" } }],
    containers: [
      { name: "main", image: "nginx:1", volumeMounts: [{ name: "v", mountPath: "/v", subPath: "out/passwd" }] },
    ],
  });
  await harness.pass(1_000);
  const waiting = (await harness.pod("p"))?.status.containerStatuses?.[0]?.state.waiting;
  assert.deepEqual(waiting, {
    reason: "CreateContainerConfigError",
    message: 'failed to prepare subPath for volumeMount "v" of container "main"',
  });
});

test("hostPath types tell sockets and devices apart", async () => {
  const found = (type: FileInfo["type"]): FileSystem =>
    Object.assign(new MemoryFileSystem(), {
      stat: async () => ({ type, sizeBytes: 0, mode: 0o600, modifiedMs: 0, gid: 0 }),
    });
  const cases = [
    ["Socket", "socket", "a socket file"],
    ["CharDevice", "character-device", "a character device"],
    ["BlockDevice", "block-device", "a block device"],
  ] as const;
  for (const [type, right, what] of cases) {
    for (const [, there] of cases) {
      const prepared = prepareHostPath(found(there), { path: "/x", type });
      if (there === right) await prepared;
      else await assert.rejects(prepared, { message: `hostPath type check failed: /x is not ${what}` });
    }
  }
});

test("a volume in memory is no larger than its limit, its pod's and what pods may use", async () => {
  await using harness = await KubeletHarness.start();
  const sizes = new Map<string, number | undefined>();
  const mountTmpfs = harness.ports.mounter.mountTmpfs.bind(harness.ports.mounter);
  harness.ports.mounter.mountTmpfs = async (path, options?: { readonly sizeBytes?: number }) => {
    sizes.set(path.slice(path.lastIndexOf("/") + 1), options?.sizeBytes);
    await mountTmpfs(path);
  };
  const memory = { emptyDir: { medium: "Memory" } } as const;
  const container = { name: "main", image: "nginx:1" };
  await harness.createPod("free", { volumes: [{ name: "all", ...memory }], containers: [container] });
  await harness.createPod("limited", {
    volumes: [
      { name: "pods", ...memory },
      { name: "own", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
    ],
    containers: [{ ...container, resources: { limits: { memory: "64Mi" }, requests: { memory: "64Mi" } } }],
  });
  await harness.untilPhase("free", "Running");
  await harness.untilPhase("limited", "Running");
  const allocatable = (await harness.node())?.status.allocatable?.["memory"];
  assert.deepEqual(
    [sizes.get("all"), sizes.get("pods"), sizes.get("own")],
    [wholeValue(allocatable), 64 << 20, 1 << 20],
  );
});

test("a recursive read-only mount is told to a runtime that can, and shown", async () => {
  let config: ContainerConfig | undefined;
  await using harness = new KubeletHarness({
    runtime: {
      script: (c) => {
        config = c;
        return {};
      },
    },
  });
  const status = harness.runtime.status.bind(harness.runtime);
  const handlers = [{ name: "", features: { recursiveReadOnlyMounts: true } }];
  harness.runtime.status = async () => ({ ...(await status()), handlers });
  await harness.startKubelet();
  const mount = { name: "v", mountPath: "/v", readOnly: true, recursiveReadOnly: "IfPossible" };
  await harness.createPod("p", {
    volumes: [{ name: "v", emptyDir: {} }],
    containers: [{ name: "main", image: "nginx:1", volumeMounts: [mount] }],
  });
  const pod = await harness.untilPhase("p", "Running");
  assert.equal(config?.mounts[0]?.recursiveReadOnly, true);
  assert.equal(pod.status.containerStatuses?.[0]?.volumeMounts?.[0]?.recursiveReadOnly, "Enabled");
  assert.deepEqual((await harness.node())?.status.runtimeHandlers, handlers);
});

test("a recursive read-only mount is refused, not quietly made an ordinary one", async () => {
  await using harness = await KubeletHarness.start();
  await harness.createPod("p", {
    volumes: [{ name: "v", emptyDir: {} }],
    containers: [
      {
        name: "main",
        image: "nginx:1",
        volumeMounts: [{ name: "v", mountPath: "/v", readOnly: true, recursiveReadOnly: "Enabled" }],
      },
    ],
  });
  const waiting = async (): Promise<ContainerStateWaiting | undefined> =>
    (await harness.pod("p"))?.status.containerStatuses?.[0]?.state?.waiting;
  await harness.until(async () => (await waiting())?.message !== undefined);
  const { reason, message } = (await waiting()) ?? {};
  assert.equal(reason, "CreateContainerConfigError");
  assert.equal(
    message,
    'failed to resolve recursive read-only mode: volume "v" requested recursive read-only mode, but it is not supported by the runtime',
  );
});

test("an image volume is pulled by its own policy and mounted by the runtime; one that cannot be had keeps the container waiting", async () => {
  let config: ContainerConfig | undefined;
  await using harness = await KubeletHarness.start({
    runtime: {
      script: (c) => {
        config = c;
        return {};
      },
    },
  });
  harness.runtime.images.failPull("files:1", new CriError("notFound", "no such image"));
  await harness.createPod("p", {
    volumes: [{ name: "files", image: { reference: "files:1", pullPolicy: "Always" } }],
    containers: [
      { name: "main", image: "nginx:1", volumeMounts: [{ name: "files", mountPath: "/files", subPath: "a/b" }] },
    ],
  });
  const waiting = async (): Promise<ContainerStateWaiting | undefined> =>
    (await harness.pod("p"))?.status.containerStatuses?.[0]?.state.waiting;
  await harness.until(async () => (await waiting())?.reason === "ImagePullBackOff");
  assert.deepEqual(harness.events("p").slice(0, 3), [
    'Pulling Pulling image "files:1"',
    'Failed Failed to pull image "files:1": rpc error: code = NotFound desc = no such image',
    "Failed Error: ErrImagePull",
  ]);
  assert.equal(harness.recorder.events.find((e) => e.reason === "Pulling")?.fieldPath, undefined);
  harness.runtime.images.failPull("files:1", undefined);
  await harness.untilPhase("p", "Running");
  const image = await harness.runtime.images.imageStatus({ image: "files:1" });
  const { mounts = [] } = config ?? {};
  const expected = { image: image?.id, userSpecifiedImage: "files:1" };
  assert.deepEqual(mounts[0], {
    containerPath: "/files",
    hostPath: "",
    readonly: true,
    propagation: "private",
    image: expected,
    imageSubPath: "a/b",
  });
});
