import { type Clock, sleep, type Timer } from "../../component-base/clock.ts";
import { utf8Encode } from "../../component-base/bytes.ts";
import type { FileSystem } from "../../component-base/file-system.ts";
import { podUidLabel } from "../runtime/v1/labels.ts";
import { CriError } from "../runtime/v1/cri-error.ts";
import type { CallOptions, RuntimeEvent, RuntimeEvents, RuntimeService } from "../runtime/v1/services.ts";
import type {
  AttachRequest,
  Container,
  ContainerConfig,
  ContainerFilter,
  ContainerStats,
  ContainerStatsFilter,
  ContainerStatus,
  ExecRequest,
  ExecSyncResponse,
  Labels,
  LinuxContainerResources,
  PodSandbox,
  PodSandboxConfig,
  PodSandboxFilter,
  PodSandboxStatus,
  RuntimeStatus,
  VersionResponse,
} from "../runtime/v1/types.ts";
import { type ContainerScript, scriptFromArguments, scriptFromCommand } from "./fake-container-script.ts";
import { FakeImages } from "./fake-images.ts";

export interface FakeRuntimeOptions {
  readonly clock: Clock;
  /** Pod addresses are handed out from this /24 prefix, e.g. `10.88.0.`; `10.88.0.` unless given. */
  readonly podAddressPrefix?: string;
  /** Where logs and termination messages are written; without it they are dropped. */
  readonly fileSystem?: FileSystem;
  /** Decides what containers do; by their command line unless given. */
  readonly script?: (config: ContainerConfig, podAnnotations: Labels) => ContainerScript;
  /** Answers execSync; exit code 0 and no output unless given. */
  readonly exec?: (containerName: string, command: readonly string[]) => Partial<ExecSyncResponse> | undefined;
  readonly images?: FakeImages;
}

// .1 is the gateway, .255 the broadcast address.
const firstAddress = 2;
const lastAddress = 254;

interface FakeSandbox {
  readonly status: PodSandboxStatus;
  readonly config: PodSandboxConfig;
  ready: boolean;
}

interface FakeContainer {
  readonly id: string;
  readonly sandboxId: string;
  readonly config: ContainerConfig;
  readonly script: ContainerScript;
  readonly imageId: string;
  readonly createdAtMs: number;
  state: "created" | "running" | "exited";
  startedAtMs: number;
  finishedAtMs: number;
  exitCode: number;
  reason: string;
  message: string;
  resources: LinuxContainerResources;
  timer: Timer | undefined;
  logOffset: number;
  readonly onExit: (() => void)[];
}

/**
 * A container runtime in memory: it keeps the contract of `RuntimeService` (and passes its suite), gives pods addresses
 * and runs scripts instead of processes. For tests and for simulated nodes.
 */
export class FakeRuntime implements RuntimeService, RuntimeEvents {
  readonly images: FakeImages;
  /** Every call that changed something, as `method name`; for tests that check order. */
  readonly calls: string[] = [];
  readonly #clock: Clock;
  readonly #options: FakeRuntimeOptions;
  readonly #sandboxes = new Map<string, FakeSandbox>();
  readonly #containers = new Map<string, FakeContainer>();
  readonly #listeners = new Set<(event: RuntimeEvent) => void>();
  readonly #failures = new Map<string, CriError[]>();
  /** Those of sandboxes that were not stopped. */
  readonly #addresses = new Set<string>();
  #nextId = 1;
  #nextAddress = firstAddress;

  constructor(options: FakeRuntimeOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.images = options.images ?? new FakeImages(options.clock);
  }

