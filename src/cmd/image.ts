import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";

import { containerdPaths } from "../node/containerd/containerd-process.ts";
import { CriConnection } from "../node/cri-client/cri-connection.ts";
import { CriImageService } from "../node/cri-client/cri-client.ts";
import { buildNodeImage } from "../node/images/built-in-images.ts";
import type { OciImage } from "../node/images/oci-image.ts";
import { readImageArchive } from "../node/images/image-archive.ts";
import { ImageImporter } from "../node/images/image-import.ts";
import { clusterDirectory, clusterOptions, parseCommandLine, UsageError } from "./arguments.ts";
import type { ClusterDirectory, ClusterState } from "./cluster-directory.ts";

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
  if (action === "ls" && file === undefined) return list(directory, state);
  if (action === "load" && file !== undefined) return load(directory, state, file);
  throw new UsageError("k8ts image load FILE, or k8ts image ls");
}

/** Builds the image of the Node program and loads it into each node that does not have it. */
export async function ensureNodeImage(directory: ClusterDirectory, state: ClusterState): Promise<void> {
  const sockets = await Promise.all(
    socketsOf(directory, state).map(async (socket) => {
      await using images = imageService(socket);
      return (await images.service.imageStatus({ image: nodeImageName })) ? [] : [socket];
    }),
  );
  const without = sockets.flat();
  if (without.length === 0) return;
  const built = await buildNodeImage(nodeImageName, {}, existsSync(busybox) ? { busybox } : {});
  await importInto(without, [built], () => {});
}

async function load(directory: ClusterDirectory, state: ClusterState, file: string): Promise<void> {
  const images = readImageArchive(await readFile(file));
  await importInto(socketsOf(directory, state), images, (name) => process.stdout.write(`loaded ${name}\n`));
}

/** One image after the other, into all nodes at once. */
async function importInto(
  sockets: readonly string[],
  images: readonly OciImage[],
  onImported: (name: string) => void,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const importers = sockets.map((socket) => stack.use(new ImageImporter(socket)));
  for (const found of images) {
    await Promise.all(importers.map((importer) => importer.import(found)));
    onImported(found.name);
  }
}

/** What any node holds: normally all hold the same, but one may have pulled more. */
async function list(directory: ClusterDirectory, state: ClusterState): Promise<void> {
  const found = await Promise.all(
    socketsOf(directory, state).map(async (socket) => {
      await using images = imageService(socket);
      return images.service.listImages();
    }),
  );
  const lines = found
    .flat()
    .flatMap((i) =>
      i.repoTags.map((tag) => [tag, i.id.replace("sha256:", "").slice(0, 13), `${(i.sizeBytes / 1e6).toFixed(1)}MB`]),
    );
  const rows = [...new Map(lines.map((row) => [row.join(" "), row])).values()];
  const width = Math.max(...rows.map(([tag]) => tag?.length ?? 0), 5);
  process.stdout.write(`${"IMAGE".padEnd(width)}  ${"IMAGE ID".padEnd(13)}  SIZE\n`);
  for (const [tag = "", id = "", size = ""] of rows) process.stdout.write(`${tag.padEnd(width)}  ${id}  ${size}\n`);
}

function imageService(socket: string): AsyncDisposable & { readonly service: CriImageService } {
  const connection = new CriConnection(socket);
  return {
    service: new CriImageService(connection),
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

function socketsOf(directory: ClusterDirectory, state: ClusterState): readonly string[] {
  return state.nodes.map((node) => containerdPaths(directory.nodeDirectory(state, node).containerd).socket);
}
