import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";

import { containerdPaths } from "../node/containerd/containerd-process.ts";
import { CriConnection } from "../node/cri-client/cri-connection.ts";
import { CriImageService } from "../node/cri-client/cri-client.ts";
import { buildNodeImage } from "../node/images/built-in-images.ts";
import { readImageArchive } from "../node/images/image-archive.ts";
import { ImageImporter } from "../node/images/image-import.ts";
import { clusterDirectory, clusterOptions, parseCommandLine, UsageError } from "./arguments.ts";
import type { ClusterDirectory } from "./cluster-directory.ts";

const nodeImageName = "k8ts.local/node:24";
const busybox = "/bin/busybox";

/** `k8ts image load FILE` and `k8ts image ls`. */
export async function image(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseCommandLine(args, clusterOptions, ["action", "file"]);
  const directory = clusterDirectory(values);
  const state = await directory.readState();
  if (!state) throw new Error(`there is no cluster in ${directory.root}`);
  if (state.runtime !== "containerd") throw new Error("the nodes are simulated: they hold no images");
  const [action, file] = positionals;
  if (action === "ls" && file === undefined) return list(directory);
  if (action === "load" && file !== undefined) return load(directory, file);
  throw new UsageError("k8ts image load FILE, or k8ts image ls");
}

/** Builds and loads the image of the Node program, unless the node has it. */
export async function ensureNodeImage(directory: ClusterDirectory): Promise<void> {
  await using images = imageService(directory);
  if (await images.service.imageStatus({ image: nodeImageName })) return;
  await using importer = new ImageImporter(socketOf(directory));
  await importer.import(await buildNodeImage(nodeImageName, {}, existsSync(busybox) ? { busybox } : {}));
}

async function load(directory: ClusterDirectory, file: string): Promise<void> {
  const images = readImageArchive(await readFile(file));
  await using importer = new ImageImporter(socketOf(directory));
  for (const found of images) {
    await importer.import(found);
    process.stdout.write(`loaded ${found.name}\n`);
  }
}

async function list(directory: ClusterDirectory): Promise<void> {
  await using images = imageService(directory);
  const rows = (await images.service.listImages()).flatMap((i) =>
    i.repoTags.map((tag) => [tag, i.id.replace("sha256:", "").slice(0, 13), `${(i.sizeBytes / 1e6).toFixed(1)}MB`]),
  );
  const width = Math.max(...rows.map(([tag]) => tag?.length ?? 0), 5);
  process.stdout.write(`${"IMAGE".padEnd(width)}  ${"IMAGE ID".padEnd(13)}  SIZE\n`);
  for (const [tag = "", id = "", size = ""] of rows) process.stdout.write(`${tag.padEnd(width)}  ${id}  ${size}\n`);
}

function imageService(directory: ClusterDirectory): AsyncDisposable & { readonly service: CriImageService } {
  const connection = new CriConnection(socketOf(directory));
  return {
    service: new CriImageService(connection),
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

function socketOf(directory: ClusterDirectory): string {
  return containerdPaths(directory.containerd).socket;
}
