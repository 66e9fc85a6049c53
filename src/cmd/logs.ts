import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";

import { clusterDirectory, clusterOptions, parseCommandLine, UsageError } from "./arguments.ts";

const components = ["supervisor", "apiserver", "control", "node", "containerd"] as const;

/** `k8ts logs [component]`: one component's log, or all of them one after the other. */
export async function logs(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseCommandLine(args, clusterOptions, ["component"]);
  const directory = clusterDirectory(values);
  if ((await directory.readState()) === undefined) throw new Error(`there is no cluster in ${directory.root}`);
  const asked = positionals[0];
  const chosen = asked === undefined ? components : components.filter((c) => c === asked);
  if (chosen.length === 0) throw new UsageError(`no such component: ${asked}; there are ${components.join(", ")}`);
  for (const component of chosen) {
    if (asked === undefined) process.stdout.write(`== ${component}\n`);
    try {
      await pipeline(createReadStream(directory.logFile(component)), process.stdout, { end: false });
    } catch (error) {
      // A component that never ran has no log.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
}
