import { status } from "@grpc/grpc-js";
import { createHash } from "node:crypto";

import { randomUuid, type Random } from "../../component-base/random.ts";
import { GrpcPackage, type GrpcClient, type GrpcMessage } from "../grpc-client.ts";
import { mediaTypes, ownArchitecture, type Descriptor } from "../images/oci-image.ts";
import {
  containerdContentProto,
  containerdDiffProto,
  containerdImagesProto,
  containerdLeasesProto,
  containerdSnapshotsProto,
} from "../proto/containerd.ts";

/** A mount as a snapshotter describes it. */
export interface SnapshotMount {
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

interface ImageManifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

// The namespace CRI keeps its images and snapshots in.
const namespace = "k8s.io";
const callTimeoutMs = 30_000;
// One layer, decompressed and written.
const applyTimeoutMs = 10 * 60_000;
// Manifests and configurations; layers are never read here.
const documentBytesMax = 8 << 20;

/** containerd's images as file trees, through its own API. Failed calls reject with grpc.ServiceError. */
export class UnpackedImages implements AsyncDisposable {
  readonly #content: GrpcClient;
  readonly #images: GrpcClient;
  readonly #leases: GrpcClient;
  readonly #snapshots: GrpcClient;
  readonly #diff: GrpcClient;
  readonly #random: Random;

  constructor(socketPath: string, random: Random) {
    const target = `unix://${socketPath}`;
    this.#content = new GrpcPackage(containerdContentProto).client("Content", target);
    this.#images = new GrpcPackage(containerdImagesProto).client("Images", target);
    this.#leases = new GrpcPackage(containerdLeasesProto).client("Leases", target);
    this.#snapshots = new GrpcPackage(containerdSnapshotsProto).client("Snapshots", target);
    this.#diff = new GrpcPackage(containerdDiffProto).client("Diff", target);
    this.#random = random;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of [this.#content, this.#images, this.#leases, this.#snapshots, this.#diff]) client.close();
    await Promise.resolve();
  }

