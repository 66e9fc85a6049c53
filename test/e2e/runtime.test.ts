import { mkdir } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import assert from "node:assert/strict";

import { SystemClock } from "../../src/component-base/clock.ts";
import { silentLogger } from "../../src/component-base/logger.ts";
import { randomUuid, SystemRandom } from "../../src/component-base/random.ts";
import { runtimeCases, type RuntimeSuiteWorld } from "../../src/cri-api/testing/runtime-suite.ts";
import { writeCniConfig, setUpPodNetwork } from "../../src/node/cni.ts";
import { ContainerdProcess } from "../../src/node/containerd/containerd-process.ts";
import { ContainerdEvents } from "../../src/node/cri-client/containerd-events.ts";
import { CriConnection } from "../../src/node/cri-client/cri-connection.ts";
import { CriImageService, CriRuntimeService } from "../../src/node/cri-client/cri-client.ts";
import { buildBusyboxImage, buildPauseImage } from "../../src/node/images/built-in-images.ts";
import { ImageImporter } from "../../src/node/images/image-import.ts";
import { enterWorld } from "./world.ts";

const entered = await enterWorld(["containerd", "runc", "nft", "busybox"]);

describe("container runtime", { skip: typeof entered === "string" ? entered : false }, () => {
  if (typeof entered === "string") return;
  const world = entered;
  const clock = new SystemClock();
  const containerd = new ContainerdProcess({
    directory: `${world.directory}/containerd`,
    cniBinDirectory: world.cniBinDirectory,
    cniConfigDirectory: `${world.directory}/cni`,
    clock,
    logger: silentLogger,
  });
  const connection = new CriConnection(containerd.paths.socket);
  const runtime = new CriRuntimeService(connection);
  const images = new CriImageService(connection);
  const events = new ContainerdEvents({ socketPath: containerd.paths.socket, clock, logger: silentLogger });
  const image = "docker.io/library/busybox:1.35";

  before(async () => {
    const network = {
      name: "k8ts-world",
      podCidr: "10.244.0.0/24",
      clusterCidr: "10.244.0.0/16",
      serviceCidr: "10.96.0.0/12",
      nodeIp: "127.0.0.1",
      configDirectory: `${world.directory}/cni`,
      dataDirectory: `${world.directory}/ipam`,
    };
    await writeCniConfig(network);
    await setUpPodNetwork(network);
    await containerd.start();
    await using importer = new ImageImporter(containerd.paths.socket);
    await importer.import(buildPauseImage());
    await importer.import(await buildBusyboxImage(image));
  });

  after(async () => {
    await events[Symbol.asyncDispose]();
    await connection[Symbol.asyncDispose]();
    await containerd.stop();
  });

  const suiteWorld: RuntimeSuiteWorld = {
    runtime,
    images,
    events,
    image,
    logDirectory: `${world.directory}/logs`,
    cgroupParent: world.cgroupRoot,
    makeDirectory: async (path) => void (await mkdir(path, { recursive: true })),
    pass: (ms) => delay(ms),
    unique: () => randomUuid(new SystemRandom()),
  };
  for (const { name, run } of runtimeCases) test(name, () => run(suiteWorld));

  test("a second start goes on with the running containerd", async () => {
    const pid = await containerd.pid();
    assert.deepEqual(await containerd.start(), { pid, isNew: false });
  });
});
