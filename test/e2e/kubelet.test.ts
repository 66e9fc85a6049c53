import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import type { Pod, PodSpec } from "../../src/api/core/v1/types.gen.ts";
import { nodes, pods } from "../../src/api/resources.gen.ts";
import { isNotFound } from "../../src/apimachinery/errors/status-error.ts";
import type { Input } from "../../src/apimachinery/resource-type.ts";
import { createInformerFactory } from "../../src/client/cache/informer-factory.ts";
import { createApiClient } from "../../src/client/rest/rest-client.ts";
import { FakeApiServer } from "../../src/client/testing/fake-api-server.ts";
import { SystemClock } from "../../src/component-base/clock.ts";
import { silentLogger } from "../../src/component-base/logger.ts";
import { MetricRegistry } from "../../src/component-base/metrics.ts";
import { SystemRandom } from "../../src/component-base/random.ts";
import { createKubelet } from "../../src/kubelet/kubelet.ts";
import { createCgroupManager } from "../../src/node/cgroups/cgroup-manager.ts";
import { setUpPodNetwork, writeCniConfig } from "../../src/node/cni.ts";
import { ContainerdProcess } from "../../src/node/containerd/containerd-process.ts";
import { ContainerdEvents } from "../../src/node/cri-client/containerd-events.ts";
import { CriImageService, CriRuntimeService } from "../../src/node/cri-client/cri-client.ts";
import { CriConnection } from "../../src/node/cri-client/cri-connection.ts";
import { LinuxHostInfo } from "../../src/node/host-info.ts";
import { buildBusyboxImage, buildPauseImage } from "../../src/node/images/built-in-images.ts";
import { ImageImporter } from "../../src/node/images/image-import.ts";
import { SystemMounter } from "../../src/node/mounts.ts";
import { LinuxDisks } from "../../src/node/disks.ts";
import { SocketNetworkProber } from "../../src/node/network-prober.ts";
import { NodeFileSystem } from "../../src/node/node-file-system.ts";
import { enterWorld, eventually } from "./world.ts";

const entered = await enterWorld(["containerd", "runc", "nft", "busybox"]);

