import { readdir } from "node:fs/promises";

import { sleep, type Clock } from "../component-base/clock.ts";
import { runningCommandLine } from "./containerd/process-file.ts";

const pollMs = 10;

/** The pids of running processes whose command line satisfies `claim`. Reads all of `/proc`: some milliseconds. */
export async function findProcesses(claim: (commandLine: readonly string[]) => boolean): Promise<readonly number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const commandLine = pid === process.pid ? undefined : await runningCommandLine(pid);
      return commandLine && claim(commandLine) ? pid : undefined;
    }),
  );
  return found.filter((pid) => pid !== undefined);
}

/** SIGTERM, then SIGKILL after `graceMs`; resolves when they are gone. Whoever is gone already is fine. */
export async function endProcesses(pids: readonly number[], graceMs: number, clock: Clock): Promise<void> {
  for (const pid of pids) signalProcess(pid, graceMs > 0 ? "SIGTERM" : "SIGKILL");
  const deadline = clock.monotonic() + graceMs;
  let left = pids;
  let wasKilled = graceMs <= 0;
  while ((left = await stillRunning(left)).length > 0) {
    if (!wasKilled && clock.monotonic() >= deadline) {
      for (const pid of left) signalProcess(pid, "SIGKILL");
      wasKilled = true;
    }
    await sleep(clock, pollMs);
  }
}

async function stillRunning(pids: readonly number[]): Promise<readonly number[]> {
  const running = await Promise.all(pids.map(async (pid) => (await runningCommandLine(pid)) !== undefined));
  return pids.filter((_, i) => running[i]);
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
