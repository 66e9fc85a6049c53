import { statfs } from "node:fs/promises";

import { FileSystemError } from "../component-base/file-system.ts";
import type { DiskInspector, FileSystemUsage } from "../kubelet/ports.ts";
import { exec } from "./exec.ts";

// A tree of a million files takes du about two seconds on an idle machine.
const treeTimeoutMs = 60_000;

/** Disks as statfs(2) and du(1) tell of them; du, so that large trees are walked in another process. */
export class LinuxDisks implements DiskInspector {
  async fileSystem(path: string): Promise<FileSystemUsage> {
    try {
      const disk = await statfs(path);
      return {
        capacityBytes: disk.blocks * disk.bsize,
        availableBytes: disk.bavail * disk.bsize,
        usedBytes: (disk.blocks - disk.bfree) * disk.bsize,
        inodes: disk.files,
        inodesFree: disk.ffree,
      };
    } catch (error) {
      const { code = "EIO", message } = error as NodeJS.ErrnoException;
      throw new FileSystemError(code, message, { cause: error });
    }
  }

  async tree(path: string): Promise<{ readonly usedBytes: number; readonly inodesUsed: number }> {
    // One after the other: the second walk finds what the first has read in memory.
    const usedBytes = await total(path, "--block-size=1");
    return { usedBytes, inodesUsed: await total(path, "--inodes") };
  }
}

/** Files that vanish while they are counted make du exit with 1; its sum counts all the same. */
async function total(path: string, what: string): Promise<number> {
  const { stdout } = await exec("du", ["--summarize", "--one-file-system", what, "--", path], {
    timeoutMs: treeTimeoutMs,
  });
  return Number(stdout.split("\t")[0] ?? 0) || 0;
}
