import { readFile } from "node:fs/promises";

export interface MountPoint {
  readonly path: string;
  readonly fileSystemType: string;
}

/** The mount points of a `/proc/<pid>/mountinfo` in the order they were mounted. */
export function parseMountInfo(text: string): readonly MountPoint[] {
  const mounts: MountPoint[] = [];
  for (const line of text.split("\n")) {
    // 36 35 98:0 /root /mount/point options [tags …] - type source options
    const path = line.split(" ")[4];
    if (path === undefined) continue;
    const afterTags = line.slice(line.indexOf(" - ") + 3);
    mounts.push({ path: unescape(path), fileSystemType: afterTags.split(" ")[0] ?? "" });
  }
  return mounts;
}

/** The mounts of this process's namespace. */
export async function readMounts(): Promise<readonly MountPoint[]> {
  return parseMountInfo(await readFile("/proc/self/mountinfo", "utf8"));
}

/** Mount points at or below `path`, deepest first and of several on one point the last mounted first: in this order each can be unmounted. */
export function mountsBelow(mounts: readonly MountPoint[], path: string): readonly string[] {
  return mounts
    .map((mount) => mount.path)
    .filter((mountPath) => mountPath === path || mountPath.startsWith(`${path}/`))
    .reverse()
    .sort((a, b) => b.split("/").length - a.split("/").length);
}

/** The kernel writes blanks and backslashes in octal. */
function unescape(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