  /**
   * A runtime of its own in which the same containers run, on a clock that shows the same time. Calls in flight stay
   * with this one.
   */
  fork(options: { readonly clock: Clock; readonly fileSystem?: FileSystem }): FakeRuntime {
    const fork = new FakeRuntime({ ...this.#options, ...options, images: this.images.fork(options.clock) });
    for (const [id, sandbox] of this.#sandboxes) fork.#sandboxes.set(id, { ...sandbox });
    for (const [id, container] of this.#containers) {
      const copy: FakeContainer = { ...container, timer: undefined, onExit: [] };
      fork.#containers.set(id, copy);
      if (copy.state === "running") fork.#scheduleExit(copy);
    }
    for (const address of this.#addresses) fork.#addresses.add(address);
    fork.#nextId = this.#nextId;
    fork.#nextAddress = this.#nextAddress;
    return fork;
  }

  /** The next call of `method` fails with `error`. Several are served in order. */
  failNext(method: keyof RuntimeService, error: CriError): void {
    const queue = this.#failures.get(method);
    if (queue) queue.push(error);
    else this.#failures.set(method, [error]);
  }

  /** Ends a running container from outside, as a crash or the kernel would. */
  exitContainer(containerId: string, exitCode: number, reason?: string): void {
    const container = this.#container(containerId);
    if (container.state === "running") this.#exit(container, exitCode, reason);
  }

  /** The sandbox's pause process dies: its containers stay, as with a real runtime. */
  crashSandbox(podSandboxId: string): void {
    const sandbox = this.#sandbox(podSandboxId);
    sandbox.ready = false;
    this.#emit("stopped", podSandboxId, sandbox.config.labels[podUidLabel]);
  }

  // RuntimeEvents

  subscribe(onEvent: (event: RuntimeEvent) => void): () => void {
    this.#listeners.add(onEvent);
    return () => void this.#listeners.delete(onEvent);
  }

  isHealthy(): boolean {
    return true;
  }

  // RuntimeService

  async version(): Promise<VersionResponse> {
    return { version: "0.1.0", runtimeName: "fake", runtimeVersion: "1.0.0", runtimeApiVersion: "v1" };
  }

  async status(): Promise<RuntimeStatus> {
    this.#check("status");
    return {
      conditions: [
        { type: "RuntimeReady", status: true, reason: "", message: "" },
        { type: "NetworkReady", status: true, reason: "", message: "" },
      ],
    };
  }

  async runPodSandbox(config: PodSandboxConfig, runtimeHandler: string): Promise<string> {
    this.#check("runPodSandbox", config.metadata.name);
    const { name, namespace, uid, attempt } = config.metadata;
    const reserved = `${name}_${namespace}_${uid}_${attempt}`;
    for (const s of this.#sandboxes.values()) {
      const m = s.config.metadata;
      if (`${m.name}_${m.namespace}_${m.uid}_${m.attempt}` === reserved) {
        throw new CriError(
          "unknown",
          `failed to reserve sandbox name "${reserved}": name "${reserved}" is reserved for "${s.status.id}"`,
        );
      }
    }
    const id = this.#newId();
    const hostNetwork = config.linux.securityContext.namespaceOptions.network === "node";
    const status: PodSandboxStatus = {
      id,
      metadata: config.metadata,
      state: "ready",
      createdAtMs: this.#clock.now(),
      labels: config.labels,
      annotations: config.annotations,
      runtimeHandler,
      network: { ip: hostNetwork ? "" : this.#newAddress(), additionalIps: [] },
      namespaceOptions: config.linux.securityContext.namespaceOptions,
    };
    this.#sandboxes.set(id, { status, config, ready: true });
    this.#emit("started", id, config.labels[podUidLabel]);
    return id;
  }

  async stopPodSandbox(podSandboxId: string): Promise<void> {
    const sandbox = this.#sandboxes.get(podSandboxId);
    this.#check("stopPodSandbox", sandbox?.config.metadata.name);
    if (!sandbox) return;
    for (const c of this.#containersOf(podSandboxId)) if (c.state === "running") this.#exit(c, 137);
    this.#addresses.delete(sandbox.status.network?.ip ?? "");
    if (!sandbox.ready) return;
    sandbox.ready = false;
    this.#emit("stopped", podSandboxId, sandbox.config.labels[podUidLabel]);
  }

  async removePodSandbox(podSandboxId: string): Promise<void> {
    const sandbox = this.#sandboxes.get(podSandboxId);
    this.#check("removePodSandbox", sandbox?.config.metadata.name);
    if (!sandbox) return;
    for (const c of this.#containersOf(podSandboxId)) this.#remove(c);
    this.#sandboxes.delete(podSandboxId);
    if (sandbox.ready) this.#addresses.delete(sandbox.status.network?.ip ?? "");
    this.#emit("deleted", podSandboxId, sandbox.config.labels[podUidLabel]);
  }

  async podSandboxStatus(podSandboxId: string): Promise<PodSandboxStatus> {
    this.#check("podSandboxStatus");
    return sandboxStatus(this.#sandbox(podSandboxId));
  }

  async listPodSandbox(filter: PodSandboxFilter = {}): Promise<readonly PodSandbox[]> {
    this.#check("listPodSandbox");
    const out: PodSandbox[] = [];
    for (const sandbox of this.#sandboxes.values()) {
      const status = sandboxStatus(sandbox);
      if (filter.id !== undefined && filter.id !== status.id) continue;
      if (filter.state !== undefined && filter.state !== status.state) continue;
      if (hasLabels(status.labels, filter.labelSelector)) out.push(status);
    }
    return out;
  }

  async createContainer(
    podSandboxId: string,
    config: ContainerConfig,
    sandboxConfig: PodSandboxConfig,
  ): Promise<string> {
    this.#check("createContainer", config.metadata.name);
    const sandbox = this.#sandbox(podSandboxId);
    if (!sandbox.ready) throw new CriError("unknown", `sandbox "${podSandboxId}" is not running`);
    const image = await this.images.imageStatus(config.image);
    if (!image) throw new CriError("notFound", `failed to resolve image "${config.image.image}": not found`);
    const id = this.#newId();
    const script = (this.#options.script ?? scriptFromCommand)(config, sandboxConfig.annotations);
    this.#containers.set(id, {
      id,
      sandboxId: podSandboxId,
      config,
      script,
      imageId: image.id,
      createdAtMs: this.#clock.now(),
      state: "created",
      startedAtMs: 0,
      finishedAtMs: 0,
      exitCode: 0,
      reason: "",
      message: "",
      resources: config.linux.resources,
      timer: undefined,
      logOffset: 0,
      onExit: [],
    });
    this.#emit("created", id, config.labels[podUidLabel]);
    return id;
  }

  async startContainer(containerId: string, { signal }: CallOptions = {}): Promise<void> {
    const container = this.#container(containerId);
    this.#check("startContainer", container.config.metadata.name);
    if (container.state !== "created") {
      throw new CriError("unknown", `container is in CONTAINER_${container.state.toUpperCase()} state`);
    }
    if (container.script.startAfterMs !== undefined) {
      try {
        await sleep(this.#clock, container.script.startAfterMs, signal);
      } catch (error) {
        container.message = "failed to start: context canceled";
        this.#exit(container, 128, "StartError");
        throw error;
      }
    }
    container.startedAtMs = this.#clock.now();
    if (container.script.startError !== undefined) {
      container.message = container.script.startError;
      this.#exit(container, 128, "StartError");
      throw new CriError("unknown", container.script.startError);
    }
    container.state = "running";
    for (const line of container.script.output ?? []) await this.#log(container, line);
    this.#emit("started", containerId, container.config.labels[podUidLabel]);
    this.#scheduleExit(container);
  }

  #scheduleExit(container: FakeContainer): void {
    const { exitAfterMs, exitCode, reason } = container.script;
    if (exitAfterMs === undefined) return;
    const leftMs = container.startedAtMs + exitAfterMs - this.#clock.now();
    container.timer = this.#clock.setTimer(leftMs, () => this.#exit(container, exitCode ?? 0, reason));
  }

  async stopContainer(containerId: string, timeoutSeconds: number, options: CallOptions = {}): Promise<void> {
    const container = this.#containers.get(containerId);
    this.#check("stopContainer", container && `${container.config.metadata.name} ${timeoutSeconds}`);
    if (container?.state !== "running") return;
    const onTerminate = container.script.onTerminate ?? 0;
    if (timeoutSeconds > 0 && onTerminate !== "ignore") {
      this.#exit(container, onTerminate);
      return;
    }
    if (timeoutSeconds <= 0) {
      this.#exit(container, 137);
      return;
    }
    await this.#untilKilled(container, timeoutSeconds, options.signal);
  }

  async removeContainer(containerId: string): Promise<void> {
    const container = this.#containers.get(containerId);
    this.#check("removeContainer", container?.config.metadata.name);
    if (container) this.#remove(container);
  }

  async listContainers(filter: ContainerFilter = {}): Promise<readonly Container[]> {
    this.#check("listContainers");
    const out: Container[] = [];
    for (const c of this.#containers.values()) {
      if (filter.id !== undefined && filter.id !== c.id) continue;
      if (filter.state !== undefined && filter.state !== c.state) continue;
      if (filter.podSandboxId !== undefined && filter.podSandboxId !== c.sandboxId) continue;
      if (!hasLabels(c.config.labels, filter.labelSelector)) continue;
      const { metadata, image, labels, annotations } = c.config;
      const { id, imageId, state, createdAtMs } = c;
      out.push({
        id,
        podSandboxId: c.sandboxId,
        metadata,
        image,
        imageRef: imageId,
        imageId,
        state,
        createdAtMs,
        labels,
        annotations,
      });
    }
    return out;
  }

  async containerStatus(containerId: string): Promise<ContainerStatus> {
    this.#check("containerStatus");
    const c = this.#container(containerId);
    const sandbox = this.#sandbox(c.sandboxId);
    return {
      id: c.id,
      metadata: c.config.metadata,
      state: c.state,
      createdAtMs: c.createdAtMs,
      startedAtMs: c.startedAtMs,
      finishedAtMs: c.finishedAtMs,
      exitCode: c.exitCode,
      image: c.config.image,
      imageRef: c.imageId,
      imageId: c.imageId,
      reason: c.reason,
      message: c.message,
      labels: c.config.labels,
      annotations: c.config.annotations,
      mounts: c.config.mounts,
      logPath: `${sandbox.config.logDirectory}/${c.config.logPath}`,
      resources: { linux: c.resources },
    };
  }

  async updateContainerResources(containerId: string, resources: LinuxContainerResources): Promise<void> {
    const c = this.#container(containerId);
    c.resources = { ...c.resources, ...resources };
  }

  async reopenContainerLog(containerId: string): Promise<void> {
    const container = this.#container(containerId);
    if (container.state !== "running") throw new CriError("failedPrecondition", "container is not running");
    container.logOffset = 0;
    const path = this.#logPath(container);
    if (path !== undefined) await this.#options.fileSystem?.writeFile(path, new Uint8Array());
  }

  async execSync(containerId: string, command: readonly string[], timeoutSeconds: number): Promise<ExecSyncResponse> {
    const container = this.#running(containerId);
    this.#check("execSync", `${container.config.metadata.name} ${command.join(" ")} ${timeoutSeconds}`);
    const answer = this.#options.exec?.(container.config.metadata.name, command);
    const nothing = new Uint8Array();
    if (answer)
      return { stdout: answer.stdout ?? nothing, stderr: answer.stderr ?? nothing, exitCode: answer.exitCode ?? 0 };
    const { output = [], exitCode = 0 } = scriptFromArguments(command);
    return { stdout: utf8Encode(output.map((line) => `${line}\n`).join("")), stderr: nothing, exitCode };
  }

  async exec(request: ExecRequest): Promise<string> {
    this.#running(request.containerId);
    return `http://fake.invalid/exec/${request.containerId}`;
  }

  async attach(request: AttachRequest): Promise<string> {
    this.#running(request.containerId);
    return `http://fake.invalid/attach/${request.containerId}`;
  }

  async portForward(podSandboxId: string): Promise<string> {
    this.#sandbox(podSandboxId);
    return `http://fake.invalid/portforward/${podSandboxId}`;
  }

  async containerStats(containerId: string): Promise<ContainerStats> {
    return this.#stats(this.#container(containerId));
  }

  async listContainerStats(filter: ContainerStatsFilter = {}): Promise<readonly ContainerStats[]> {
    const found = await this.listContainers({ ...filter, state: "running" });
    return found.map((c) => this.#stats(this.#container(c.id)));
  }

  async updateRuntimeConfig(): Promise<void> {}

  #stats(c: FakeContainer): ContainerStats {
    const timestampMs = this.#clock.now();
    const { metadata, labels, annotations } = c.config;
    return {
      id: c.id,
      metadata,
      labels,
      annotations,
      cpu: { timestampMs, usageCoreNanoSeconds: 0, usageNanoCores: 0 },
      memory: { timestampMs, workingSetBytes: 1 << 20 },
    };
  }

  /** Whoever stops waiting takes the kill along: another stop call sets its own. */
  #untilKilled(container: FakeContainer, timeoutSeconds: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(timeoutSeconds * 1000, () => this.#exit(container, 137));
      const onAbort = (): void => {
        timer.cancel();
        reject(new CriError("cancelled", "context canceled"));
      };
      if (signal?.aborted) onAbort();
      signal?.addEventListener("abort", onAbort, { once: true });
      container.onExit.push(() => {
        timer.cancel();
        signal?.removeEventListener("abort", onAbort);
        resolve();
      });
    });
  }

  #exit(container: FakeContainer, exitCode: number, reason?: string): void {
    container.timer?.cancel();
    container.timer = undefined;
    container.state = "exited";
    container.exitCode = exitCode;
    container.reason = reason ?? (exitCode === 0 ? "Completed" : "Error");
    container.finishedAtMs = this.#clock.now();
    const message = container.script.terminationMessage;
    const path = message !== undefined && this.#terminationMessagePath(container);
    const tell = (): void => {
      for (const resolve of container.onExit.splice(0)) resolve();
      this.#emit("stopped", container.id, container.config.labels[podUidLabel]);
    };
    if (message !== undefined && path && this.#options.fileSystem) {
      // A file that cannot be written is the pod's own trouble, as it would be in a real container.
      this.#options.fileSystem.writeFile(path, utf8Encode(message)).then(tell, tell);
    } else tell();
  }

  #terminationMessagePath(container: FakeContainer): string | undefined {
    const inside = container.config.annotations["io.kubernetes.container.terminationMessagePath"];
    return container.config.mounts.find((m) => m.containerPath === inside)?.hostPath;
  }

  #remove(container: FakeContainer): void {
    if (container.state === "running") this.#exit(container, 137);
    this.#containers.delete(container.id);
    this.#emit("deleted", container.id, container.config.labels[podUidLabel]);
  }

  /** Undefined when nobody wants the container's log. */
  #logPath(container: FakeContainer): string | undefined {
    const directory = this.#sandboxes.get(container.sandboxId)?.config.logDirectory ?? "";
    return directory === "" ? undefined : `${directory}/${container.config.logPath}`;
  }

