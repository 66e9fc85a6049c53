import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";

import { containerdPaths } from "../node/containerd/containerd-process.ts";
import { clusterDirectory, clusterOptions, parseCommandLine, UsageError } from "./arguments.ts";
import type { ClusterDirectory, ClusterState } from "./cluster-directory.ts";
import { supervisedComponents } from "./supervisor.ts";

/** `k8ts logs [component]`: one component's log, or all of them one after the other. */
export async function logs(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseCommandLine(args, clusterOptions, ["component"]);
  const directory = clusterDirectory(values);
  const state = await directory.readState();
  if (!state) throw new Error(`there is no cluster in ${directory.root}`);
  const files = logFiles(directory, state);
  const asked = positionals[0];
  const chosen = asked === undefined ? [...files] : [...files].filter(([component]) => component === asked);
  if (chosen.length === 0)
    throw new UsageError(`no such component: ${asked}; there are ${[...files.keys()].join(", ")}`);
  for (const [component, file] of chosen) {
    if (asked === undefined) process.stdout.write(`== ${component}\n`);
    try {
      await pipeline(createReadStream(file), process.stdout, { end: false });
    } catch (error) {
      // A component that never ran has no log.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
}

/** By component: the processes', then the container runtimes' as `containerd`, `containerd-2` … */
function logFiles(directory: ClusterDirectory, state: ClusterState): ReadonlyMap<string, string> {
  const names = ["supervisor", ...supervisedComponents(state).map(({ name }) => name)];
  const runtimes = state.runtime === "containerd" ? state.nodes : [];
  return new Map([
    ...names.map((name) => [name, directory.logFile(name)] as const),
    ...runtimes.map((node, i) => {
      const name = i === 0 ? "containerd" : `containerd-${i + 1}`;
      return [name, containerdPaths(directory.nodeDirectory(state, node).containerd).log] as const;
    }),
  ]);
}