  /** Everything made with a lease stays until the lease goes. Idempotent. */
  async createLease(id: string): Promise<void> {
    await allowing(status.ALREADY_EXISTS, this.#leases.call("Create", { id, labels: {} }, options()));
  }

  /** Idempotent. */
  async deleteLease(id: string): Promise<void> {
    await allowing(status.NOT_FOUND, this.#leases.call("Delete", { id }, options()));
  }

  /**
   * How to mount the image's files read only, under the name `key` and kept by the lease. Unpacks the image first when
   * nothing has run from it yet. `names` are all the image's: containerd may know some of them. Idempotent.
   */
  async view(
    snapshotter: string,
    { names, key, lease }: { readonly names: readonly string[]; readonly key: string; readonly lease: string },
  ): Promise<readonly SnapshotMount[]> {
    const parent = await this.#unpack(snapshotter, names, lease);
    const made = await allowing(
      status.ALREADY_EXISTS,
      this.#snapshots.call("View", { snapshotter, key, parent }, options(lease)),
    );
    return mountsOf(made ?? (await this.#snapshots.call("Mounts", { snapshotter, key }, options())));
  }

  /** Idempotent. */
  async removeView(snapshotter: string, key: string): Promise<void> {
    await allowing(status.NOT_FOUND, this.#snapshots.call("Remove", { snapshotter, key }, options()));
  }

  /** Resolves to the name of the snapshot that holds all of the image's layers. */
  async #unpack(snapshotter: string, names: readonly string[], lease: string): Promise<string> {
    const image = names.join(", ");
    const { config, layers } = await this.#manifest(names);
    const { rootfs } = (await this.#document(config.digest)) as { rootfs: { diff_ids: readonly string[] } };
    const chain = chainIds(rootfs.diff_ids);
    const top = chain.at(-1);
    if (top === undefined) throw new Error(`image ${image} has no layers`);
    if (await this.#exists(snapshotter, top)) return top;
    for (const [i, name] of chain.entries()) {
      const layer = layers[i];
      if (!layer) throw new Error(`image ${image} lacks its layer ${i}`);
      if (await this.#exists(snapshotter, name)) continue;
      await this.#apply(snapshotter, { layer, name, parent: chain[i - 1] ?? "", diffId: rootfs.diff_ids[i], lease });
    }
    return top;
  }

  async #apply(
    snapshotter: string,
    job: {
      readonly layer: Descriptor;
      readonly name: string;
      readonly parent: string;
      readonly diffId: string | undefined;
      readonly lease: string;
    },
  ): Promise<void> {
    const { layer, name, parent, diffId, lease } = job;
    const key = `k8ts-unpack-${randomUuid(this.#random)} ${name}`;
    const prepared = await this.#snapshots.call("Prepare", { snapshotter, key, parent }, options(lease));
    try {
      const applyOptions = { ...options(lease), timeoutMs: applyTimeoutMs };
      const { applied } = await this.#diff.call("Apply", { diff: layer, mounts: prepared["mounts"] }, applyOptions);
      const { digest } = applied as { digest: string };
      if (digest !== diffId) throw new Error(`layer ${layer.digest} holds ${digest} and should hold ${diffId ?? ""}`);
      await this.#snapshots.call("Commit", { snapshotter, name, key }, options(lease));
    } catch (error) {
      await this.removeView(snapshotter, key);
      // Somebody else, such as CRI for a container, was first.
      if (codeOf(error) !== status.ALREADY_EXISTS) throw error;
    }
  }

  async #exists(snapshotter: string, key: string): Promise<boolean> {
    return (
      (await allowing(status.NOT_FOUND, this.#snapshots.call("Stat", { snapshotter, key }, options()))) !== undefined
    );
  }

  /** Of this machine's architecture. */
  async #manifest(names: readonly string[]): Promise<ImageManifest> {
    const target = await this.#target(names);
    if (target.mediaType !== mediaTypes.index && target.mediaType !== mediaTypes.dockerIndex) {
      return (await this.#document(target.digest)) as ImageManifest;
    }
    const { manifests } = (await this.#document(target.digest)) as {
      manifests: readonly (Descriptor & { platform?: { architecture: string; os: string } })[];
    };
    const own = manifests.find(
      ({ platform }) => platform?.os === "linux" && platform.architecture === ownArchitecture(),
    );
    if (!own)
      throw new Error(`image ${names.join(", ")} has no manifest for linux/${ownArchitecture() ?? process.arch}`);
    return (await this.#document(own.digest)) as ImageManifest;
  }

  async #target(names: readonly string[]): Promise<Descriptor> {
    for (const name of names) {
      const found = await allowing(status.NOT_FOUND, this.#images.call("Get", { name }, options()));
      if (found) return (found["image"] as { readonly target: Descriptor }).target;
    }
    throw new Error(`image ${names.join(", ")} is not there`);
  }

  /** The JSON that the digest names, which vouches for its shape. */
  async #document(digest: string): Promise<unknown> {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const { data } of this.#content.serverStream("Read", { digest }, options())) {
      size += (data as Buffer).length;
      if (size > documentBytesMax) throw new Error(`${digest} is larger than ${documentBytesMax} bytes`);
      chunks.push(data as Buffer);
    }
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  }
}

/** The names of an image's snapshots, lowest first: each is the hash of the one below it and its own content. */
export function chainIds(diffIds: readonly string[]): readonly string[] {
  const out: string[] = [];
  for (const diffId of diffIds) {
    const below = out.at(-1);
    out.push(
      below === undefined ? diffId : `sha256:${createHash("sha256").update(`${below} ${diffId}`).digest("hex")}`,
    );
  }
  return out;
}

function mountsOf(message: GrpcMessage): readonly SnapshotMount[] {
  return message["mounts"] as readonly SnapshotMount[];
}

function options(lease?: string): { readonly timeoutMs: number; readonly metadata: Readonly<Record<string, string>> } {
  const metadata = { "containerd-namespace": namespace, ...(lease === undefined ? {} : { "containerd-lease": lease }) };
  return { timeoutMs: callTimeoutMs, metadata };
}

function codeOf(error: unknown): unknown {
  return error instanceof Error ? Reflect.get(error, "code") : undefined;
}

/** Undefined when the call failed in the way that is expected. */
async function allowing(code: status, call: Promise<GrpcMessage>): Promise<GrpcMessage | undefined> {
  try {
    return await call;
  } catch (error) {
    if (codeOf(error) !== code) throw error;
    return undefined;
  }
}
