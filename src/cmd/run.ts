import { clusterDirectory, clusterOptions, parseCommandLine, UsageError } from "./arguments.ts";
import { leaderElectionOf, leaderElectionOptions } from "./leader-election-flags.ts";
import { runComponent } from "./run-component.ts";
import { nodeOfComponent } from "./supervisor.ts";

/** `k8ts run apiserver|control|node|node-2|…`: one process of a supervised cluster, in the foreground. */
export async function run(args: readonly string[]): Promise<void> {
  const options = { ...clusterOptions, ...leaderElectionOptions };
  const { values, positionals } = parseCommandLine(args, options, ["component"]);
  const directory = clusterDirectory(values);
  const state = await directory.readState();
  if (!state) throw new UsageError(`there is no cluster in ${directory.root}`);
  const component = positionals[0] ?? "";
  switch (component) {
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
    default: {
      const node = nodeOfComponent(state, component);
      if (!node) throw new UsageError("run what? apiserver, control, node or node-2 …");
      const { runNode } = await import("./run-node.ts");
      return runComponent(component, (signal, logger) => runNode({ directory, state, node, logger }, signal));
    }
  }
}