  async #log(container: FakeContainer, line: string): Promise<void> {
    const fs = this.#options.fileSystem;
    const path = this.#logPath(container);
    if (!fs || path === undefined) return;
    const stamp = new Date(this.#clock.now()).toISOString().replace("Z", "000000Z");
    const bytes = utf8Encode(`${stamp} stdout F ${line}\n`);
    if (!(await fs.stat(path))) await fs.writeFile(path, new Uint8Array());
    await using file = await fs.open(path, "write");
    await file.write([bytes], container.logOffset);
    container.logOffset += bytes.length;
  }

  /** Writes a line to a running container's log. */
  async writeLog(containerId: string, line: string): Promise<void> {
    await this.#log(this.#running(containerId), line);
  }

  #containersOf(sandboxId: string): FakeContainer[] {
    return [...this.#containers.values()].filter((c) => c.sandboxId === sandboxId);
  }

  #sandbox(id: string): FakeSandbox {
    const found = this.#sandboxes.get(id);
    if (!found) throw new CriError("notFound", `an error occurred when try to find sandbox "${id}": not found`);
    return found;
  }

  #container(id: string): FakeContainer {
    const found = this.#containers.get(id);
    if (!found) throw new CriError("notFound", `an error occurred when try to find container "${id}": not found`);
    return found;
  }

  #running(id: string): FakeContainer {
    const found = this.#container(id);
    if (found.state !== "running") {
      throw new CriError("unknown", `container is in CONTAINER_${found.state.toUpperCase()} state`);
    }
    return found;
  }

  #check(method: keyof RuntimeService, detail?: string): void {
    if (detail !== undefined) this.calls.push(`${method} ${detail}`);
    const failure = this.#failures.get(method)?.shift();
    if (failure) throw failure;
  }

  #emit(type: RuntimeEvent["type"], containerId: string, podUid: string | undefined): void {
    const event: RuntimeEvent = podUid === undefined ? { type, containerId } : { type, containerId, podUid };
    for (const listener of this.#listeners) listener(event);
  }

  #newId(): string {
    return (this.#nextId++).toString(16).padStart(64, "f");
  }

  /** The next free one, as host-local does: an address that was freed comes back last. */
  #newAddress(): string {
    const prefix = this.#options.podAddressPrefix ?? "10.88.0.";
    for (let tries = 0; tries < lastAddress; tries++) {
      const address = `${prefix}${this.#nextAddress}`;
      this.#nextAddress = this.#nextAddress === lastAddress ? firstAddress : this.#nextAddress + 1;
      if (this.#addresses.has(address)) continue;
      this.#addresses.add(address);
      return address;
    }
    throw new CriError(
      "unknown",
      `failed to allocate for range 0: no IP addresses available in range set: ${prefix}0/24`,
    );
  }
}

function sandboxStatus(sandbox: FakeSandbox): PodSandboxStatus {
  return { ...sandbox.status, state: sandbox.ready ? "ready" : "notReady" };
}

function hasLabels(labels: Labels, selector: Labels = {}): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}
