import { assert } from "../../component-base/assert.ts";
import { isCriError } from "../runtime/v1/cri-error.ts";
import { containerNameLabel, podNameLabel, podNamespaceLabel, podUidLabel } from "../runtime/v1/labels.ts";
import type { ImageService, RuntimeEvent, RuntimeEvents, RuntimeService } from "../runtime/v1/services.ts";
import type { ContainerConfig, ContainerStatus, PodSandboxConfig } from "../runtime/v1/types.ts";

/** What the suite needs of the world: a runtime, an image that is there, and a way to let time pass. */
export interface RuntimeSuiteWorld {
  readonly runtime: RuntimeService;
  readonly images: ImageService;
  readonly events?: RuntimeEvents;
  /** An image that is present, with `sh` and `sleep`. */
  readonly image: string;
  /** An existing directory for logs and nothing else. */
  readonly logDirectory: string;
  /** Where sandboxes get their control groups, for runtimes that make some. */
  readonly cgroupParent?: string;
  /** Makes a directory below it. */
  readonly makeDirectory: (path: string) => Promise<void>;
  /** Lets about `ms` of the runtime's time pass. */
  readonly pass: (ms: number) => Promise<void>;
  /** Unguessable enough to keep runs apart. */
  readonly unique: () => string;
}

export interface RuntimeCase {
  readonly name: string;
  readonly run: (world: RuntimeSuiteWorld) => Promise<void>;
}

function sandboxConfig(world: RuntimeSuiteWorld, attempt = 0, uid = world.unique()): PodSandboxConfig {
  const name = `suite-${uid}`;
  return {
    metadata: { name, namespace: "suite", uid, attempt },
    hostname: name,
    logDirectory: `${world.logDirectory}/${uid}`,
    portMappings: [],
    labels: { [podNameLabel]: name, [podNamespaceLabel]: "suite", [podUidLabel]: uid, suite: uid },
    annotations: { note: "kept" },
    linux: {
      ...(world.cgroupParent === undefined ? {} : { cgroupParent: `${world.cgroupParent}/pod${uid}` }),
      securityContext: { namespaceOptions: { network: "pod", pid: "container", ipc: "pod" } },
    },
  };
}

function containerConfig(
  world: RuntimeSuiteWorld,
  pod: PodSandboxConfig,
  script: string,
  attempt = 0,
): ContainerConfig {
  return {
    metadata: { name: "main", attempt },
    image: { image: world.image },
    command: ["sh", "-c", script],
    args: [],
    workingDir: "",
    envs: [],
    mounts: [],
    devices: [],
    labels: { ...pod.labels, [containerNameLabel]: "main" },
    annotations: { hash: "1" },
    logPath: `main/${attempt}.log`,
    stdin: false,
    stdinOnce: false,
    tty: false,
    linux: {
      resources: { cpuShares: 2 },
      securityContext: { namespaceOptions: { network: "pod", pid: "container", ipc: "pod" } },
    },
  };
}

async function withSandbox(
  world: RuntimeSuiteWorld,
  fn: (sandboxId: string, config: PodSandboxConfig) => Promise<void>,
): Promise<void> {
  const config = sandboxConfig(world);
  await world.makeDirectory(`${config.logDirectory}/main`);
  const id = await world.runtime.runPodSandbox(config, "");
  try {
    await fn(id, config);
  } finally {
    await world.runtime.stopPodSandbox(id);
    await world.runtime.removePodSandbox(id);
  }
}

async function run(
  world: RuntimeSuiteWorld,
  sandboxId: string,
  pod: PodSandboxConfig,
  script: string,
): Promise<string> {
  const id = await world.runtime.createContainer(sandboxId, containerConfig(world, pod, script), pod);
  await world.runtime.startContainer(id);
  return id;
}

// Each step lets a tenth of a second pass: ten seconds is far more than any case needs, and bounds a hang.
async function waitExited(world: RuntimeSuiteWorld, id: string): Promise<ContainerStatus> {
  for (let i = 0; i < 100; i++) {
    const status = await world.runtime.containerStatus(id);
    if (status.state === "exited") return status;
    await world.pass(100);
  }
  throw new Error(`container ${id} did not exit`);
}

async function rejects(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error("the call was expected to fail");
}

