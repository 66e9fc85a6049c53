import { mkdir, readdir, rm } from "node:fs/promises";
import * as path from "node:path";

import type { Random } from "../../component-base/random.ts";
import type { ImageService } from "../../cri-api/runtime/v1/services.ts";
import { findWithin } from "../../kubelet/volumes/sub-path.ts";
import { execChecked } from "../exec.ts";
import { SystemMounter } from "../mounts.ts";
import { NodeFileSystem } from "../node-file-system.ts";
import { UnpackedImages, type SnapshotMount } from "./unpacked-image.ts";

export interface ImageVolumesOptions {
  readonly socketPath: string;
  /** Holds `<sandbox>/<image>` for each mounted image; below a mount that the runtime shares. */
  readonly directory: string;
  /** The snapshotter the runtime uses. */
  readonly snapshotter: () => Promise<string>;
  /** The runtime's own view of its images. */
  readonly images: ImageService;
  readonly random: Random;
}

/**
 * Image volumes for a containerd whose CRI cannot mount images (before 2.1): a read-only view of the image, mounted for
 * as long as its pod's sandbox lives. Remembers nothing:
 *
 * ```
 * directory/<sandbox id>/<image id>       the mount; the directory is made first and removed last
 * lease     k8ts-image-volumes-<sandbox>  keeps the views, and the layers below them, from garbage collection
 * snapshot  k8ts-image-volume-<sandbox>-<image>
 * ```
 */
export class ImageVolumes implements AsyncDisposable {
  readonly #options: ImageVolumesOptions;
  readonly #images: UnpackedImages;
  readonly #mounter = new SystemMounter();
  readonly #fileSystem = new NodeFileSystem();

  constructor(options: ImageVolumesOptions) {
    this.#options = options;
    this.#images = new UnpackedImages(options.socketPath, options.random);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#images[Symbol.asyncDispose]();
  }

  /**
   * Mounts the image (by its id) for the sandbox and resolves to where `subPath` of it is. Idempotent; not to be called
   * twice at a time for one sandbox.
   */
  async mount(sandboxId: string, image: string, subPath: string): Promise<string> {
    const name = image.replace(/^sha256:/, "");
    const directory = path.join(this.#options.directory, sandboxId, name);
    if (!(await this.#mounter.isMounted(directory))) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const lease = leaseOf(sandboxId);
      await this.#images.createLease(lease);
      const snapshotter = await this.#options.snapshotter();
      const known = await this.#options.images.imageStatus({ image });
      const names = [image, ...(known?.repoTags ?? []), ...(known?.repoDigests ?? [])];
      const mounts = await this.#images.view(snapshotter, { names, key: snapshotOf(sandboxId, name), lease });
      for (const mount of mounts) await this.#mountOne(mount, directory);
    }
    if (subPath === "") return directory;
    const found = await findWithin(this.#fileSystem, directory, subPath);
    if (found === undefined) throw new Error(`${subPath} does not exist in the image`);
    return found;
  }

  /** Unmounts the sandbox's images. Idempotent; none is fine. */
  async release(sandboxId: string): Promise<void> {
    const directory = path.join(this.#options.directory, sandboxId);
    const names = await list(directory);
    if (!names) return;
    for (const mounted of await this.#mounter.listBelow(directory)) await this.#mounter.unmount(mounted);
    const snapshotter = await this.#options.snapshotter();
    for (const name of names) await this.#images.removeView(snapshotter, snapshotOf(sandboxId, name));
    await this.#images.deleteLease(leaseOf(sandboxId));
    const left = await this.#mounter.listBelow(directory);
    if (left.length > 0) throw new Error(`still mounted: ${left.join(", ")}`);
    await rm(directory, { recursive: true });
  }

  /** Releases what belongs to no sandbox that is left: this process may have ended before it could. */
  async sweep(sandboxIds: ReadonlySet<string>): Promise<void> {
    for (const id of (await list(this.#options.directory)) ?? []) if (!sandboxIds.has(id)) await this.release(id);
  }

  async #mountOne({ type, source, options }: SnapshotMount, target: string): Promise<void> {
    if (type === "bind") return this.#mounter.bind(source, target, { readOnly: true });
    const { cwd, settings } = shortened(options);
    await execChecked("mount", ["-t", type, "-o", settings.join(","), "--", source, target], cwd ? { cwd } : {});
  }
}

/**
 * The options of a mount fit one page in the kernel, which the paths of 40 layers exceed: they are told relative to
 * the directory they share.
 */
export function shortened(options: readonly string[]): { readonly cwd?: string; readonly settings: readonly string[] } {
  const prefix = "lowerdir=";
  const lower = options.find((option) => option.startsWith(prefix));
  const directories = lower?.slice(prefix.length).split(":") ?? [];
  const [first = "", ...others] = directories;
  if (others.length === 0) return { settings: options };
  let common = path.dirname(first);
  while (!others.every((directory) => directory.startsWith(`${common}/`))) common = path.dirname(common);
  if (common === "/") return { settings: options };
  const relative = directories.map((directory) => directory.slice(common.length + 1)).join(":");
  return { cwd: common, settings: options.map((option) => (option === lower ? prefix + relative : option)) };
}

function leaseOf(sandboxId: string): string {
  return `k8ts-image-volumes-${sandboxId}`;
}

function snapshotOf(sandboxId: string, imageName: string): string {
  return `k8ts-image-volume-${sandboxId}-${imageName}`;
}

async function list(directory: string): Promise<readonly string[] | undefined> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (error instanceof Error && Reflect.get(error, "code") === "ENOENT") return undefined;
    throw error;
  }
}
