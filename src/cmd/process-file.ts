import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

interface ProcessIdentity {
  readonly pid: number;
  /** Start time in clock ticks since boot; tells a process from a later one with the same pid. */
  readonly startTicks: number;
}

/** Records which process runs a component, so that it can be found again and is never confused with another one. */
export async function writeProcessFile(file: string, pid: number): Promise<void> {
  const identity: ProcessIdentity = { pid, startTicks: startTicksOf(pid) ?? 0 };
  await writeFile(`${file}.tmp`, JSON.stringify(identity), { mode: 0o600 });
  await rename(`${file}.tmp`, file);
}

/** The pid of the component when it is running. */
export async function runningPid(file: string): Promise<number | undefined> {
  const identity = await readIdentity(file);
  return identity && startTicksOf(identity.pid) === identity.startTicks ? identity.pid : undefined;
}

export async function removeProcessFile(file: string): Promise<void> {
  await rm(file, { force: true });
}

/**
 * Ends the component: SIGTERM, then SIGKILL after `graceMs`. Returns false when it was not running. The file is removed
 * only when the process is gone.
 */
export async function stopProcess(file: string, graceMs: number): Promise<boolean> {
  const pid = await runningPid(file);
  if (pid === undefined) {
    await removeProcessFile(file);
    return false;
  }
  kill(pid, "SIGTERM");
  if (!(await waitForEnd(file, graceMs))) {
    kill(pid, "SIGKILL");
    if (!(await waitForEnd(file, 5_000))) throw new Error(`process ${pid} does not end`);
  }
  await removeProcessFile(file);
  return true;
}

async function waitForEnd(file: string, timeoutMs: number): Promise<boolean> {
  const end = performance.now() + timeoutMs;
  while ((await runningPid(file)) !== undefined) {
    if (performance.now() > end) return false;
    await delay(20);
  }
  return true;
}

function kill(pid: number, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It ended by itself in between.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function readIdentity(file: string): Promise<ProcessIdentity | undefined> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as ProcessIdentity;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Field 22 of /proc/PID/stat; undefined when there is no such process or it is a zombie. */
function startTicksOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command name, in parentheses, may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : Number(fields[19]);
  } catch {
    return undefined;
  }
}
