import { clusterControllers, runControl as runControlComponent } from "../cluster/run-control.ts";
import { defaultClusterConfig } from "../cluster/config.ts";
import type { LeaderElectionConfig } from "../client/leader-election/leader-elector.ts";
import { SystemClock } from "../component-base/clock.ts";
import type { Logger } from "../component-base/logger.ts";
import { MetricRegistry } from "../component-base/metrics.ts";
import { SystemRandom } from "../component-base/random.ts";
import { AuthorityCertificateSigner } from "../node/pki/certificate-signer.ts";
import type { ClusterDirectory, ClusterState } from "./cluster-directory.ts";
import { clusterTransports, readKeyPair } from "./cluster-identity.ts";

export interface RunControlOptions {
  readonly directory: ClusterDirectory;
  readonly state: ClusterState;
  readonly logger: Logger;
  /** Where several of these processes serve one cluster. */
  readonly leaderElection?: LeaderElectionConfig;
}

/** The process of controllers and scheduler. */
export async function runControl(options: RunControlOptions, signal: AbortSignal): Promise<void> {
  const { directory, state, logger, leaderElection } = options;
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
      ...(leaderElection ? { leaderElection } : {}),
      controllers: clusterControllers({
        config: defaultClusterConfig,
        rootCa,
        certificateSigner: new AuthorityCertificateSigner(await readKeyPair(directory, "client-ca")),
        localPathDirectory: directory.localPath,
        dnsPort: state.runtime === "containerd" ? state.dnsPort : undefined,
      }),
    },
    signal,
  );
}
