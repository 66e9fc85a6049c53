import type { Container, Pod } from "../../api/core/v1/types.gen.ts";
import type { EventRecorder } from "../../client/record/event-recorder.ts";
import type { Clock } from "../../component-base/clock.ts";
import type { FileSystem } from "../../component-base/file-system.ts";
import { errorText, type Logger } from "../../component-base/logger.ts";
import { criErrorText } from "../../cri-api/runtime/v1/cri-error.ts";
import type { RuntimeService } from "../../cri-api/runtime/v1/services.ts";
import type {
  Device,
  DnsConfig,
  Image,
  ImageSpec,
  KeyValue,
  Mount,
  PodSandboxConfig,
} from "../../cri-api/runtime/v1/types.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import type { PodCgroupResources } from "../ports.ts";
import { containerFieldPath, findContainer, formatDuration, formatPod } from "../api/pods.ts";
import { BackoffTracker } from "../container/backoff-tracker.ts";
import { latestContainer, type PodRecord } from "../container/pod-record.ts";
import { imageOf, type ImageManager } from "../images/image-manager.ts";
import type { HandlerRunner } from "../lifecycle/handler-runner.ts";
import { computePodActions, type PodActions, type ProbeVerdicts } from "./compute-pod-actions.ts";
import { containerConfig } from "./container-config.ts";
import { containerHash } from "./container-hash.ts";
import type { ContainerKiller } from "./container-killer.ts";
import { ContainerStartError, type StartFailureReason } from "./container-start-error.ts";
import { containerLinuxResources } from "./linux-resources.ts";
import { podLogDirectory, sandboxConfig } from "./sandbox-config.ts";
import { runAsNonRootViolation, type SeccompSettings } from "./security-context.ts";
import type { Semaphore } from "./semaphore.ts";

/** What the manager asks the rest of the kubelet for. */
export interface RuntimeHelper {
  dnsConfig(pod: Pod): Promise<DnsConfig>;
  hostname(pod: Pod): string;
  cgroupParent(pod: Pod): Promise<string>;
  /** Gives the pod's control group what it may use after a resize, or while one is under way: then also what it had. */
  resizeCgroup(pod: Pod, isUnderWay: boolean): Promise<void>;
  /** What the pod's control group was given, and what it should be given now. */
  podResize(pod: Pod): { readonly former: PodCgroupResources; readonly wanted: PodCgroupResources };
  /** What the pod uses now, or one of its containers; undefined where nobody knows. */
  memoryUsageBytes(pod: Pod, containerId?: string): Promise<number | undefined>;
  environment(pod: Pod, container: Container, podIps: readonly string[]): Promise<readonly KeyValue[]>;
  devices(pod: Pod, container: Container): Promise<readonly Device[]>;
  mounts(
    pod: Pod,
    container: Container,
    input: {
      readonly podIps: readonly string[];
      readonly environment: readonly KeyValue[];
      readonly images: ReadonlyMap<string, ImageSpec>;
    },
  ): Promise<readonly Mount[]>;
  memoryCapacityBytes(): number;
  runtimeHandler(pod: Pod): Promise<string>;
}

export interface KuberuntimeOptions {
  /** The longest pause before a crashed container is started again. */
  readonly crashBackoffMaxMs: number;
  readonly runtime: RuntimeService;
  readonly images: ImageManager;
  readonly hooks: HandlerRunner;
  readonly killer: ContainerKiller;
  readonly helper: RuntimeHelper;
  readonly probes: ProbeVerdicts;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly fileSystem: FileSystem;
  readonly podLogsDirectory: string;
  /** The directory profiles of type Localhost are in. */
  readonly seccomp: SeccompSettings;
  readonly sandboxStarts: Semaphore;
}

/** Why a container is waiting. */
export interface StartFailure {
  readonly reason: StartFailureReason;
  readonly message: string;
}

export interface SyncResult {
  /** Something was done, so the runtime's state must be read again. */
  readonly hasActed: boolean;
  /** By container name: those that should have been started and could not be. */
  readonly failures: ReadonlyMap<string, StartFailure>;
  /** Wall-clock time at which a back-off ends. */
  readonly retryAtMs: number | undefined;
  /** A failure without a back-off of its own. */
  readonly error: unknown;
  /** The pod's control group has what it should have. */
  readonly isGroupResized: boolean;
  /** Why running containers could not be given what they should have. */
  readonly resizeError?: string;
}

