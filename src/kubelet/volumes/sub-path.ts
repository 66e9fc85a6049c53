import type { VolumeMount } from "../../api/core/v1/types.gen.ts";
import type { FileSystem } from "../../component-base/file-system.ts";
import { expand } from "../environment/expansion.ts";

const linksMax = 40;

/**
 * The part of the volume that a mount asks for, with its variables expanded; empty for the whole. Throws, in upstream's
 * words, when a variable has no value and when the path could lead out of the volume.
 */
export function requestedSubPath(mount: VolumeMount, variables: ReadonlyMap<string, string>): string {
  const { subPathExpr, subPath = "" } = mount;
  const missing = new Set<string>();
  const path = subPathExpr
    ? expand(subPathExpr, (name) => {
        const value = variables.get(name) ?? "";
        if (value === "") missing.add(name);
        return value;
      })
    : subPath;
  if (missing.size > 0) throw new Error(`missing value for ${[...missing].sort().join(", ")}`);
  if (path.startsWith("/")) throw new Error(`error SubPath \`${path}\` must not be an absolute path`);
  if (path.split("/").includes("..")) throw new Error(`unable to provision SubPath \`${path}\`: must not contain '..'`);
  return path;
}

/**
 * What `subPath` leads to within a volume, relative to it and without links: links are followed as long as they stay
 * inside, and one that leaves the volume is refused. What is not there yet stays as it is named. A container may change
 * the volume at any time: whoever uses the answer takes no link on its way.
 */
export async function resolveWithin(fs: FileSystem, volumeRoot: string, subPath: string): Promise<string> {
  return (await walk(fs, volumeRoot, subPath, true)) ?? "";
}

/** The real path of what is there already; undefined when it is not. */
export async function findWithin(fs: FileSystem, volumeRoot: string, path: string): Promise<string | undefined> {
  const found = await walk(fs, volumeRoot, path, false);
  return found === undefined ? undefined : found === "" ? volumeRoot : `${volumeRoot}/${found}`;
}

/** Undefined when something is missing and must not be. */
async function walk(
  fs: FileSystem,
  volumeRoot: string,
  subPath: string,
  mayBeMissing: boolean,
): Promise<string | undefined> {
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
    if (!info && !mayBeMissing) return undefined;
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
  return resolved.join("/");
}
