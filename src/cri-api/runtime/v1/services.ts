import type {
  AttachRequest,
  AuthConfig,
  Container,
  ContainerConfig,
  ContainerFilter,
  ContainerStats,
  ContainerStatsFilter,
  ContainerStatus,
  ExecRequest,
  ExecSyncResponse,
  Image,
  ImageFsInfo,
  ImageSpec,
  LinuxContainerResources,
  PodSandbox,
  PodSandboxConfig,
  PodSandboxFilter,
  PodSandboxStatus,
  RuntimeStatus,
  VersionResponse,
} from "./types.ts";

export interface CallOptions {
  /** Cancels the call; what the runtime did until then stands. */
  readonly signal?: AbortSignal;
}

/**
 * Pods and containers of one runtime. Every method rejects with CriError. Implementations set a deadline for every call
 * (lists and statuses 10 s, RunPodSandbox 4 min, StopContainer its grace plus 2 min, else 2 min).
 */
export interface RuntimeService {
  version(options?: CallOptions): Promise<VersionResponse>;
  status(options?: CallOptions): Promise<RuntimeStatus>;

  /** Resolves to the sandbox id once its network is up. `unknown` with "is reserved" in it when that attempt exists. */
  runPodSandbox(config: PodSandboxConfig, runtimeHandler: string, options?: CallOptions): Promise<string>;
  /** Kills what still runs in it and frees its network. Idempotent; an unknown sandbox is fine. */
  stopPodSandbox(podSandboxId: string, options?: CallOptions): Promise<void>;
  /** Removes it with its containers, stopping them first. Idempotent; an unknown sandbox is fine. */
  removePodSandbox(podSandboxId: string, options?: CallOptions): Promise<void>;
  /** `notFound` when unknown. */
  podSandboxStatus(podSandboxId: string, options?: CallOptions): Promise<PodSandboxStatus>;
  listPodSandbox(filter?: PodSandboxFilter, options?: CallOptions): Promise<readonly PodSandbox[]>;

  /** Resolves to the container id. `notFound` when sandbox or image is unknown. */
  createContainer(
    podSandboxId: string,
    config: ContainerConfig,
    sandboxConfig: PodSandboxConfig,
    options?: CallOptions,
  ): Promise<string>;
  /** Rejects, and leaves the container exited with reason `StartError` and code 128, when its process cannot be made. */
  startContainer(containerId: string, options?: CallOptions): Promise<void>;
  /** SIGTERM, then SIGKILL after `timeoutSeconds`; resolves when it has ended. Idempotent; an unknown container is fine. */
  stopContainer(containerId: string, timeoutSeconds: number, options?: CallOptions): Promise<void>;
  /** Kills it first when it runs. Idempotent; an unknown container is fine. */
  removeContainer(containerId: string, options?: CallOptions): Promise<void>;
  listContainers(filter?: ContainerFilter, options?: CallOptions): Promise<readonly Container[]>;
  /** `notFound` when unknown. */
  containerStatus(containerId: string, options?: CallOptions): Promise<ContainerStatus>;
  updateContainerResources(
    containerId: string,
    resources: LinuxContainerResources,
    options?: CallOptions,
  ): Promise<void>;
  /** Opens the log file anew after it was renamed. `failedPrecondition` or `unknown` when the container does not run. */
  reopenContainerLog(containerId: string, options?: CallOptions): Promise<void>;

  /**
   * Runs a command and waits for it. `deadlineExceeded` past `timeoutSeconds` (0 = no limit); `unknown` when the command
   * cannot be started.
   */
  execSync(
    containerId: string,
    command: readonly string[],
    timeoutSeconds: number,
    options?: CallOptions,
  ): Promise<ExecSyncResponse>;
  /** The three streaming calls resolve to a one-time URL that speaks SPDY. */
  exec(request: ExecRequest, options?: CallOptions): Promise<string>;
  attach(request: AttachRequest, options?: CallOptions): Promise<string>;
  portForward(podSandboxId: string, ports: readonly number[], options?: CallOptions): Promise<string>;

  /** `notFound` when unknown. */
  containerStats(containerId: string, options?: CallOptions): Promise<ContainerStats>;
  listContainerStats(filter?: ContainerStatsFilter, options?: CallOptions): Promise<readonly ContainerStats[]>;

  /** Hands the node's pod range to the runtime, once known. */
  updateRuntimeConfig(podCidr: string, options?: CallOptions): Promise<void>;
}

/** Images of one runtime. Every method rejects with CriError. */
export interface ImageService {
  listImages(options?: CallOptions): Promise<readonly Image[]>;
  /** Undefined when absent. */
  imageStatus(image: ImageSpec, options?: CallOptions): Promise<Image | undefined>;
  /** Resolves to the image's reference (its id or digest). `notFound` when there is no such image. */
  pullImage(image: ImageSpec, auth?: AuthConfig, options?: CallOptions): Promise<string>;
  /** Idempotent. Does not check for use. */
  removeImage(image: ImageSpec, options?: CallOptions): Promise<void>;
  imageFsInfo(options?: CallOptions): Promise<ImageFsInfo>;
}

/** Something about a container or sandbox changed; a hint to look, never the truth itself. */
export interface RuntimeEvent {
  readonly type: "created" | "started" | "stopped" | "deleted" | "oom";
  /** A container id, or a sandbox id for the sandbox itself. */
  readonly containerId: string;
  /** The pod's uid, where the source knows it. Without it the reader looks at everything. */
  readonly podUid?: string;
}

/** Wake-ups from the runtime, so that changes are seen without waiting for the next relist. */
export interface RuntimeEvents {
  /**
   * Calls `onEvent` until the returned function is called. Lost connections are re-made by the implementation;
   * `onGap` is called when events may have been missed, and the reader relists.
   */
  subscribe(onEvent: (event: RuntimeEvent) => void, onGap: () => void): () => void;
  /** False while the source is down: the reader then relists more often. */
  isHealthy(): boolean;
}
