import { parseCommandLine } from "./arguments.ts";
import { newClusterOptions, prepareCluster } from "./prepare-cluster.ts";
import { Progress } from "./progress.ts";
import { supervise } from "./supervisor.ts";

/**
 * `k8ts server`: as `up`, but stays in the foreground, for a service manager, until it is told to end; pods stay. Other
 * machines join with `k8ts agent` and a token of `k8ts token create`.
 */
export async function server(args: readonly string[]): Promise<void> {
  const { values } = parseCommandLine(args, newClusterOptions);
  const progress = new Progress();
  const { directory, state } = await prepareCluster(values, progress);
  const own = values["data-dir"] === undefined ? "" : ` --data-dir ${directory.root}`;
  progress.say(`Another machine joins with what this prints:  k8ts token create${own}`);
  if (state.runtime === "simulated") progress.say("The nodes of this machine are simulated.");
  await supervise(directory);
}
