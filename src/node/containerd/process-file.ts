import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";

/** A process that nothing else can be taken for: pids are reused, but not within one tick of the clock. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the kernel's ticks since boot. */
  readonly startTicks: string;
}

/**
 * The process that has this pid now; undefined when it is gone, or only a zombie that nobody has reaped. Reads the kernel's
 * memory, which takes microseconds.
 */
export function runningProcess(pid: number): ProcessIdentity | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    // It ended before or while it was looked at.
    return undefined;
  }
  // State, and 19 fields on the start, follow the program's name, which is in parentheses and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, startTicks] = [fields[0], fields[19]];
  return state === "Z" || state === "X" || startTicks === undefined ? undefined : { pid, startTicks };
}

/** What the kernel says of a running process; undefined when it is gone, or only a zombie that nobody has reaped. */
export async function runningCommandLine(pid: number): Promise<readonly string[] | undefined> {
  try {
    if (runningProcess(pid) === undefined) return undefined;
    return (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0").slice(0, -1);
  } catch {
    // It ended between or before the reads.
    return undefined;
  }
}

/**
 * The pid in a file, when a process runs under it whose command line names `argument`. Pids are reused: the argument, a
 * path that only this program was started with, is what makes it ours.
 */
export async function pidFromFile(path: string, argument: string): Promise<number | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch {
    return undefined;
  }
  const pid = Number(text.trim());
  if (!Number.isSafeInteger(pid) || pid <= 1) return undefined;
  return (await runningCommandLine(pid))?.includes(argument) === true ? pid : undefined;
}
