import { gunzipSync } from "node:zlib";

import { readTar } from "./tar.ts";
import { canonicalImageName } from "./image-reference.ts";
import {
  blob,
  blobPath,
  descriptor,
  jsonBlob,
  mediaTypes,
  numbered,
  type Blob,
  type Descriptor,
  type OciImage,
} from "./oci-image.ts";

/** The file is not an image archive, or lacks part of one. */
export class ImageArchiveError extends Error {
  override readonly name = "ImageArchiveError";
}

type Files = ReadonlyMap<string, Uint8Array>;

interface IndexJson {
  readonly manifests?: readonly (Descriptor & {
    readonly annotations?: Readonly<Record<string, string>>;
    readonly platform?: { readonly architecture: string; readonly os: string };
  })[];
}
interface ManifestJson {
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
}
interface DockerSaveEntry {
  readonly Config: string;
  readonly RepoTags?: readonly string[] | null;
  readonly Layers: readonly string[];
}

/**
 * The images of an archive: an OCI image layout as one tar, or what `docker save` writes (which, since Docker 25, is
 * both). Either may be gzipped. `name` replaces the name of an archive's only image and names one that has none.
 * Throws ImageArchiveError and TarError.
 */
export function readImageArchive(archive: Uint8Array, options: { readonly name?: string } = {}): readonly OciImage[] {
  const files = readTar(archive[0] === 0x1f && archive[1] === 0x8b ? gunzipSync(archive) : archive);
  const images = files.has("index.json") ? readLayout(files) : readDockerSave(files);
  if (images.length === 0) throw new ImageArchiveError("the archive holds no image");
  return images.map(({ name, ...image }) => {
    const chosen = images.length === 1 ? (options.name ?? name) : name;
    if (chosen === undefined) throw new ImageArchiveError("the archive does not name its image: give it a name");
    return { ...image, name: canonicalImageName(chosen) };
  });
}

type UnnamedImage = Omit<OciImage, "name"> & { readonly name: string | undefined };

function readLayout(files: Files): readonly UnnamedImage[] {
  const index = parse(files, "index.json") as IndexJson;
  // docker save lists names with a tag only here; the layout's annotation holds the bare tag.
  const dockerTags = files.has("manifest.json")
    ? (parse(files, "manifest.json") as readonly DockerSaveEntry[]).flatMap((entry) => entry.RepoTags ?? [])
    : [];
  return (index.manifests ?? []).map((entry, i) => {
    const blobs = new Map<string, Blob>();
    collect(files, entry, blobs);
    const fallback = dockerTags.length === index.manifests?.length ? dockerTags[i] : undefined;
    const refName = entry.annotations?.["org.opencontainers.image.ref.name"];
    const name =
      entry.annotations?.["io.containerd.image.name"] ??
      fallback ??
      (refName?.includes("/") === true ? refName : undefined);
    return { name, blobs: [...blobs.values()], target: descriptor(entry) };
  });
}

/**
 * Adds the blob and, before it, what it references. Platforms of an index whose content is not in the archive are left
 * out, as tools save only the platform they have.
 */
function collect(files: Files, entry: Descriptor, into: Map<string, Blob>): void {
  if (into.has(entry.digest)) return;
  const data = files.get(blobPath(entry.digest));
  if (!data) throw new ImageArchiveError(`the archive lacks ${entry.digest}`);
  const made = blob(entry.mediaType, data, references(files, entry, data, into));
  if (made.digest !== entry.digest) throw new ImageArchiveError(`content of ${entry.digest} is damaged`);
  into.set(entry.digest, made);
}

function references(
  files: Files,
  entry: Descriptor,
  data: Uint8Array,
  into: Map<string, Blob>,
): Readonly<Record<string, string>> {
  if (entry.mediaType === mediaTypes.index || entry.mediaType === mediaTypes.dockerIndex) {
    const present = ((parseJson(data, entry.digest) as IndexJson).manifests ?? []).filter((m) =>
      files.has(blobPath(m.digest)),
    );
    if (present.length === 0) throw new ImageArchiveError("the archive holds none of the image's platforms");
    for (const manifest of present) collect(files, manifest, into);
    return numbered("m", present);
  }
  if (entry.mediaType === mediaTypes.manifest || entry.mediaType === mediaTypes.dockerManifest) {
    const { config, layers = [] } = parseJson(data, entry.digest) as ManifestJson;
    if (!config) throw new ImageArchiveError(`manifest ${entry.digest} has no config`);
    for (const child of [...layers, config]) collect(files, child, into);
    return { config: config.digest, ...numbered("l", layers) };
  }
  return {};
}

/** The older form: manifest.json names config and layers by path, and there is no manifest of the image yet. */
function readDockerSave(files: Files): readonly UnnamedImage[] {
  if (!files.has("manifest.json")) throw new ImageArchiveError("neither an OCI image layout nor a docker save archive");
  return (parse(files, "manifest.json") as readonly DockerSaveEntry[]).flatMap((entry) => {
    const file = (path: string): Uint8Array => {
      const data = files.get(path);
      if (!data) throw new ImageArchiveError(`the archive lacks ${path}`);
      return data;
    };
    const config = blob(mediaTypes.config, file(entry.Config));
    const layers = entry.Layers.map((path) => blob(mediaTypes.layer, file(path)));
    const manifest = jsonBlob(
      mediaTypes.manifest,
      { schemaVersion: 2, mediaType: mediaTypes.manifest, config: descriptor(config), layers: layers.map(descriptor) },
      { config: config.digest, ...numbered("l", layers) },
    );
    const blobs = [...new Map([...layers, config, manifest].map((b) => [b.digest, b])).values()];
    const names = entry.RepoTags && entry.RepoTags.length > 0 ? entry.RepoTags : [undefined];
    return names.map((name) => ({ name, blobs, target: descriptor(manifest) }));
  });
}

function parse(files: Files, path: string): unknown {
  return parseJson(files.get(path) ?? new Uint8Array(), path);
}

function parseJson(data: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(Buffer.from(data).toString("utf8"));
  } catch (error) {
    throw new ImageArchiveError(`${what} is not JSON`, { cause: error });
  }
}
