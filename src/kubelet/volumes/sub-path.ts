import type { FileSystem } from "../../component-base/file-system.ts";

const linksMax = 40;

/**
 * The real path of `subPath` within a volume, its directories created where they are missing. Links are followed as long
 * as they stay inside; one that leaves the volume is refused.
 *
 * Differs from upstream: the result is a path and not a bind mount of an open directory, so a container that swaps a
 * directory for a link between this check and the mount is not caught here.
 */
export async function resolveSubPath(fs: FileSystem, volumeRoot: string, subPath: string): Promise<string> {
  const pending = subPath.split("/").filter((part) => part !== "" && part !== ".");
  const resolved: string[] = [];
  let links = 0;
  while (pending.length > 0) {
    const part = pending.shift() ?? "";
    if (part === "..") {
      if (resolved.length === 0) throw new Error(`subPath "${subPath}" not within volume path`);
      resolved.pop();
      continue;
    }
    const path = [volumeRoot, ...resolved, part].join("/");
    const info = await fs.stat(path);
    if (!info) await fs.makeDirectory(path, 0o755);
    if (info?.type === "symlink") {
      const target = await fs.readLink(path);
      if (target.startsWith("/") || ++links > linksMax) {
        throw new Error(`failed to prepare subPath for volumeMount: subpath "${subPath}" not within volume path`);
      }
      pending.unshift(...target.split("/").filter((p) => p !== "" && p !== "."));
      continue;
    }
    resolved.push(part);
  }
  return [volumeRoot, ...resolved].join("/");
}
