import { constants } from "node:fs";
import { chmod, lstat, mkdir, open, realpath, stat, writeFile, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";

import { FileSystemError } from "../component-base/file-system.ts";
import type { Mounter } from "../kubelet/ports.ts";
import { CommandShell } from "./command-shell.ts";
import { ExecError, execChecked } from "./exec.ts";
import { mountsBelow, readMounts } from "./mount-info.ts";

/** Mounts by the system's `mount` and `umount` (3 to 5 ms each), in this process's mount namespace. */
export class SystemMounter implements Mounter {
  readonly #shell = new CommandShell();

  async mountTmpfs(path: string, options: { readonly sizeBytes?: number; readonly mode?: number }): Promise<void> {
    if (await this.isMounted(path)) return;
    const settings = [
      ...(options.sizeBytes === undefined ? [] : [`size=${options.sizeBytes}`]),
      ...(options.mode === undefined ? [] : [`mode=${options.mode.toString(8)}`]),
    ];
    const flags = settings.length === 0 ? [] : ["-o", settings.join(",")];
    await this.#run("mount", ["-t", "tmpfs", ...flags, "--", "tmpfs", path]);
  }

  async bind(source: string, target: string, options: { readonly readOnly: boolean }): Promise<void> {
    await this.#run("mount", ["--bind", "--", source, target]);
    // The kernel ignores "read only" when it binds; it takes a second step.
    if (options.readOnly) await this.#run("mount", ["-o", "remount,bind,ro", "--", target]);
  }

  async bindWithin(
    root: string,
    path: string,
    target: string,
    { mode, readOnly }: { readonly mode: number; readonly readOnly: boolean },
  ): Promise<void> {
    // The descriptor stays what was opened, wherever its path leads by now.
    await using opened = await openWithin(await realpath(root), path, mode);
    if ((await opened.stat()).isDirectory()) await mkdir(target, { recursive: true, mode: 0o750 });
    else {
      await mkdir(dirname(target), { recursive: true, mode: 0o750 });
      await writeFile(target, "", { flag: "a", mode: 0o640 });
    }
    const source = `/proc/${process.pid}/fd/${opened.fd}`;
    await this.#run("mount", ["--no-canonicalize", "--bind", "--", source, target]);
    if (readOnly) await this.#run("mount", ["-o", "remount,bind,ro", "--", target]);
  }

  async unmount(path: string): Promise<void> {
    if (!(await this.isMounted(path))) return;
    await this.#run("umount", ["--", path]);
  }

  async isMounted(path: string): Promise<boolean> {
    if (await isOnOtherDevice(path)) return true;
    const real = await resolve(path);
    return (await readMounts()).some((mount) => mount.path === real);
  }

  async listBelow(path: string): Promise<readonly string[]> {
    return mountsBelow(await readMounts(), await resolve(path));
  }

  async #run(file: string, args: readonly string[]): Promise<void> {
    await translated(this.#shell.run(file, args));
  }
}

/**
 * Makes a directory a shared mount, so that mounts below it reach containers that asked for them and back. Without this
 * mount propagation of volumes is silently without effect wherever `/` is private. Idempotent.
 */
export async function makeShared(path: string): Promise<void> {
  if (!(await new SystemMounter().isMounted(path))) {
    await translated(execChecked("mount", ["--bind", "--", path, path]));
  }
  await translated(execChecked("mount", ["--make-rshared", "--", path]));
}

// Opens the thing itself, link or not, without access to its content. Node names it not.
const openPath = 0o10000000;

/** Opens each component from the one before it, and takes no link. */
async function openWithin(root: string, path: string, mode: number): Promise<FileHandle> {
  const flags = openPath | constants.O_NOFOLLOW;
  let current = await open(root, flags | constants.O_DIRECTORY);
  try {
    for (const name of path.split("/")) {
      if (name === ".." || name === "") throw new FileSystemError("EINVAL", `not a path within a volume: ${path}`);
      const next = await openOrMake(`/proc/self/fd/${current.fd}/${name}`, flags, mode);
      await current.close();
      current = next;
      if ((await current.stat()).isSymbolicLink()) {
        throw new FileSystemError("ELOOP", `${path} leads over a link, which was not there before`);
      }
    }
    return current;
  } catch (error) {
    await current.close();
    throw error;
  }
}

async function openOrMake(path: string, flags: number, mode: number): Promise<FileHandle> {
  try {
    return await open(path, flags);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
  try {
    await mkdir(path, { mode: mode & 0o777 });
  } catch (error) {
    // Somebody else made something there: it is opened as it is.
    if (!hasCode(error, "EEXIST")) throw error;
    return open(path, flags);
  }
  const made = await open(path, flags);
  // The process's umask took bits away.
  if ((await made.stat()).isDirectory()) await chmod(`/proc/self/fd/${made.fd}`, mode);
  return made;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && Reflect.get(error, "code") === code;
}

/**
 * Whether the path is a directory on another device than the one it is in, which only a mount point is. A mount point need
 * not be: a bind mount may be of the same device. Reading all mounts takes a millisecond where there are hundreds.
 */
async function isOnOtherDevice(path: string): Promise<boolean> {
  try {
    const [own, parent] = await Promise.all([lstat(path), stat(dirname(path))]);
    // An overlay's files, other than its directories, may say they are of the device below it.
    return own.isDirectory() && own.dev !== parent.dev;
  } catch {
    return false;
  }
}

/** The path as the kernel lists it, without symbolic links. What does not exist is not mounted under any other name. */
async function resolve(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    return path;
  }
}

async function translated(command: Promise<unknown>): Promise<void> {
  try {
    await command;
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