const crashBackoffInitialMs = 10_000;

/** Brings the containers of one pod to what the pod asks for, through the runtime interface. */
export class KuberuntimeManager {
  readonly #options: KuberuntimeOptions;
  readonly #crashBackoff: BackoffTracker;

  constructor(options: KuberuntimeOptions) {
    this.#options = options;
    this.#crashBackoff = new BackoffTracker(options.clock, {
      initialMs: Math.min(crashBackoffInitialMs, options.crashBackoffMaxMs),
      maxMs: options.crashBackoffMaxMs,
    });
  }

  forgetPod(uid: string): void {
    this.#crashBackoff.forget(`${uid}_`);
    this.#options.images.forgetPod(uid);
  }

  /** One pass. Rejects only when aborted; everything else is in the result. */
  async syncPod(pod: Pod, record: PodRecord, signal: AbortSignal): Promise<SyncResult> {
    const actions = computePodActions(pod, record, this.#options.probes);
    const failures = new Map<string, StartFailure>();
    let hasActed = false;
    const isResize =
      actions.containersToResize.length > 0 ||
      actions.containersToKill.some(({ reason }) => reason === "resize") ||
      isPodResized(this.#options.helper, pod);
    let isGroupResized = !isResize;
    try {
      const refusal = isResize ? await this.#tooMuchInUse(pod, actions) : undefined;
      if (refusal !== undefined)
        return { hasActed, isGroupResized, failures, retryAtMs: undefined, error: undefined, resizeError: refusal };
      if (isResize) await this.#options.helper.resizeCgroup(pod, true);
      hasActed = await this.#kill(pod, record, actions, signal);
      const resizeError = await this.#resize(pod, actions, signal);
      const resized = resizeError === undefined ? {} : { resizeError };
      if (isResize) {
        hasActed = true;
        if (resizeError === undefined) {
          await this.#options.helper.resizeCgroup(pod, false);
          isGroupResized = true;
        }
      }
      const starts = [
        ...actions.ephemeralContainersToStart,
        ...actions.initContainersToStart,
        ...actions.containersToStart,
      ];
      if (!actions.createSandbox && (starts.length === 0 || actions.killPod)) {
        return { hasActed, isGroupResized, failures, retryAtMs: undefined, error: undefined, ...resized };
      }
      const sandbox = await this.#sandbox(pod, record, actions, signal);
      if (actions.createSandbox) hasActed = true;
      const volumeImages = await this.#volumeImages(pod, signal);
      let retryAtMs: number | undefined;
      let error: unknown;
      for (const container of starts) {
        try {
          await this.#start(pod, container, { record, sandbox, volumeImages, signal });
          hasActed = true;
        } catch (failure) {
          if (signal.aborted) throw failure;
          if (!(failure instanceof ContainerStartError)) {
            error = failure;
            continue;
          }
          failures.set(container.name, { reason: failure.reason, message: failure.message });
          // What was created before it failed has to be seen, too.
          if (failure.reason === "RunContainerError" || failure.reason === "PostStartHookError") hasActed = true;
          if (failure.retryAtMs === undefined) error = failure;
          else retryAtMs = Math.min(retryAtMs ?? Number.POSITIVE_INFINITY, failure.retryAtMs);
        }
      }
      return { hasActed, isGroupResized, failures, retryAtMs, error, ...resized };
    } catch (error) {
      if (signal.aborted) throw error;
      return { hasActed, isGroupResized, failures, retryAtMs: undefined, error };
    }
  }

  async #kill(pod: Pod, record: PodRecord, actions: PodActions, signal: AbortSignal): Promise<boolean> {
    const { runtime, killer, recorder } = this.#options;
    if (actions.killPod) {
      const isRunning = record.containers.some((c) => c.state === "running");
      const ready = record.sandboxes.filter((s) => s.state === "ready");
      if (actions.createSandbox && record.sandboxes.length > 0) {
        recorder.event(pod, "Normal", "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.");
      }
      if (!isRunning && ready.length === 0) return false;
      await killer.killAll(pod, record, { signal });
      for (const sandbox of ready) await runtime.stopPodSandbox(sandbox.id, { signal });
      return true;
    }
    const podIp = record.ips[0] ?? "";
    for (const { record: containerRecord, container, message, reason } of actions.containersToKill) {
      await killer.kill({ pod, container, record: containerRecord, message, reason, podIp }, signal);
    }
    // Their logs stay: those of the next run are beside them.
    for (const { record: containerRecord, container } of actions.containersToReset) {
      if (containerRecord.state !== "exited") {
        const request = { pod, container, record: containerRecord, message: "killing", gracePeriodSeconds: 0, podIp };
        await killer.kill(request, signal);
      }
      await runtime.removeContainer(containerRecord.id, { signal });
    }
    return actions.containersToKill.length + actions.containersToReset.length > 0;
  }

  /** Why memory limits cannot fall as they should: who has more than that in use would be killed. */
  async #tooMuchInUse(pod: Pod, { containersToResize }: PodActions): Promise<string | undefined> {
    const { helper } = this.#options;
    const problems: string[] = [];
    const { former, wanted } = helper.podResize(pod);
    const limit = wanted.memoryLimitInBytes;
    if (limit !== undefined && limit < (former.memoryLimitInBytes ?? Number.POSITIVE_INFINITY)) {
      const usage = (await helper.memoryUsageBytes(pod)) ?? 0;
      if (usage >= limit) {
        problems.push(`attempting to set pod memory limit (${limit}) below current usage (${usage})`);
      }
    }
    for (const { record, container, lowerMemoryLimit } of containersToResize) {
      if (lowerMemoryLimit === undefined) continue;
      const usage = (await helper.memoryUsageBytes(pod, record.id)) ?? 0;
      if (usage < lowerMemoryLimit) continue;
      const what = `container "${container.name}" memory limit (${lowerMemoryLimit})`;
      problems.push(`attempting to set ${what} below current usage (${usage})`);
    }
    if (problems.length === 0) return undefined;
    return `cannot decrease memory limits: ${problems.length === 1 ? problems[0] : `[${problems.join(", ")}]`}`;
  }

  /** Resolves to why it failed; the others are given theirs all the same. */
  async #resize(pod: Pod, actions: PodActions, signal: AbortSignal): Promise<string | undefined> {
    const { runtime, helper } = this.#options;
    if (actions.killPod) return undefined;
    let failure: string | undefined;
    for (const { container, record } of actions.containersToResize) {
      const { oomScoreAdj: _, ...resources } = containerLinuxResources(pod, container, helper.memoryCapacityBytes());
      try {
        await runtime.updateContainerResources(record.id, resources, { signal });
      } catch (error) {
        if (signal.aborted) throw error;
        failure = criErrorText(error);
      }
    }
    return failure;
  }

  async #sandbox(pod: Pod, record: PodRecord, actions: PodActions, signal: AbortSignal): Promise<Sandbox> {
    const { runtime, helper, recorder, fileSystem, podLogsDirectory, sandboxStarts } = this.#options;
    const config = async (): Promise<PodSandboxConfig> =>
      sandboxConfig(pod, {
        attempt: actions.attempt,
        hostname: helper.hostname(pod),
        dnsConfig: await helper.dnsConfig(pod),
        logDirectory: podLogDirectory(podLogsDirectory, pod),
        cgroupParent: await helper.cgroupParent(pod),
      });
    if (!actions.createSandbox) return { id: actions.sandboxId ?? "", config: await config(), ips: record.ips };
    try {
      const sandboxConfiguration = await config();
      await fileSystem.makeDirectory(sandboxConfiguration.logDirectory, 0o755);
      const handler = await helper.runtimeHandler(pod);
      const id = await sandboxStarts.run(() => {
        signal.throwIfAborted();
        return runtime.runPodSandbox(sandboxConfiguration, handler, { signal });
      });
      const status = await runtime.podSandboxStatus(id, { signal });
      const ips = status.network ? [status.network.ip, ...status.network.additionalIps].filter((ip) => ip !== "") : [];
      return { id, config: sandboxConfiguration, ips };
    } catch (error) {
      if (!signal.aborted) {
        const message = `Failed to create pod sandbox: ${criErrorText(error)}`;
        recorder.event(pod, "Warning", "FailedCreatePodSandBox", message);
      }
      throw error;
    }
  }

  async #start(pod: Pod, container: Container, input: StartInput): Promise<void> {
    const { record, sandbox, volumeImages, signal } = input;
    this.#checkCrashBackoff(pod, container, record);
    const { images, helper, runtime, fileSystem } = this.#options;
    const mountedImages = this.#mountedImages(pod, container, volumeImages);
    const ensure = (): Promise<Image> => images.ensureImage(pod, imageOf(container), signal);
    const image = await this.#reported(pod, container, ensure, signal);
    const restartCount = nextRestartCount(pod, container, record);
    const config = await this.#configured(pod, container, signal, async () => {
      const violation = runAsNonRootViolation(pod, container, image);
      if (violation !== undefined) throw new Error(violation);
      const environment = await helper.environment(pod, container, sandbox.ips);
      const mounts = await helper.mounts(pod, container, { podIps: sandbox.ips, environment, images: mountedImages });
      const devices = await helper.devices(pod, container);
      const memoryCapacityBytes = helper.memoryCapacityBytes();
      const targetId = targetOf(pod, container, record);
      const { seccomp } = this.#options;
      const input = { image, restartCount, environment, mounts, devices, memoryCapacityBytes, seccomp };
      return containerConfig(pod, container, { ...input, ...(targetId === undefined ? {} : { targetId }) });
    });
    await fileSystem.makeDirectory(`${sandbox.config.logDirectory}/${container.name}`, 0o755);
    signal.throwIfAborted();
    // Not called off from here on: the runtime would leave a container that failed to start behind, and the pod would end
    // with that for its outcome. Whoever ends the pod finds the container running.
    let containerId: string;
    try {
      containerId = await runtime.createContainer(sandbox.id, config, sandbox.config);
    } catch (error) {
      throw this.#failed(pod, container, "CreateContainerError", error, signal);
    }
    this.#event(pod, container, "Normal", "Created", "Container created");
    try {
      await runtime.startContainer(containerId);
    } catch (error) {
      throw this.#failed(pod, container, "RunContainerError", error, signal);
    }
    this.#event(pod, container, "Normal", "Started", "Container started");
    await this.#postStart(pod, container, containerId, sandbox, signal);
  }

  /** The images of the pod's volumes, by volume, or why one could not be had. */
  async #volumeImages(pod: Pod, signal: AbortSignal): Promise<ReadonlyMap<string, VolumeImage>> {
    const out = new Map<string, VolumeImage>();
    for (const { name, image: source } of pod.spec.volumes ?? []) {
      if (!source) continue;
      const { reference = "", pullPolicy } = source;
      const wanted = { reference, ...(pullPolicy === undefined ? {} : { policy: pullPolicy }) };
      try {
        const { id } = await this.#options.images.ensureImage(pod, wanted, signal);
        out.set(name, { image: id, userSpecifiedImage: reference });
      } catch (error) {
        if (signal.aborted || !(error instanceof ContainerStartError)) throw error;
        out.set(name, error);
      }
    }
    return out;
  }

  /** Those that the container mounts. Throws ContainerStartError when one could not be had. */
  #mountedImages(
    pod: Pod,
    container: Container,
    volumeImages: ReadonlyMap<string, VolumeImage>,
  ): ReadonlyMap<string, ImageSpec> {
    const out = new Map<string, ImageSpec>();
    let failure: ContainerStartError | undefined;
    for (const { name } of container.volumeMounts ?? []) {
      const found = volumeImages.get(name);
      if (found instanceof ContainerStartError) {
        this.#event(pod, container, "Warning", "Failed", `Error: ${found.reason}`);
        failure = found;
      } else if (found) out.set(name, found);
    }
    if (failure) throw failure;
    return out;
  }

  #checkCrashBackoff(pod: Pod, container: Container, record: PodRecord): void {
    // One that was just killed for its probe still counts as running here; its predecessor's end paces the restarts.
    const latest = record.containers.find((c) => c.name === container.name && c.state === "exited");
    if (!latest) return;
    const key = `${pod.metadata.uid}_${container.name}_${containerHash(container)}`;
    const blockedUntil = this.#crashBackoff.blockedUntil(key, latest.finishedAtMs);
    if (blockedUntil !== undefined) {
      const message = `Back-off restarting failed container ${container.name} in pod ${formatPod(pod)}`;
      this.#event(pod, container, "Warning", "BackOff", message);
      const delay = formatDuration(this.#crashBackoff.delayOf(key));
      throw new ContainerStartError(
        "CrashLoopBackOff",
        `back-off ${delay} restarting failed container=${container.name} pod=${formatPod(pod)}`,
        { retryAtMs: blockedUntil },
      );
    }
    this.#crashBackoff.next(key, latest.finishedAtMs);
  }

  async #postStart(
    pod: Pod,
    container: Container,
    containerId: string,
    sandbox: Sandbox,
    signal: AbortSignal,
  ): Promise<void> {
    const handler = container.lifecycle?.postStart;
    if (!handler) return;
    const { hooks, killer, runtime } = this.#options;
    try {
      await hooks.run({ pod, container, containerId, handler, podIp: sandbox.ips[0] ?? "" }, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      this.#options.logger.warn("postStart hook failed", { pod: pod.metadata.name, container: container.name, error });
      this.#event(pod, container, "Warning", "FailedPostStartHook", "PostStartHook failed");
      const status = await runtime.containerStatus(containerId, { signal });
      const record = { ...emptyRecord, id: containerId, name: container.name, state: status.state };
      await killer.kill(
        { pod, container, record, message: "FailedPostStartHook", podIp: sandbox.ips[0] ?? "" },
        signal,
      );
      throw new ContainerStartError("PostStartHookError", errorText(error), { cause: error });
    }
  }

  /** Adds the `Failed` event upstream puts beside the image manager's own. */
  async #reported(pod: Pod, container: Container, get: () => Promise<Image>, signal: AbortSignal): Promise<Image> {
    try {
      return await get();
    } catch (error) {
      if (!signal.aborted && error instanceof ContainerStartError) {
        this.#event(pod, container, "Warning", "Failed", `Error: ${error.reason}`);
      }
      throw error;
    }
  }

  async #configured<T>(pod: Pod, container: Container, signal: AbortSignal, make: () => Promise<T>): Promise<T> {
    try {
      return await make();
    } catch (error) {
      throw this.#failed(pod, container, "CreateContainerConfigError", error, signal);
    }
  }

  #failed(pod: Pod, container: Container, reason: StartFailureReason, error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return error;
    const message = errorText(error);
    this.#event(pod, container, "Warning", "Failed", `Error: ${message}`);
    return new ContainerStartError(reason, message, { cause: error });
  }

  #event(pod: Pod, container: Container, type: "Normal" | "Warning", reason: string, message: string): void {
    this.#options.recorder.event(pod, type, reason, message, containerFieldPath(pod, container.name));
  }
}