describe("kubelet on containerd", { skip: typeof entered === "string" ? entered : false }, () => {
  if (typeof entered === "string") return;
  const world = entered;
  const clock = new SystemClock();
  const random = new SystemRandom();
  const logger = silentLogger;
  const image = "docker.io/library/busybox:1.35";
  const containerd = new ContainerdProcess({
    directory: `${world.directory}/containerd`,
    cniBinDirectory: world.cniBinDirectory,
    cniConfigDirectory: `${world.directory}/cni`,
    clock,
    logger,
  });
  const connection = new CriConnection(containerd.paths.socket);
  const runtime = new CriRuntimeService(connection);
  const events = new ContainerdEvents({ socketPath: containerd.paths.socket, clock, logger });
  const api = new FakeApiServer(clock, random);
  const client = createApiClient({ transport: api, clock, random, userAgent: "test" });
  const kubeletDirectory = `${world.directory}/kubelet`;
  let stop = async (): Promise<void> => {};

  async function startKubelet(): Promise<void> {
    const controller = new AbortController();
    const informers = createInformerFactory({ client, clock, random, logger });
    const kubelet = createKubelet({
      nodeName: "n1",
      client,
      informers,
      runtime,
      images: new CriImageService(connection),
      runtimeEvents: events,
      ports: {
        fileSystem: new NodeFileSystem(),
        cgroups: createCgroupManager({ root: world.cgroupRoot, clock, logger }),
        mounter: new SystemMounter(),
        prober: new SocketNetworkProber(),
        disks: new LinuxDisks(),
        host: new LinuxHostInfo({ nodeName: "n1", nodeIps: ["127.0.0.1"], directory: world.directory, clock }),
      },
      clock,
      random,
      logger,
      recorder: { event: () => {} },
      metrics: new MetricRegistry(),
      config: {
        clusterDns: ["10.96.0.10"],
        rootDirectory: kubeletDirectory,
        podLogsDirectory: `${world.directory}/logs`,
      },
    });
    const done = kubelet.run(controller.signal);
    stop = async () => {
      controller.abort();
      await done;
      await informers[Symbol.asyncDispose]();
    };
  }

  const podClient = client.resource(pods, "default");

  async function createPod(name: string, spec: Input<PodSpec>): Promise<void> {
    await podClient.create({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace: "default" },
      spec: { restartPolicy: "Always", terminationGracePeriodSeconds: 30, ...spec, nodeName: "n1" },
      status: { phase: "Pending" },
    });
  }

  async function until(name: string, what: string, claim: (pod: Pod) => boolean): Promise<Pod> {
    let found = await podClient.get(name);
    await eventually(
      `${name} ${what}`,
      async () => {
        found = await podClient.get(name);
        return claim(found);
      },
      20_000,
    );
    return found;
  }

  const main = (script: string) => ({
    name: "main",
    image,
    imagePullPolicy: "IfNotPresent" as const,
    command: ["sh", "-c", script],
  });

  before(async () => {
    const network = {
      name: "k8ts-world",
      clusterCidr: "10.244.0.0/16",
      serviceCidr: "10.96.0.0/12",
      nodeIp: "127.0.0.1",
      configDirectory: `${world.directory}/cni`,
      dataDirectory: `${world.directory}/ipam`,
    };
    await mkdir(kubeletDirectory, { recursive: true });
    await writeCniConfig(network, "10.244.0.0/24");
    await setUpPodNetwork(network);
    await containerd.start();
    await using importer = new ImageImporter(containerd.paths.socket);
    await importer.import(buildPauseImage());
    await importer.import(await buildBusyboxImage(image));
    await startKubelet();
    await eventually("node ready", async () => {
      const node = await client
        .resource(nodes)
        .get("n1")
        .catch(() => undefined);
      return node?.status.conditions?.some((c) => c.type === "Ready" && c.status === "True") === true;
    });
  });

  after(async () => {
    await stop();
    await events[Symbol.asyncDispose]();
    await connection[Symbol.asyncDispose]();
    await containerd.stop();
  });

  test("a pod runs with volumes, environment and probes, and a restarted kubelet leaves it alone", async () => {
    await client.resource((await import("../../src/api/resources.gen.ts")).configMaps, "default").create({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "settings", namespace: "default" },
      data: { greeting: "hello" },
    });
    const started = performance.now();
    await createPod("web", {
      securityContext: { fsGroup: 2000 },
      volumes: [
        { name: "config", configMap: { name: "settings" } },
        { name: "scratch", emptyDir: { medium: "Memory" } },
      ],
      containers: [
        {
          ...main(
            'cat /config/greeting > /scratch/out; echo "$GREETING $(cat /scratch/out) $(hostname)"; mkdir /www; echo ok > /www/index.html; httpd -p 80 -h /www; trap "exit 0" TERM; while :; do sleep 0.1; done',
          ),
          env: [{ name: "GREETING", value: "well" }],
          volumeMounts: [
            { name: "config", mountPath: "/config" },
            { name: "scratch", mountPath: "/scratch" },
          ],
          resources: { requests: { cpu: "50m", memory: "16Mi" }, limits: { memory: "64Mi" } },
          readinessProbe: { httpGet: { path: "/index.html", port: 80 }, periodSeconds: 1 },
        },
      ],
    });
    const pod = await until("web", "ready", (p) => p.status.containerStatuses?.[0]?.ready === true);
    assert.ok(performance.now() - started < 10_000);
    assert.match(pod.status.podIP ?? "", /^10\.244\.0\./);
    const log = `${world.directory}/logs/default_web_${pod.metadata.uid}/main/0.log`;
    assert.match(await readFile(log, "utf8"), /stdout F well hello web\n/);
    const writes = api.writes.length;
    await stop();
    await startKubelet();
    await delay(1_500);
    const after = await podClient.get("web");
    assert.equal(after.status.containerStatuses?.[0]?.containerID, pod.status.containerStatuses?.[0]?.containerID);
    assert.equal(after.status.containerStatuses?.[0]?.restartCount, 0);
    assert.deepEqual(after.status, pod.status);
    assert.deepEqual(
      api.writes.slice(writes).filter((w) => w.includes("/pods/")),
      [],
    );
  });

  test("a killed process comes back with its exit code on record", async () => {
    await createPod("crash", {
      containers: [main("sleep 0.3; echo oops > /dev/termination-log; exit 3")].map((c) => ({
        ...c,
        terminationMessagePath: "/dev/termination-log",
      })),
    });
    const pod = await until("crash", "restarted", (p) => (p.status.containerStatuses?.[0]?.restartCount ?? 0) > 0);
    const last = pod.status.containerStatuses?.[0]?.lastState.terminated;
    assert.equal(last?.exitCode, 3);
    assert.equal(last?.reason, "Error");
    assert.equal(last?.message, "oops\n");
    await until(
      "crash",
      "backing off",
      (p) => p.status.containerStatuses?.[0]?.state.waiting?.reason === "CrashLoopBackOff",
    );
  });

  test("deleted pods leave nothing behind", async () => {
    for (const name of ["web", "crash"]) await podClient.delete(name);
    await eventually(
      "both gone",
      async () => {
        const left = await podClient.list();
        return left.items.length === 0;
      },
      40_000,
    );
    await eventually("no sandbox", async () => (await runtime.listPodSandbox()).length === 0);
    const fs = new NodeFileSystem();
    assert.deepEqual(await fs.list(`${kubeletDirectory}/pods`), []);
    await eventually("no log", async () => (await fs.list(`${world.directory}/logs`)).length === 0);
    assert.deepEqual(await createCgroupManager({ root: world.cgroupRoot, clock, logger }).listPods(), []);
    await assert.rejects(podClient.get("web"), isNotFound);
  });
});
