import { clusterControllers, runControl as runControlComponent } from "../cluster/run-control.ts";
import { defaultClusterConfig } from "../cluster/config.ts";
import { SystemClock } from "../component-base/clock.ts";
import type { Logger } from "../component-base/logger.ts";
import { MetricRegistry } from "../component-base/metrics.ts";
import { SystemRandom } from "../component-base/random.ts";
import type { ClusterDirectory, ClusterState } from "./cluster-directory.ts";
import { clusterTransports, readKeyPair } from "./cluster-identity.ts";

/** The process of controllers and scheduler. */
export async function runControl(
  directory: ClusterDirectory,
  state: ClusterState,
  signal: AbortSignal,
  logger: Logger,
): Promise<void> {
  await using transports = await clusterTransports(directory, state, [
    "kube-controller-manager",
    "kube-scheduler",
    "anonymous",
  ]);
  const { cert: rootCa } = await readKeyPair(directory, "server-ca");
  await runControlComponent(
    {
      transportFor: transports.transportFor,
      clock: new SystemClock(),
      random: new SystemRandom(),
      metrics: new MetricRegistry(),
      logger,
      controllers: clusterControllers({
        config: defaultClusterConfig,
        rootCa,
        localPathDirectory: directory.localPath,
        dnsPort: state.runtime === "containerd" ? state.dnsPort : undefined,
      }),
    },
    signal,
  );
}