/** Whether the pod's control group has to be given something else than it has. */
function isPodResized(helper: Pick<RuntimeHelper, "podResize">, pod: Pod): boolean {
  const { former, wanted } = helper.podResize(pod);
  return !semanticEqual(former, wanted);
}

interface StartInput {
  readonly record: PodRecord;
  readonly sandbox: Sandbox;
  readonly volumeImages: ReadonlyMap<string, VolumeImage>;
  readonly signal: AbortSignal;
}

type VolumeImage = ImageSpec | ContainerStartError;

interface Sandbox {
  readonly id: string;
  readonly config: PodSandboxConfig;
  readonly ips: readonly string[];
}

const emptyRecord = {
  sandboxId: "",
  hash: "",
  restartCount: 0,
  image: "",
  imageId: "",
  createdAtMs: 0,
  startedAtMs: 0,
  finishedAtMs: 0,
  exitCode: 0,
  reason: "",
  message: "",
  logPath: "",
};

/** The runtime's id of the container whose processes a debugging container is to see. Throws when it is not there. */
function targetOf(pod: Pod, container: Container, record: PodRecord): string | undefined {
  const name = pod.spec.ephemeralContainers?.find((c) => c.name === container.name)?.targetContainerName;
  if (!name) return undefined;
  const target = latestContainer(record, name);
  if (!target) throw new Error(`unable to find target container ${name}`);
  return target.id;
}

/** One more than the newest container's; from the last status written when the runtime lost the container. */
function nextRestartCount(pod: Pod, container: Container, record: PodRecord): number {
  const latest = latestContainer(record, container.name);
  if (latest) return latest.restartCount + 1;
  const { initContainerStatuses = [], containerStatuses = [], ephemeralContainerStatuses = [] } = pod.status;
  const statuses = [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses];
  const reported = findContainer(pod, container.name) && statuses.find((s) => s.name === container.name);
  // Without an id its end is counted already.
  return reported ? reported.restartCount + (reported.containerID ? 1 : 0) : 0;
}