/** The contract of RuntimeService and RuntimeEvents. */
export const runtimeCases: readonly RuntimeCase[] = [
  {
    name: "version and status answer",
    run: async ({ runtime }) => {
      assert((await runtime.version()).runtimeName !== "", "runtimeName is empty");
      const ready = (await runtime.status()).conditions.find((c) => c.type === "RuntimeReady");
      assert(ready?.status === true, "RuntimeReady is not true");
    },
  },
  {
    name: "a sandbox is ready, has an address, and is listed by label and state until removed",
    run: async (world) => {
      const { runtime } = world;
      await withSandbox(world, async (id, config) => {
        const status = await runtime.podSandboxStatus(id);
        assert(status.state === "ready", "sandbox is not ready");
        assert(/^[0-9a-f.:]+$/.test(status.network?.ip ?? ""), "sandbox has no address");
        assert(status.annotations["note"] === "kept", "annotations are lost");
        const labelSelector = { suite: config.metadata.uid };
        assert((await runtime.listPodSandbox({ labelSelector, state: "ready" })).length === 1, "not listed");
        await runtime.stopPodSandbox(id);
        await runtime.stopPodSandbox(id);
        assert((await runtime.podSandboxStatus(id)).state === "notReady", "stopped sandbox is ready");
        await runtime.removePodSandbox(id);
        await runtime.removePodSandbox(id);
        assert((await runtime.listPodSandbox({ labelSelector })).length === 0, "removed sandbox is listed");
        assert(isCriError(await rejects(runtime.podSandboxStatus(id)), "notFound"), "expected notFound");
      });
    },
  },
  {
    name: "the same attempt of a sandbox cannot run twice, the next one can",
    run: async (world) => {
      await withSandbox(world, async (_, config) => {
        const error = await rejects(world.runtime.runPodSandbox(config, ""));
        assert(error instanceof Error && error.message.includes("is reserved"), "expected 'is reserved'");
        const next = await world.runtime.runPodSandbox({ ...config, metadata: { ...config.metadata, attempt: 1 } }, "");
        await world.runtime.stopPodSandbox(next);
        await world.runtime.removePodSandbox(next);
      });
    },
  },
  {
    name: "a container goes from created to running to exited with its code",
    run: async (world) => {
      const { runtime } = world;
      await withSandbox(world, async (sandboxId, pod) => {
        const config = containerConfig(world, pod, "sleep 0.3; exit 7");
        const id = await runtime.createContainer(sandboxId, config, pod);
        assert((await runtime.containerStatus(id)).state === "created", "not created");
        await runtime.startContainer(id);
        const running = await runtime.containerStatus(id);
        assert(running.state === "running" && running.startedAtMs > 0, "not running");
        assert(running.labels[containerNameLabel] === "main" && running.annotations["hash"] === "1", "labels are lost");
        const exited = await waitExited(world, id);
        assert(exited.exitCode === 7 && exited.reason === "Error", `exited with ${exited.exitCode} ${exited.reason}`);
        assert(exited.finishedAtMs >= exited.startedAtMs, "finished before it started");
        assert((await runtime.listContainers({ podSandboxId: sandboxId })).length === 1, "not listed");
        await runtime.removeContainer(id);
        await runtime.removeContainer(id);
        assert(isCriError(await rejects(runtime.containerStatus(id)), "notFound"), "expected notFound");
      });
    },
  },
  {
    name: "exit code 0 is Completed",
    run: async (world) => {
      await withSandbox(world, async (sandboxId, pod) => {
        const exited = await waitExited(world, await run(world, sandboxId, pod, "true"));
        assert(exited.exitCode === 0 && exited.reason === "Completed", `${exited.exitCode} ${exited.reason}`);
      });
    },
  },
  {
    name: "stopContainer with no grace kills with 137 and is idempotent",
    run: async (world) => {
      await withSandbox(world, async (sandboxId, pod) => {
        const id = await run(world, sandboxId, pod, "sleep 1000");
        await world.runtime.stopContainer(id, 0);
        const exited = await waitExited(world, id);
        assert(exited.exitCode === 137 && exited.reason === "Error", `${exited.exitCode} ${exited.reason}`);
        await world.runtime.stopContainer(id, 0);
        await world.runtime.stopContainer("no-such-container", 0);
      });
    },
  },
  {
    name: "stopping a sandbox ends its containers",
    run: async (world) => {
      await withSandbox(world, async (sandboxId, pod) => {
        const id = await run(world, sandboxId, pod, "sleep 1000");
        await world.runtime.stopPodSandbox(sandboxId);
        assert((await waitExited(world, id)).exitCode === 137, "expected 137");
      });
    },
  },
  {
    name: "a container of an absent image or sandbox is notFound",
    run: async (world) => {
      await withSandbox(world, async (sandboxId, pod) => {
        const config = containerConfig(world, pod, "true");
        const absent = { ...config, image: { image: `sha256:${"0".repeat(64)}` } };
        assert((await rejects(world.runtime.createContainer(sandboxId, absent, pod))) instanceof Error, "image");
        assert((await rejects(world.runtime.createContainer("no-such", config, pod))) instanceof Error, "sandbox");
      });
    },
  },
  {
    name: "imageStatus is undefined for what is not there",
    run: async ({ images, image }) => {
      assert((await images.imageStatus({ image })) !== undefined, "present image is absent");
      assert((await images.imageStatus({ image: "local.invalid/no/such:image" })) === undefined, "absent is present");
      assert((await images.imageFsInfo()).imageFilesystems.length > 0, "no image file system");
    },
  },
  {
    name: "events name the pod or the container that changed",
    run: async (world) => {
      const { events } = world;
      if (!events) return;
      const seen: RuntimeEvent[] = [];
      const unsubscribe = events.subscribe(
        (event) => seen.push(event),
        () => {},
      );
      try {
        await withSandbox(world, async (sandboxId, pod) => {
          const id = await run(world, sandboxId, pod, "exit 1");
          await waitExited(world, id);
          for (let i = 0; i < 50 && !seen.some((e) => e.containerId === id && e.type === "stopped"); i++) {
            await world.pass(100);
          }
          assert(
            seen.some((e) => e.containerId === id && e.type === "stopped"),
            "no stopped event",
          );
        });
      } finally {
        unsubscribe();
      }
    },
  },
];
