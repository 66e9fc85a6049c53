import { readdirSync, readFileSync } from "node:fs";

/** Milliseconds of CPU the threads of a running process have used, from the scheduler's nanosecond counters. */
export function cpuMs(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
  }
  return nanoseconds / 1e6;
}

/**
 * Proportional set size: private pages, and of each shared page this process's share. The sum over processes is what
 * they cost together.
 */
export function pssMb(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1]) / 1024;
}
