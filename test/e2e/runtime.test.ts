import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { after, before, describe, test, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { WebSocket } from "ws";

import { SystemClock } from "../../src/component-base/clock.ts";
import { silentLogger } from "../../src/component-base/logger.ts";
import { randomUuid, SystemRandom } from "../../src/component-base/random.ts";
import { isCriError } from "../../src/cri-api/runtime/v1/cri-error.ts";
import type { ContainerConfig, PodSandboxConfig } from "../../src/cri-api/runtime/v1/types.ts";
import { runtimeCases, type RuntimeSuiteWorld } from "../../src/cri-api/testing/runtime-suite.ts";
import { FileCgroupManager } from "../../src/node/cgroups/cgroup-manager.ts";
import { detectCgroupVersion } from "../../src/node/cgroups/cgroup-version.ts";
import { setUpPodNetwork, writeCniConfig } from "../../src/node/cni.ts";
import { ContainerdProcess } from "../../src/node/containerd/containerd-process.ts";
import { ContainerdEvents } from "../../src/node/cri-client/containerd-events.ts";
import { ImageVolumeRuntime } from "../../src/node/containerd/image-volume-runtime.ts";
import { ImageVolumes } from "../../src/node/containerd/image-volumes.ts";
import { CriImageService, CriRuntimeService, snapshotterOf } from "../../src/node/cri-client/cri-client.ts";
import { CriConnection } from "../../src/node/cri-client/cri-connection.ts";
import { execChecked } from "../../src/node/exec.ts";
import { buildBusyboxImage, buildNodeImage, buildPauseImage } from "../../src/node/images/built-in-images.ts";
import { readImageArchive } from "../../src/node/images/image-archive.ts";
import { ImageImporter } from "../../src/node/images/image-import.ts";
import { buildImage, layoutTar, ownArchitecture } from "../../src/node/images/oci-image.ts";
import { startRegistryStub } from "../../src/node/images/registry-stub.ts";
import { listLeftovers, removeLeftovers, type ClusterTraces } from "../../src/node/leftovers.ts";
import { SystemMounter } from "../../src/node/mounts.ts";
import { SocketNetworkProber } from "../../src/node/network-prober.ts";
import { SpdyConnection } from "../../src/node/streaming/spdy-connection.ts";
import { createTunnelRunner } from "../../src/node/streaming/tunnel.ts";
import { requestUpgrade } from "../../src/node/streaming/upgrade-client.ts";
import { enterWorld, eventually } from "./world.ts";

const entered = await enterWorld(["containerd", "runc", "nft", "busybox"]);

describe("container runtime", { skip: typeof entered === "string" ? entered : false }, () => {
  if (typeof entered === "string") return;
  const world = entered;
  const clock = new SystemClock();
  const logger = silentLogger;
  const unique = (): string => randomUuid(new SystemRandom());
  const containerd = new ContainerdProcess({
    directory: `${world.directory}/containerd`,
    cniBinDirectory: world.cniBinDirectory,
    cniConfigDirectory: `${world.directory}/cni`,
    clock,
    logger,
  });
  const socketPath = containerd.paths.socket;
  const connection = new CriConnection(socketPath);
  const runtime = new CriRuntimeService(connection);
  const images = new CriImageService(connection);
  const events = new ContainerdEvents({ socketPath, clock, logger });
  const version = detectCgroupVersion();
  const cgroups = version && new FileCgroupManager({ root: world.cgroupRoot, version, clock, logger });
  const image = "docker.io/library/busybox:1.35";
  const network = {
    name: "k8ts-world",
    clusterCidr: "10.244.0.0/16",
    serviceCidr: "10.96.0.0/12",
    nodeIp: "127.0.0.1",
    configDirectory: `${world.directory}/cni`,
    dataDirectory: `${world.directory}/ipam`,
  };
  const traces: ClusterTraces = {
    directories: [`${world.directory}/containerd`, `${world.directory}/cni`, network.dataDirectory],
    containerdDirectory: `${world.directory}/containerd`,
    cgroupRoot: world.cgroupRoot,
    networkName: network.name,
    ranges: network,
    pidFiles: [],
    clock,
    logger,
  };

  before(async () => {
    await writeCniConfig(network, "10.244.0.0/24");
    await setUpPodNetwork(network);
    await containerd.start();
    await using importer = new ImageImporter(socketPath);
    await importer.import(buildPauseImage());
    await importer.import(await buildBusyboxImage(image));
  });

  after(async () => {
    await events[Symbol.asyncDispose]();
    await connection[Symbol.asyncDispose]();
    await removeLeftovers(traces);
    assert.deepEqual(await listLeftovers(traces), []);
  });

  /** A pod of one container, removed with the test. */
  async function runPod(
    t: TestContext,
    command: readonly string[],
    options: { readonly image?: string; readonly cgroupParent?: string; readonly uid?: string } = {},
  ): Promise<{ readonly sandboxId: string; readonly containerId: string; readonly ip: string }> {
    return podWith(t, runtime, [], { ...options, command });
  }

  async function podWith(
    t: TestContext,
    through: CriRuntimeService,
    mounts: ContainerConfig["mounts"],
    options: {
      readonly command?: readonly string[];
      readonly image?: string;
      readonly cgroupParent?: string;
      readonly uid?: string;
    } = {},
  ): Promise<{ readonly sandboxId: string; readonly containerId: string; readonly ip: string }> {
    const uid = options.uid ?? unique();
    const namespaceOptions = { network: "pod", pid: "container", ipc: "pod" } as const;
    const pod: PodSandboxConfig = {
      metadata: { name: "test", namespace: "e2e", uid, attempt: 0 },
      hostname: "test",
      logDirectory: `${world.directory}/logs/${uid}`,
      portMappings: [],
      labels: {},
      annotations: {},
      linux: {
        cgroupParent: options.cgroupParent ?? `${world.cgroupRoot}/pod${uid}`,
        securityContext: { namespaceOptions },
      },
    };
    const container: ContainerConfig = {
      metadata: { name: "main", attempt: 0 },
      image: { image: options.image ?? image },
      command: options.command ?? ["sleep", "1000"],
      args: [],
      workingDir: "",
      envs: [],
      mounts,
      devices: [],
      labels: {},
      annotations: {},
      logPath: "main.log",
      stdin: false,
      stdinOnce: false,
      tty: false,
      linux: { resources: {}, securityContext: { namespaceOptions } },
    };
    await mkdir(pod.logDirectory, { recursive: true });
    const sandboxId = await through.runPodSandbox(pod, "");
    t.after(async () => {
      await through.stopPodSandbox(sandboxId);
      await through.removePodSandbox(sandboxId);
    });
    const containerId = await through.createContainer(sandboxId, container, pod);
    await through.startContainer(containerId);
    const { network } = await runtime.podSandboxStatus(sandboxId);
    return { sandboxId, containerId, ip: network?.ip ?? "" };
  }

  async function exitOf(containerId: string): Promise<{ readonly exitCode: number; readonly reason: string }> {
    await eventually("exit", async () => (await runtime.containerStatus(containerId)).state === "exited");
    const { exitCode, reason } = await runtime.containerStatus(containerId);
    return { exitCode, reason };
  }

  const suiteWorld: RuntimeSuiteWorld = {
    runtime,
    images,
    events,
    image,
    logDirectory: `${world.directory}/logs`,
    cgroupParent: world.cgroupRoot,
    makeDirectory: async (path) => void (await mkdir(path, { recursive: true })),
    pass: (ms) => delay(ms),
    unique,
  };
  for (const { name, run } of runtimeCases) test(name, () => run(suiteWorld));

  test("execSync: output, exit code, time limit", async (t) => {
    const { containerId } = await runPod(t, ["sleep", "1000"]);
    const result = await runtime.execSync(containerId, ["sh", "-c", "echo out; echo err >&2; exit 5"], 10);
    assert.equal(Buffer.from(result.stdout).toString(), "out\n");
    assert.equal(Buffer.from(result.stderr).toString(), "err\n");
    assert.equal(result.exitCode, 5);
    const late = await runtime.execSync(containerId, ["sleep", "60"], 1).catch((error: unknown) => error);
    assert(isCriError(late, "deadlineExceeded"), String(late));
  });

  test("pod groups: limits hold, statistics tell, removal leaves nothing", { skip: !cgroups }, async (t) => {
    assert(cgroups && version);
    const uid = unique();
    const memoryLimitInBytes = 32 << 20;
    const resources = { cpuShares: 102, cpuQuota: 50_000, memoryLimitInBytes, pidsLimit: 50 };
    const cgroupParent = await cgroups.ensurePod(uid, "Burstable", resources);
    const { containerId, sandboxId } = await runPod(t, ["sh", "-c", "while :; do :; done"], { cgroupParent, uid });
    assert.deepEqual(await cgroups.listPods(), [uid]);
    await eventually("cpu use", async () => {
      const stats = await cgroups.containerStats(uid, containerId);
      return (stats?.cpu?.usageCoreNanoSeconds ?? 0) > 0 && (stats?.memory?.workingSetBytes ?? 0) > 0;
    });
    const pod = await cgroups.podStats(uid);
    assert.ok((pod?.memory?.availableBytes ?? Infinity) <= memoryLimitInBytes);
    const hog = await runtime.execSync(containerId, ["dd", "if=/dev/zero", "of=/dev/null", "bs=100M", "count=1"], 20);
    assert.equal(hog.exitCode, 137);
    await runtime.stopContainer(containerId, 0);
    await runtime.stopPodSandbox(sandboxId);
    await runtime.removePodSandbox(sandboxId);
    await cgroups.removePod(uid);
    assert.deepEqual(await cgroups.listPods(), []);
    for (const hierarchy of version.hierarchies) assert.equal(existsSync(`${hierarchy}${cgroupParent}`), false);
  });

  test("probes reach a pod at its own address", async (t) => {
    const script = "mkdir /www; echo fine >/www/health; exec httpd -f -p 8080 -h /www";
    const { ip } = await runPod(t, ["sh", "-c", script]);
    const prober = new SocketNetworkProber();
    const probe = { scheme: "HTTP", host: ip, port: 8080, headers: [], timeoutMs: 2_000 } as const;
    await eventually("listening", async () => (await prober.tcp(ip, 8080, 1_000)).result === "success");
    assert.deepEqual(await prober.http({ ...probe, path: "/health" }), { result: "success", output: "fine\n" });
    const absent = await prober.http({ ...probe, path: "/no" });
    assert.deepEqual(absent, { result: "failure", output: "HTTP probe failed with statuscode: 404" });
    const refused = await prober.tcp(ip, 1, 1_000);
    assert.deepEqual(refused, { result: "failure", output: `dial tcp ${ip}:1: connect: connection refused` });
  });

  test("exec through the tunnel: SPDY as it is, WebSocket translated", async (t) => {
    const { containerId } = await runPod(t, ["sleep", "1000"]);
    const request = { containerId, command: ["sh", "-c", "wc -c; echo err >&2; exit 4"], tty: false };
    const exec = (): Promise<string> => runtime.exec({ ...request, stdin: true, stdout: true, stderr: true });
    const run = createTunnelRunner({ tls: () => ({}), logger });
    const server = http.createServer();
    // As an API server would, with the streams named in the target's query.
    server.on("upgrade", (incoming, socket, head) => {
      void exec().then((url) => {
        const tunnel = { url: `${url}?input=1&output=1&error=1`, protocol: "remotecommand", identity: "" } as const;
        return run(incoming, socket, head, tunnel);
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => server.close());
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const input = "x".repeat(3 << 20);

    const { socket, head, status } = await requestUpgrade({
      url: new URL(`http://${address}/`),
      method: "POST",
      headers: [
        ["Connection", "Upgrade"],
        ["Upgrade", "SPDY/3.1"],
        ["X-Stream-Protocol-Version", "v4.channel.k8s.io"],
      ],
      tls: {},
    });
    assert.equal(status, 101);
    const spdy = new SpdyConnection(socket, { role: "client", head });
    const [error, stdin, stdout, stderr] = ["error", "stdin", "stdout", "stderr"].map((type) =>
      spdy.open({ streamtype: [type] }),
    );
    assert(error && stdin && stdout && stderr);
    stdin.end(input);
    assert.equal((await text(stdout)).trim(), String(input.length));
    assert.equal(await text(stderr), "err\n");
    assert.match(await text(error), /"NonZeroExitCode"/);
    spdy.destroy();

    const webSocket = new WebSocket(`ws://${address}/`, ["v5.channel.k8s.io"]);
    const channels = ["", "", "", ""];
    webSocket.on("message", (message: Buffer) => {
      const channel = message[0] ?? 0;
      channels[channel] = (channels[channel] ?? "") + message.toString("utf8", 1);
    });
    await once(webSocket, "open");
    for (let at = 0; at < input.length; at += 1 << 15) webSocket.send(`\0${input.slice(at, at + (1 << 15))}`);
    webSocket.send(Buffer.of(255, 0));
    await once(webSocket, "close");
    assert.equal(channels[1]?.trim(), String(input.length));
    assert.equal(channels[2], "err\n");
    assert.match(channels[3] ?? "", /"NonZeroExitCode"/);
  });

  test("an image archive is loaded and runs", async (t) => {
    const name = "example.test/tools/box:2";
    const archive = layoutTar([await buildBusyboxImage(name)]);
    await using importer = new ImageImporter(socketPath);
    for (const loaded of readImageArchive(archive)) await importer.import(loaded);
    const { containerId } = await runPod(t, ["sh", "-c", "exit 3"], { image: name });
    assert.deepEqual(await exitOf(containerId), { exitCode: 3, reason: "Error" });
  });

  test("image volumes: read only, parts of them, unpacked when need be, gone with the sandbox or after a crash", async (t) => {
    const directory = `${world.directory}/image-volumes`;
    const make = (): ImageVolumes =>
      new ImageVolumes({
        socketPath,
        directory,
        images,
        snapshotter: () => snapshotterOf(connection),
        random: new SystemRandom(),
      });
    await using volumes = make();
    const withVolumes = new ImageVolumeRuntime(connection, volumes);
    const file = (name: string, content: string) => ({ type: "file", name, data: Buffer.from(content) }) as const;
    const architecture = ownArchitecture();
    assert(architecture !== undefined);
    const layers = [
      [file("top", "lower"), { type: "directory", name: "deep" } as const, file("deep/file", "found")],
      ...Array.from({ length: 60 }, (_, i) => [file(`layer-${i}`, String(i))]),
      [file("top", "upper")],
    ];
    await using importer = new ImageImporter(socketPath);
    await importer.import(
      buildImage("docker.io/library/files:1", [{ architecture, layers, config: {} }], { gzip: true }),
    );
    await eventually("CRI knows the image", async () => (await images.imageStatus({ image: "files:1" })) !== undefined);
    const { id = "" } = (await images.imageStatus({ image: "files:1" })) ?? {};
    const mounted = { hostPath: "", readonly: true, image: { image: id } };
    const pod = await podWith(t, withVolumes, [
      { ...mounted, containerPath: "/files" },
      { ...mounted, containerPath: "/part", imageSubPath: "deep/file" },
    ]);
    const run = async (script: string): Promise<string> => {
      const { stdout, stderr } = await runtime.execSync(pod.containerId, ["sh", "-c", script], 10);
      return Buffer.concat([stdout, stderr]).toString();
    };
    assert.equal(await run("cat /files/top /files/layer-59 /part"), "upper59found");
    assert.match(await run("echo x > /files/new"), /Read-only file system/);
    await assert.rejects(
      podWith(t, withVolumes, [{ ...mounted, containerPath: "/files", imageSubPath: "nowhere" }]),
      /ImageVolumeMountFailed: nowhere does not exist in the image/,
    );
    await images.removeImage({ image: "files:1" });
    assert.equal(await run("cat /files/top"), "upper");

    // Another process finds what this one would have released.
    await using later = make();
    await later.sweep(new Set([pod.sandboxId]));
    assert.equal(await run("cat /files/top"), "upper");
    await runtime.stopPodSandbox(pod.sandboxId);
    await later.sweep(new Set());
    assert.deepEqual(await new SystemMounter().listBelow(directory), []);
    assert.deepEqual(await readdir(directory), []);
    const ctr = ["--address", socketPath, "--namespace", "k8s.io"];
    assert.doesNotMatch(await execChecked("ctr", [...ctr, "leases", "list"]), /k8ts-image-volumes/);
    assert.doesNotMatch(await execChecked("ctr", [...ctr, "snapshots", "list"]), /k8ts-image-volume/);
  });

  test("an image is pulled from a registry that wants a token", async () => {
    const credentials = { username: "someone", password: "secret", flow: "bearer" } as const;
    // Of its own content: removing an image removes all names that this content has.
    const layer = [{ type: "file", name: "file", data: Buffer.from("pulled") }] as const;
    const architecture = ownArchitecture() ?? "amd64";
    const built = buildImage("unused:1", [{ architecture, layers: [layer], config: { Cmd: ["/file"] } }]);
    await using registry = await startRegistryStub({ images: { "team/app:1": built }, credentials });
    const spec = { image: `${registry.host}/team/app:1` };
    const refused = await images.pullImage(spec).catch((error: unknown) => error);
    assert.match(String(refused), /401 Unauthorized|authorization failed/);
    const { username, password } = credentials;
    const id = await images.pullImage(spec, { username, password });
    assert.equal((await images.imageStatus(spec))?.id, id);
    const missing = { image: `${registry.host}/team/app:none` };
    const absent = await images.pullImage(missing, { username, password }).catch((error: unknown) => error);
    assert(isCriError(absent, "notFound"), String(absent));
    await images.removeImage(spec);
  });

  test("the Node that runs this is an image too", async (t) => {
    const script = "console.log('hello from', process.version); process.exitCode = 6";
    await using importer = new ImageImporter(socketPath);
    await importer.import(await buildNodeImage("example.test/hello:1", { "main.js": script }));
    const { containerId } = await runPod(t, [], { image: "example.test/hello:1" });
    assert.deepEqual(await exitOf(containerId), { exitCode: 6, reason: "Error" });
    const { logPath } = await runtime.containerStatus(containerId);
    assert.match(await readFile(logPath, "utf8"), new RegExp(`stdout F hello from ${process.version}`));
  });

  test("a tmpfs is limited, listed and unmounted", async () => {
    const mounter = new SystemMounter();
    const directory = `${world.directory}/with blank`;
    await mkdir(directory);
    await mounter.mountTmpfs(directory, { sizeBytes: 1 << 20, mode: 0o700 });
    await mounter.mountTmpfs(directory, {});
    assert.equal(await mounter.isMounted(directory), true);
    assert.deepEqual(await mounter.listBelow(directory), [directory]);
    await assert.rejects(writeFile(`${directory}/big`, Buffer.alloc(2 << 20)), /ENOSPC/);
    await writeFile(`${world.directory}/source`, "bound");
    await writeFile(`${directory}/target`, "");
    await mounter.bind(`${world.directory}/source`, `${directory}/target`, { readOnly: true });
    assert.equal(await readFile(`${directory}/target`, "utf8"), "bound");
    // Of the same device as what it is mounted on.
    await mkdir(`${directory}/from`);
    await mkdir(`${directory}/to`);
    assert.equal(await mounter.isMounted(`${directory}/to`), false);
    await mounter.bind(`${directory}/from`, `${directory}/to`, { readOnly: false });
    assert.equal(await mounter.isMounted(`${directory}/to`), true);
    await assert.rejects(writeFile(`${directory}/target`, "x"), /EROFS/);
    for (const path of await mounter.listBelow(directory)) await mounter.unmount(path);
    await mounter.unmount(directory);
    assert.equal(await mounter.isMounted(directory), false);
  });

  test("a part of a volume is bound, and made, without leaving the volume while it is being swapped for a link", async () => {
    const mounter = new SystemMounter();
    const root = `${world.directory}/volume`;
    const outside = `${world.directory}/outside`;
    const target = `${world.directory}/subpaths/0`;
    for (const directory of [`${root}/at/part`, outside]) await mkdir(directory, { recursive: true });
    const options = { mode: 0o2777, readOnly: false };
    await mounter.bindWithin(root, "new/deep", target, options);
    assert.equal((await stat(`${root}/new/deep`)).mode & 0o7777, 0o2777);
    await mounter.unmount(target);
    // `at` is now the directory, now a link to what is outside, as fast as the kernel can.
    const swap = `mv -T at away; ln -sT ${outside} at; sleep 0.01; rm -rf at; mv -T away at; sleep 0.01`;
    const script = `cd ${root}; while :; do ${swap}; done 2>/dev/null`;
    const swapping = spawn("sh", ["-c", script], { stdio: "ignore" });
    const ends = { bound: 0, refused: 0 };
    try {
      for (let i = 0; i < 200 && (ends.refused < 10 || ends.bound < 10); i++) {
        try {
          await mounter.bindWithin(root, "at/part", target, options);
          ends.bound++;
          await mounter.unmount(target);
        } catch (error) {
          if (!/link, which was not there before|no such file/i.test(String(error))) throw error;
          ends.refused++;
        }
      }
    } finally {
      swapping.kill("SIGKILL");
    }
    // Nothing was made there.
    assert.deepEqual(await readdir(outside), []);
    assert.ok(ends.refused > 0 && ends.bound > 0, JSON.stringify(ends));
  });

  test("containers outlive kill -9 of containerd, and a second start goes on with a running one", async (t) => {
    const { containerId } = await runPod(t, ["sleep", "1000"]);
    const before = await containerd.pid();
    assert.deepEqual(await containerd.start(), { pid: before, isNew: false });
    assert(before !== undefined);
    process.kill(before, "SIGKILL");
    await eventually("ended", async () => (await containerd.pid()) === undefined);
    const { pid, isNew } = await containerd.start();
    assert(isNew && pid !== before);
    await eventually(
      "answer",
      async () => (await runtime.containerStatus(containerId).catch(() => undefined)) !== undefined,
    );
    assert.equal((await runtime.containerStatus(containerId)).state, "running");
    assert.equal((await runtime.execSync(containerId, ["true"], 5)).exitCode, 0);
  });

  test("what a cluster leaves is found", async (t) => {
    await runPod(t, ["sleep", "1000"]);
    const kinds = new Set((await listLeftovers(traces)).map(({ kind }) => kind));
    for (const kind of ["process", "shim", "shim socket", "cgroup", "mount", "route", "nftables table", "directory"]) {
      assert(kinds.has(kind), `${kind} is not among ${[...kinds].join(", ")}`);
    }
  });
});
