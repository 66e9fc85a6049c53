import { status } from "@grpc/grpc-js";

import { randomUuid, SystemRandom, type Random } from "../../component-base/random.ts";
import { GrpcPackage, type GrpcClient, type GrpcMessage } from "../grpc-client.ts";
import { containerdContentProto, containerdImagesProto, containerdLeasesProto } from "../proto/containerd.ts";
import type { Blob, OciImage } from "./oci-image.ts";

// The namespace CRI looks in.
const namespace = "k8s.io";
const callTimeoutMs = 30_000;
const writeTimeoutMs = 10 * 60_000;
// Content without a reference is garbage to containerd; a lease keeps it while the import runs, and expires should we die.
const leaseLifetimeMs = 3600_000;
const chunkBytes = 1 << 20;

/** Puts images into containerd through its own API, so that nothing is pulled and no `ctr` is needed. */
export class ImageImporter implements AsyncDisposable {
  readonly #content: GrpcClient;
  readonly #images: GrpcClient;
  readonly #leases: GrpcClient;
  readonly #random: Random;

  constructor(socketPath: string, random: Random = new SystemRandom()) {
    const target = `unix://${socketPath}`;
    this.#content = new GrpcPackage(containerdContentProto).client("Content", target);
    this.#images = new GrpcPackage(containerdImagesProto).client("Images", target);
    this.#leases = new GrpcPackage(containerdLeasesProto).client("Leases", target);
    this.#random = random;
  }

  /** CRI sees the image when this resolves. One of the same name is replaced; content that is there is not sent again. */
  async import(image: OciImage): Promise<void> {
    const id = `k8ts-import-${randomUuid(this.#random)}`;
    const labels = { "containerd.io/gc.expire": new Date(Date.now() + leaseLifetimeMs).toISOString() };
    await this.#leases.call("Create", { id, labels }, options());
    try {
      for (const blob of image.blobs) await this.#write(blob, id);
      await this.#name(image, id);
    } finally {
      await this.#leases.call("Delete", { id }, options());
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of [this.#content, this.#images, this.#leases]) client.close();
    await Promise.resolve();
  }

  #write(blob: Blob, lease: string): Promise<void> {
    // The labels are what keeps referenced blobs from garbage collection once the lease is gone.
    const labels = Object.fromEntries(
      Object.entries(blob.references).map(([role, digest]) => [`containerd.io/gc.ref.content.${role}`, digest]),
    );
    const stream = this.#content.duplexStream("Write", { ...options(lease), timeoutMs: writeTimeoutMs });
    return new Promise((resolve, reject) => {
      let isCommitted = false;
      stream.on("data", (response: GrpcMessage) => {
        if (response["action"] !== "COMMIT") return;
        isCommitted = true;
        stream.end();
      });
      stream.on("end", () => {
        if (isCommitted) resolve();
        else reject(new Error(`containerd did not commit ${blob.digest}`));
      });
      stream.on("error", (error: Error & { code?: number }) => {
        if (error.code === status.ALREADY_EXISTS) resolve();
        else reject(new Error(`cannot import ${blob.digest}`, { cause: error }));
      });
      // Named after the lease too: what an interrupted import wrote half must not be continued from the start.
      const ref = `${lease}-${blob.digest}`;
      const send = (offset: number): void => {
        const isLast = offset + chunkBytes >= blob.size;
        const data = blob.data.subarray(offset, offset + chunkBytes);
        const message = { ref, total: blob.size, offset, data };
        if (isLast) stream.write({ ...message, action: "COMMIT", expected: blob.digest, labels });
        else stream.write({ ...message, action: "WRITE" }, () => send(offset + chunkBytes));
      };
      send(0);
    });
  }

  async #name(image: OciImage, lease: string): Promise<void> {
    const request = {
      image: { name: image.name, target: image.target, labels: { "io.cri-containerd.image": "managed" } },
    };
    try {
      await this.#images.call("Create", request, options(lease));
    } catch (error) {
      if ((error as { code?: number }).code !== status.ALREADY_EXISTS) throw error;
      await this.#images.call("Update", request, options(lease));
    }
  }
}

function options(lease?: string): { readonly timeoutMs: number; readonly metadata: Readonly<Record<string, string>> } {
  const metadata = { "containerd-namespace": namespace, ...(lease === undefined ? {} : { "containerd-lease": lease }) };
  return { timeoutMs: callTimeoutMs, metadata };
}
