import { CriError } from "../../cri-api/runtime/v1/cri-error.ts";
import type { CallOptions, ImageService, RuntimeService } from "../../cri-api/runtime/v1/services.ts";
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
} from "../../cri-api/runtime/v1/types.ts";
import { CriConnection } from "./cri-connection.ts";
import { methods, type WireContainerStats } from "./methods.ts";

// A command without a limit of its own still ends some day.
const execWithoutTimeoutMs = 24 * 3600_000;

/** RuntimeService over CRI v1, for any runtime that speaks it. */
export class CriRuntimeService implements RuntimeService {
  readonly #connection: CriConnection;

  constructor(connection: CriConnection) {
    this.#connection = connection;
  }

  version(options?: CallOptions): Promise<VersionResponse> {
    return this.#connection.call(methods.version, {}, options);
  }

  async status(options?: CallOptions): Promise<RuntimeStatus> {
    const { status, runtimeHandlers } = await this.#connection.call(methods.status, {}, options);
    return { conditions: status?.conditions ?? [], handlers: runtimeHandlers };
  }

  async runPodSandbox(config: PodSandboxConfig, runtimeHandler: string, options?: CallOptions): Promise<string> {
    return (await this.#connection.call(methods.runPodSandbox, { config, runtimeHandler }, options)).podSandboxId;
  }

  async stopPodSandbox(podSandboxId: string, options?: CallOptions): Promise<void> {
    await ignoreNotFound(this.#connection.call(methods.stopPodSandbox, { podSandboxId }, options));
  }

  async removePodSandbox(podSandboxId: string, options?: CallOptions): Promise<void> {
    await ignoreNotFound(this.#connection.call(methods.removePodSandbox, { podSandboxId }, options));
  }

  async podSandboxStatus(podSandboxId: string, options?: CallOptions): Promise<PodSandboxStatus> {
    const { status } = await this.#connection.call(methods.podSandboxStatus, { podSandboxId }, options);
    if (!status) throw new CriError("notFound", `pod sandbox ${JSON.stringify(podSandboxId)} has no status`);
    const { linux, ...rest } = status;
    const namespaceOptions = linux?.namespaces?.options;
    return namespaceOptions ? { ...rest, namespaceOptions } : rest;
  }

  async listPodSandbox(filter?: PodSandboxFilter, options?: CallOptions): Promise<readonly PodSandbox[]> {
    return (await this.#connection.call(methods.listPodSandbox, filter ? { filter } : {}, options)).items;
  }

  async createContainer(
    podSandboxId: string,
    config: ContainerConfig,
    sandboxConfig: PodSandboxConfig,
    options?: CallOptions,
  ): Promise<string> {
    const request = { podSandboxId, config, sandboxConfig };
    return (await this.#connection.call(methods.createContainer, request, options)).containerId;
  }

  async startContainer(containerId: string, options?: CallOptions): Promise<void> {
    await this.#connection.call(methods.startContainer, { containerId }, options);
  }

  async stopContainer(containerId: string, timeoutSeconds: number, options?: CallOptions): Promise<void> {
    const request = { containerId, timeout: timeoutSeconds };
    await ignoreNotFound(this.#connection.call(methods.stopContainer, request, options, timeoutSeconds * 1000));
  }

  async removeContainer(containerId: string, options?: CallOptions): Promise<void> {
    await ignoreNotFound(this.#connection.call(methods.removeContainer, { containerId }, options));
  }

  async listContainers(filter?: ContainerFilter, options?: CallOptions): Promise<readonly Container[]> {
    return (await this.#connection.call(methods.listContainers, filter ? { filter } : {}, options)).containers;
  }

  async containerStatus(containerId: string, options?: CallOptions): Promise<ContainerStatus> {
    const { status } = await this.#connection.call(methods.containerStatus, { containerId }, options);
    if (!status) throw new CriError("notFound", `container ${JSON.stringify(containerId)} has no status`);
    const { user, ...rest } = status;
    return user?.linux ? { ...rest, user: user.linux } : rest;
  }

  async updateContainerResources(
    containerId: string,
    resources: LinuxContainerResources,
    options?: CallOptions,
  ): Promise<void> {
    await this.#connection.call(methods.updateContainerResources, { containerId, linux: resources }, options);
  }

  async reopenContainerLog(containerId: string, options?: CallOptions): Promise<void> {
    await this.#connection.call(methods.reopenContainerLog, { containerId }, options);
  }

  execSync(
    containerId: string,
    command: readonly string[],
    timeoutSeconds: number,
    options?: CallOptions,
  ): Promise<ExecSyncResponse> {
    const request = { containerId, cmd: command, timeout: timeoutSeconds };
    const extraMs = timeoutSeconds > 0 ? timeoutSeconds * 1000 : execWithoutTimeoutMs;
    return this.#connection.call(methods.execSync, request, options, extraMs);
  }

  async exec(request: ExecRequest, options?: CallOptions): Promise<string> {
    const { command, ...rest } = request;
    return (await this.#connection.call(methods.exec, { ...rest, cmd: command }, options)).url;
  }

  async attach(request: AttachRequest, options?: CallOptions): Promise<string> {
    return (await this.#connection.call(methods.attach, request, options)).url;
  }

  async portForward(podSandboxId: string, ports: readonly number[], options?: CallOptions): Promise<string> {
    return (await this.#connection.call(methods.portForward, { podSandboxId, port: ports }, options)).url;
  }

  async containerStats(containerId: string, options?: CallOptions): Promise<ContainerStats> {
    const { stats } = await this.#connection.call(methods.containerStats, { containerId }, options);
    if (!stats) throw new CriError("notFound", `container ${JSON.stringify(containerId)} has no statistics`);
    return toContainerStats(stats);
  }

  async listContainerStats(filter?: ContainerStatsFilter, options?: CallOptions): Promise<readonly ContainerStats[]> {
    const { stats } = await this.#connection.call(methods.listContainerStats, filter ? { filter } : {}, options);
    return stats.map(toContainerStats);
  }

  async updateRuntimeConfig(podCidr: string, options?: CallOptions): Promise<void> {
    await this.#connection.call(
      methods.updateRuntimeConfig,
      { runtimeConfig: { networkConfig: { podCidr } } },
      options,
    );
  }
}

/** The snapshotter of a containerd, as its CRI tells its configuration; `overlayfs`, its default, when it does not. */
export async function snapshotterOf(connection: CriConnection, options?: CallOptions): Promise<string> {
  const { info } = await connection.call(methods.status, { verbose: true }, options);
  const config = JSON.parse(info["config"] ?? "{}") as { readonly containerd?: { readonly snapshotter?: string } };
  return config.containerd?.snapshotter ?? "overlayfs";
}

/** ImageService over CRI v1. */
export class CriImageService implements ImageService {
  readonly #connection: CriConnection;

  constructor(connection: CriConnection) {
    this.#connection = connection;
  }

  async listImages(options?: CallOptions): Promise<readonly Image[]> {
    return (await this.#connection.call(methods.listImages, {}, options)).images;
  }

  async imageStatus(image: ImageSpec, options?: CallOptions): Promise<Image | undefined> {
    return (await this.#connection.call(methods.imageStatus, { image }, options)).image;
  }

  async pullImage(image: ImageSpec, auth?: AuthConfig, options?: CallOptions): Promise<string> {
    return (await this.#connection.call(methods.pullImage, auth ? { image, auth } : { image }, options)).imageRef;
  }

  async removeImage(image: ImageSpec, options?: CallOptions): Promise<void> {
    await ignoreNotFound(this.#connection.call(methods.removeImage, { image }, options));
  }

  imageFsInfo(options?: CallOptions): Promise<ImageFsInfo> {
    return this.#connection.call(methods.imageFsInfo, {}, options);
  }
}

function toContainerStats({ attributes, ...usage }: WireContainerStats): ContainerStats {
  return { ...attributes, ...usage };
}

async function ignoreNotFound(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof CriError && error.code === "notFound")) throw error;
  }
}
