import { realpath } from "node:fs/promises";

import { FileSystemError } from "../component-base/file-system.ts";
import type { Mounter } from "../kubelet/ports.ts";
import { ExecError, execChecked } from "./exec.ts";
import { mountsBelow, readMounts } from "./mount-info.ts";

/** Mounts by the system's `mount` and `umount` (3 to 5 ms each), in this process's mount namespace. */
export class SystemMounter implements Mounter {
  async mountTmpfs(path: string, options: { readonly sizeBytes?: number; readonly mode?: number }): Promise<void> {
    if (await this.isMounted(path)) return;
    const settings = [
      ...(options.sizeBytes === undefined ? [] : [`size=${options.sizeBytes}`]),
      ...(options.mode === undefined ? [] : [`mode=${options.mode.toString(8)}`]),
    ];
    const flags = settings.length === 0 ? [] : ["-o", settings.join(",")];
    await run("mount", ["-t", "tmpfs", ...flags, "--", "tmpfs", path]);
  }

  async bind(source: string, target: string, options: { readonly readOnly: boolean }): Promise<void> {
    await run("mount", ["--bind", "--", source, target]);
    // The kernel ignores "read only" when it binds; it takes a second step.
    if (options.readOnly) await run("mount", ["-o", "remount,bind,ro", "--", target]);
  }

  async unmount(path: string): Promise<void> {
    if (!(await this.isMounted(path))) return;
    await run("umount", ["--", path]);
  }

  async isMounted(path: string): Promise<boolean> {
    const real = await resolve(path);
    return (await readMounts()).some((mount) => mount.path === real);
  }

  async listBelow(path: string): Promise<readonly string[]> {
    return mountsBelow(await readMounts(), await resolve(path));
  }
}

/**
 * Makes a directory a shared mount, so that mounts below it reach containers that asked for them and back. Without this
 * mount propagation of volumes is silently without effect wherever `/` is private. Idempotent.
 */
export async function makeShared(path: string): Promise<void> {
  if (!(await new SystemMounter().isMounted(path))) await run("mount", ["--bind", "--", path, path]);
  await run("mount", ["--make-rshared", "--", path]);
}

/** The path as the kernel lists it, without symbolic links. What does not exist is not mounted under any other name. */
async function resolve(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    return path;
  }
}

async function run(file: string, args: readonly string[]): Promise<void> {
  try {
    await execChecked(file, args);
  } catch (error) {
    if (!(error instanceof ExecError)) throw error;
    throw new FileSystemError(posixCode(error.stderr), error.message, { cause: error });
  }
}

// mount(8) reports the kernel's error by its text only.
const codesByText: readonly (readonly [RegExp, string])[] = [
  [/permission denied|must be superuser/i, "EPERM"],
  [/no such file|does not exist/i, "ENOENT"],
  [/busy/i, "EBUSY"],
  [/no space/i, "ENOSPC"],
];

function posixCode(stderr: string): string {
  return codesByText.find(([pattern]) => pattern.test(stderr))?.[1] ?? "EIO";
}
