import type { FileInfo, FileSystem } from "../../component-base/file-system.ts";

const setGroupId = 0o2000;
const readWrite = 0o660;
const execute = 0o110;

/**
 * Gives a volume to a group: every file belongs to it and may be read and written by it, new files in directories inherit
 * it. With `OnRootMismatch` only when the volume's own directory is not so already. Links are changed, not followed.
 * O(files).
 */
export async function setVolumeOwnership(
  fs: FileSystem,
  root: string,
  { fsGroup, policy }: { readonly fsGroup: number; readonly policy: "Always" | "OnRootMismatch" },
): Promise<void> {
  const info = await fs.stat(root);
  if (!info) throw new Error(`${root} does not exist`);
  if (policy === "OnRootMismatch" && isOwned(info, fsGroup)) return;
  await changeBelow(fs, root, root, fsGroup);
  // Last, so that an interrupted walk is not taken for a complete one.
  await change(fs, { root, path: root, info, fsGroup });
}

function isOwned({ gid, mode }: FileInfo, fsGroup: number): boolean {
  const wanted = readWrite | execute | setGroupId;
  return gid === fsGroup && (mode & wanted) === wanted;
}

async function changeBelow(fs: FileSystem, root: string, directory: string, fsGroup: number): Promise<void> {
  for (const name of await fs.list(directory)) {
    const path = `${directory}/${name}`;
    const info = await fs.stat(path);
    // Whoever uses the volume elsewhere may remove files meanwhile.
    if (!info) continue;
    if (info.type === "directory") await changeBelow(fs, root, path, fsGroup);
    await change(fs, { root, path, info, fsGroup });
  }
}

async function change(
  fs: FileSystem,
  {
    root,
    path,
    info,
    fsGroup,
  }: { readonly root: string; readonly path: string; readonly info: FileInfo; readonly fsGroup: number },
): Promise<void> {
  await fs.chown(path, -1, fsGroup);
  if (info.type !== "file" && info.type !== "directory") return;
  const mode = info.mode | readWrite | (info.type === "directory" ? execute | setGroupId : 0);
  // A container that runs already may swap a directory for a link.
  await fs.chmod(path, mode, path === root ? undefined : root);
}
