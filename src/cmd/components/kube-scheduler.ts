import { runScheduler } from "../../cluster/run-control.ts";
import { usualControlPorts } from "../control-ports.ts";
import { requiredFlag } from "../flags.ts";
import { leaderElectionOf } from "../leader-election-flags.ts";
import { leaderElectionFlags, leaderElectionValues } from "./leader-election.ts";
import { secureServing, secureServingFlags } from "./secure-serving.ts";
import { commonFlags, environmentOf, readKubeconfigFile, runAlone } from "./run-alone.ts";

const schedulerFlags = {
  ...commonFlags,
  ...leaderElectionFlags,
  ...secureServingFlags,
} as const;

/** `k8ts kube-scheduler`. */
export function kubeScheduler(args: readonly string[]): Promise<void> {
  return runAlone("kube-scheduler", schedulerFlags, args, async (flags, signal, logger) => {
    await using stack = new AsyncDisposableStack();
    const environment = environmentOf(await readKubeconfigFile(requiredFlag(flags, "kubeconfig")), stack, logger);
    const serving = await secureServing({ name: "kube-scheduler", port: usualControlPorts.scheduler, logger }, flags);
    if (serving) stack.use(serving);
    const leaderElection = leaderElectionOf(leaderElectionValues(flags));
    await runScheduler({ ...environment, ...(leaderElection ? { leaderElection } : {}) }, signal);
  });
}
