import type { FileSystemUsage } from "../ports.ts";
import type { FsStats } from "./summary.ts";

/** How full a file system is, as `/stats/summary` tells it. */
export function fsStats(time: string, usage: FileSystemUsage): FsStats {
  return {
    time,
    availableBytes: usage.availableBytes,
    capacityBytes: usage.capacityBytes,
    usedBytes: usage.usedBytes,
    inodesFree: usage.inodesFree,
    inodes: usage.inodes,
    inodesUsed: usage.inodes - usage.inodesFree,
  };
}

/** With milliseconds, for rates between two readings. */
export function preciseTime(ms: number): string {
  return new Date(ms).toISOString();
}
