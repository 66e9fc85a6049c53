import type { HostPathVolumeSource } from "../../api/core/v1/types.gen.ts";
import type { FileInfo, FileSystem } from "../../component-base/file-system.ts";

/** Checks what the volume says about the path, and creates what it asks to be created. Rejects with upstream's text. */
export async function prepareHostPath(fs: FileSystem, source: HostPathVolumeSource): Promise<void> {
  const { path, type } = source;
  if (!type) return;
  const info = await statFollowing(fs, path);
  switch (type) {
    case "DirectoryOrCreate":
      if (!info) await fs.makeDirectory(path, 0o755);
      else expectType(path, info, "directory", "a directory");
      return;
    case "FileOrCreate":
      if (!info) await fs.writeFile(path, new Uint8Array(), 0o644);
      else expectType(path, info, "file", "a file");
      return;
    case "Directory":
      return expectType(path, info, "directory", "a directory");
    case "File":
      return expectType(path, info, "file", "a file");
    case "Socket":
      return expectType(path, info, "socket", "a socket file");
    case "CharDevice":
      return expectType(path, info, "character-device", "a character device");
    case "BlockDevice":
      return expectType(path, info, "block-device", "a block device");
  }
}

function expectType(path: string, info: FileInfo | undefined, type: FileInfo["type"], what: string): void {
  if (info?.type !== type) throw new Error(`hostPath type check failed: ${path} is not ${what}`);
}

/** What is at the path, links followed; undefined when there is nothing. */
export async function statFollowing(fs: FileSystem, path: string): Promise<FileInfo | undefined> {
  return (await followLinks(fs, path))?.info;
}

/** What is at the end of the links, and where; undefined when there is nothing. */
export async function followLinks(
  fs: FileSystem,
  path: string,
): Promise<{ readonly path: string; readonly info: FileInfo } | undefined> {
  let current = path;
  // As many links as the kernel follows.
  for (let i = 0; i < 40; i++) {
    const info = await fs.stat(current);
    if (info?.type !== "symlink") return info && { path: current, info };
    const target = await fs.readLink(current);
    current = target.startsWith("/") ? target : `${current.slice(0, current.lastIndexOf("/"))}/${target}`;
  }
  return undefined;
}
