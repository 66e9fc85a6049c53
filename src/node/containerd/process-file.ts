import { readFile } from "node:fs/promises";

/** What the kernel says of a running process; undefined when it is gone, or only a zombie that nobody has reaped. */
export async function runningCommandLine(pid: number): Promise<readonly string[] | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    // The state follows the program's name, which is in parentheses and may hold anything.
    const state = stat.slice(stat.lastIndexOf(")") + 2).charAt(0);
    if (state === "Z" || state === "X") return undefined;
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
