import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

import { assert, defined } from "../../component-base/assert.ts";
import type { ImageArchitecture } from "./pause-elf.ts";
import { writeTar, type TarEntry } from "./tar.ts";

export const mediaTypes = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
  layerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  dockerIndex: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
} as const;

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Content with its address. */
export interface Blob extends Descriptor {
  readonly data: Uint8Array;
  /** The blobs it names, by the role they have in it: `config`, `l.0` for a layer, `m.0` for a manifest of an index. */
  readonly references: Readonly<Record<string, string>>;
}

/** A named image, whole: what an importer or a registry needs. */
export interface OciImage {
  /** Canonical: `docker.io/library/busybox:1.35`. */
  readonly name: string;
  /** Referenced blobs come before the blobs that reference them; the last one is the image itself. */
  readonly blobs: readonly Blob[];
  readonly target: Descriptor;
}

/** How to run a container of the image; the OCI specification's field names. */
export interface ImageRunConfig {
  readonly User?: string;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly WorkingDir?: string;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
}

export interface ImagePlatform {
  readonly architecture: ImageArchitecture;
  readonly layers: readonly (readonly TarEntry[])[];
  readonly config: ImageRunConfig;
}

/** The architecture this process runs on; undefined where no image of ours would run. */
export function ownArchitecture(): ImageArchitecture | undefined {
  if (process.arch === "x64") return "amd64";
  return process.arch === "arm64" ? "arm64" : undefined;
}

/** Builds an image of one platform, or of several behind an index. Deterministic: equal input is equal bytes. */
export function buildImage(
  name: string,
  platforms: readonly ImagePlatform[],
  options: { readonly gzip?: boolean } = {},
): OciImage {
  assert(platforms.length > 0, "an image needs a platform");
  const blobs: Blob[] = [];
  const manifests = platforms.map((platform) => {
    const layers = platform.layers.map((entries) => writeTar(entries));
    const layerBlobs = layers.map((tar) =>
      options.gzip === true ? blob(mediaTypes.layerGzip, gzipSync(tar, { level: 1 })) : blob(mediaTypes.layer, tar),
    );
    const config = jsonBlob(mediaTypes.config, {
      architecture: platform.architecture,
      os: "linux",
      config: platform.config,
      rootfs: { type: "layers", diff_ids: layers.map(digestOf) },
    });
    const manifest = jsonBlob(
      mediaTypes.manifest,
      {
        schemaVersion: 2,
        mediaType: mediaTypes.manifest,
        config: descriptor(config),
        layers: layerBlobs.map(descriptor),
      },
      { config: config.digest, ...numbered("l", layerBlobs) },
    );
    blobs.push(...layerBlobs, config, manifest);
    return { ...descriptor(manifest), platform: { architecture: platform.architecture, os: "linux" } };
  });
  if (manifests.length > 1) {
    const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests };
    blobs.push(jsonBlob(mediaTypes.index, index, numbered("m", manifests)));
  }
  return { name, blobs, target: descriptor(defined(blobs.at(-1), "image")) };
}

/** Images as one tar in the OCI image layout, as `docker load` and `ctr images import` read it. */
export function layoutTar(images: readonly OciImage[]): Buffer {
  const blobs = new Map(images.flatMap((image) => image.blobs).map((b) => [b.digest, b]));
  const manifests = images.map((image) => ({
    ...image.target,
    annotations: {
      "io.containerd.image.name": image.name,
      "org.opencontainers.image.ref.name": image.name.slice(image.name.lastIndexOf(":") + 1),
    },
  }));
  return writeTar([
    { type: "file", name: "oci-layout", data: Buffer.from('{"imageLayoutVersion":"1.0.0"}') },
    ...[...blobs.values()].map((b): TarEntry => ({ type: "file", name: blobPath(b.digest), data: b.data })),
    { type: "file", name: "index.json", data: Buffer.from(JSON.stringify({ schemaVersion: 2, manifests })) },
  ]);
}

export function blobPath(digest: string): string {
  return `blobs/${digest.replace(":", "/")}`;
}

export function digestOf(data: Uint8Array): string {
  return `sha256:${createHash("sha256").update(data).digest("hex")}`;
}

export function blob(mediaType: string, data: Uint8Array, references: Readonly<Record<string, string>> = {}): Blob {
  return { mediaType, digest: digestOf(data), size: data.length, data, references };
}

export function jsonBlob(mediaType: string, value: object, references?: Readonly<Record<string, string>>): Blob {
  return blob(mediaType, Buffer.from(JSON.stringify(value)), references);
}

export function descriptor({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

export function numbered(role: string, items: readonly Descriptor[]): Readonly<Record<string, string>> {
  return Object.fromEntries(items.map((item, i) => [`${role}.${i}`, item.digest]));
}
