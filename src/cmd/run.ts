import { clusterDirectory, clusterOptions, parseCommandLine, UsageError } from "./arguments.ts";
import { leaderElectionOf, leaderElectionOptions } from "./leader-election-flags.ts";
import { runComponent } from "./run-component.ts";

/** `k8ts run apiserver|control|node`: one process of a supervised cluster, in the foreground. */
export async function run(args: readonly string[]): Promise<void> {
  const options = { ...clusterOptions, ...leaderElectionOptions };
  const { values, positionals } = parseCommandLine(args, options, ["component"]);
  const directory = clusterDirectory(values);
  const state = await directory.readState();
  if (!state) throw new UsageError(`there is no cluster in ${directory.root}`);
  switch (positionals[0]) {
    case "apiserver": {
      const { runApiServer } = await import("./run-apiserver.ts");
      return runComponent("apiserver", (signal, logger) => runApiServer(directory, state, signal, logger));
    }
    case "control": {
      const { runControl } = await import("./run-control.ts");
      const leaderElection = leaderElectionOf(values);
      return runComponent("control", (signal, logger) =>
        runControl({ directory, state, logger, ...(leaderElection ? { leaderElection } : {}) }, signal),
      );
    }
    case "node": {
      const { runNode } = await import("./run-node.ts");
      return runComponent("node", (signal, logger) => runNode(directory, state, signal, logger));
    }
    default:
      throw new UsageError("run what? apiserver, control or node");
  }
}
