import { SystemRandom } from "../../component-base/random.ts";
import { errorText } from "../../component-base/logger.ts";
import { CriError } from "../../cri-api/runtime/v1/cri-error.ts";
import type { CallOptions } from "../../cri-api/runtime/v1/services.ts";
import type { ContainerConfig, Mount, PodSandboxConfig, VersionResponse } from "../../cri-api/runtime/v1/types.ts";
import { CriImageService, CriRuntimeService, snapshotterOf } from "../cri-client/cri-client.ts";
import type { CriConnection } from "../cri-client/cri-connection.ts";
import { ImageVolumes } from "./image-volumes.ts";

/** CRI over containerd, with image volumes where containerd itself has none. */
export class ImageVolumeRuntime extends CriRuntimeService {
  readonly #volumes: ImageVolumes;
  #isNative: boolean | undefined;

  constructor(connection: CriConnection, volumes: ImageVolumes) {
    super(connection);
    this.#volumes = volumes;
  }

  /** Releases the volumes of sandboxes that are gone. */
  async sweep(options?: CallOptions): Promise<void> {
    await this.#volumes.sweep(new Set((await this.listPodSandbox(undefined, options)).map(({ id }) => id)));
  }

  override async createContainer(
    podSandboxId: string,
    config: ContainerConfig,
    sandboxConfig: PodSandboxConfig,
    options?: CallOptions,
  ): Promise<string> {
    const mounts = await this.#withoutImages(podSandboxId, config.mounts, options);
    return super.createContainer(podSandboxId, { ...config, mounts }, sandboxConfig, options);
  }

  override async stopPodSandbox(podSandboxId: string, options?: CallOptions): Promise<void> {
    await super.stopPodSandbox(podSandboxId, options);
    await this.#volumes.release(podSandboxId);
  }

  override async removePodSandbox(podSandboxId: string, options?: CallOptions): Promise<void> {
    await super.removePodSandbox(podSandboxId, options);
    await this.#volumes.release(podSandboxId);
  }

  async #withoutImages(
    sandboxId: string,
    mounts: readonly Mount[],
    options: CallOptions | undefined,
  ): Promise<readonly Mount[]> {
    if (!mounts.some(({ image }) => image)) return mounts;
    this.#isNative ??= mountsImages(await this.version(options));
    if (this.#isNative) return mounts;
    const out: Mount[] = [];
    for (const { image, imageSubPath = "", ...mount } of mounts) {
      out.push(image ? { ...mount, hostPath: await this.#mount(sandboxId, image.image, imageSubPath) } : mount);
    }
    return out;
  }

  async #mount(sandboxId: string, image: string, subPath: string): Promise<string> {
    try {
      return await this.#volumes.mount(sandboxId, image, subPath);
    } catch (error) {
      throw new CriError("unknown", `ImageVolumeMountFailed: ${errorText(error)}`, { cause: error });
    }
  }
}

/** The runtime behind a connection, with what an earlier process left of its volumes released. */
export async function runtimeWithImageVolumes(
  options: { readonly connection: CriConnection; readonly socketPath: string; readonly directory: string },
  stack: AsyncDisposableStack,
): Promise<ImageVolumeRuntime> {
  const { connection } = options;
  const snapshotter = (): Promise<string> => snapshotterOf(connection);
  const volumes = stack.use(
    new ImageVolumes({ ...options, images: new CriImageService(connection), snapshotter, random: new SystemRandom() }),
  );
  const runtime = new ImageVolumeRuntime(connection, volumes);
  await runtime.sweep();
  return runtime;
}

/** Whether the runtime's CRI mounts images by itself: every one but containerd before 2.1. */
export function mountsImages({ runtimeName, runtimeVersion }: VersionResponse): boolean {
  if (runtimeName !== "containerd") return true;
  const [major = 0, minor = 0] = runtimeVersion
    .replace(/^v/, "")
    .split(".")
    .map((part) => Number.parseInt(part, 10));
  return major > 2 || (major === 2 && minor >= 1);
}
