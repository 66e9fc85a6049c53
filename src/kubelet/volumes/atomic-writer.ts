import type { FileSystem } from "../../component-base/file-system.ts";

/** A file of a volume whose content comes from the API. */
export interface ProjectedFile {
  readonly data: Uint8Array;
  readonly mode: number;
  /** Who owns it, when that matters (tokens for a user other than root). */
  readonly uid?: number;
}

/** By path relative to the volume; no `..`, not absolute. */
export type Payload = ReadonlyMap<string, ProjectedFile>;

const dataLink = "..data";
const dataLinkNext = "..data_tmp";

export interface AtomicWriteOptions {
  /** Sorts before what is written later, and is not there yet: names the directory of this version. */
  readonly versionName: string;
  readonly fsGroup?: number;
}

/**
 * Brings a volume directory to the payload, all files at one moment:
 *
 * ```
 * volume/key          -> ..data/key          links users see, made once
 * volume/..data       -> ..2026_01_02_…      replaced by rename: this is the moment
 * volume/..2026_01_02_…/key                  this version's files
 * ```
 *
 * Resolves to false, having written nothing, when the files are as they should be.
 */
export async function writeAtomically(
  fs: FileSystem,
  directory: string,
  payload: Payload,
  options: AtomicWriteOptions,
): Promise<boolean> {
  const oldVersion = await linkTarget(fs, `${directory}/${dataLink}`);
  if (oldVersion !== undefined && (await holds(fs, `${directory}/${oldVersion}`, payload))) return false;
  const version = `..${options.versionName}`;
  const versionDirectory = `${directory}/${version}`;
  await fs.removeAll(versionDirectory);
  await fs.makeDirectory(versionDirectory, 0o755);
  await setGroup(fs, versionDirectory, options.fsGroup, true);
  for (const [path, file] of payload) await writeOne(fs, versionDirectory, path, file, options.fsGroup);

  const top = new Set([...payload.keys()].map((path) => path.split("/")[0] ?? path));
  for (const name of top) {
    const link = `${directory}/${name}`;
    if ((await fs.stat(link)) === undefined) await fs.symlink(`${dataLink}/${name}`, link);
  }
  await fs.removeAll(`${directory}/${dataLinkNext}`);
  await fs.symlink(version, `${directory}/${dataLinkNext}`);
  await fs.rename(`${directory}/${dataLinkNext}`, `${directory}/${dataLink}`);

  for (const name of await fs.list(directory)) {
    if (!name.startsWith("..") && !top.has(name)) await fs.remove(`${directory}/${name}`);
    else if (name.startsWith("..") && name !== dataLink && name !== version) await fs.removeAll(`${directory}/${name}`);
  }
  return true;
}

async function writeOne(
  fs: FileSystem,
  root: string,
  path: string,
  file: ProjectedFile,
  fsGroup: number | undefined,
): Promise<void> {
  const parts = path.split("/");
  let parent = root;
  for (const part of parts.slice(0, -1)) {
    parent = `${parent}/${part}`;
    if (await fs.stat(parent)) continue;
    await fs.makeDirectory(parent, 0o755);
    await setGroup(fs, parent, fsGroup, true);
  }
  const target = `${root}/${path}`;
  await fs.writeFile(target, file.data, file.mode);
  if (file.uid !== undefined) await fs.chown(target, file.uid, fsGroup ?? 0);
  else await setGroup(fs, target, fsGroup, false);
  // The process's umask may have taken bits away; a group that owns the file may read it.
  await fs.chmod(target, fsGroup === undefined ? file.mode : file.mode | 0o440);
}

async function setGroup(
  fs: FileSystem,
  path: string,
  fsGroup: number | undefined,
  isDirectory: boolean,
): Promise<void> {
  if (fsGroup === undefined) return;
  await fs.chown(path, 0, fsGroup);
  if (isDirectory) await fs.chmod(path, 0o2755);
}

async function linkTarget(fs: FileSystem, path: string): Promise<string | undefined> {
  const info = await fs.stat(path);
  return info?.type === "symlink" ? fs.readLink(path) : undefined;
}

async function holds(fs: FileSystem, directory: string, payload: Payload): Promise<boolean> {
  const info = await fs.stat(directory);
  if (info?.type !== "directory") return false;
  const paths = await filesBelow(fs, directory, "");
  if (paths.length !== payload.size) return false;
  for (const path of paths) {
    const wanted = payload.get(path);
    if (!wanted || !equalBytes(await fs.readFile(`${directory}/${path}`), wanted.data)) return false;
  }
  return true;
}

async function filesBelow(fs: FileSystem, root: string, prefix: string): Promise<string[]> {
  const out: string[] = [];
  for (const name of await fs.list(prefix === "" ? root : `${root}/${prefix}`)) {
    const path = prefix === "" ? name : `${prefix}/${name}`;
    const info = await fs.stat(`${root}/${path}`);
    if (info?.type === "directory") out.push(...(await filesBelow(fs, root, path)));
    else out.push(path);
  }
  return out;
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
