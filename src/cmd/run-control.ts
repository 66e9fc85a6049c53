import { clusterControllers, runControl as runControlComponent } from "../cluster/run-control.ts";
import { createApiClient } from "../client/rest/rest-client.ts";
import { ensureNodeBootstrap, type NodeBootstrapConfig } from "../cluster/addons/node-bootstrap.ts";
import type { ComponentEnvironment } from "../cluster/component-environment.ts";
import { backoffDelay } from "../component-base/backoff.ts";
import { aborted, sleep, SystemClock } from "../component-base/clock.ts";
import type { Transport } from "../component-base/http.ts";
import type { LeaderElectionConfig } from "../client/leader-election/leader-elector.ts";
import type { Logger } from "../component-base/logger.ts";
import { MetricRegistry } from "../component-base/metrics.ts";
import { SystemRandom } from "../component-base/random.ts";
import { TaskGroup } from "../component-base/task-group.ts";
import { AuthorityCertificateSigner } from "../node/pki/certificate-signer.ts";
import type { ClusterDirectory, ClusterState } from "./cluster-directory.ts";
import { serveComponentHealth } from "./component-health.ts";
import { usualControlPorts } from "./control-ports.ts";
import { controllerConfigFlags, controllerOptionsOf } from "./components/component-config.ts";
import { parseFlags } from "./flags.ts";
import { clusterTransports, readKeyPair } from "./cluster-identity.ts";

const bootstrapRetry = { initialMs: 200, maxMs: 10_000 };
// The API server starts at the same time.
const quietFailures = 5;

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
  const url = `https://127.0.0.1:${state.apiServerPort}`;
  const identities = ["kube-controller-manager", "kube-scheduler", "anonymous", "admin"] as const;
  await using transports = await clusterTransports(directory, url, identities, logger);
  const [servingCa, clientCa] = await Promise.all([
    readKeyPair(directory, "server-ca"),
    readKeyPair(directory, "client-ca"),
  ]);
  const platform = { clock: new SystemClock(), random: new SystemRandom(), logger };
  await using tasks = new TaskGroup({ parent: signal });
  tasks.spawn((running) =>
    letMachinesJoin(transports.transportFor("admin"), platform, running, {
      cluster: state.config,
      dnsPort: state.dnsPort,
      networkBackend: state.networkBackend,
      ...(state.ingress ? { ingress: state.ingress } : {}),
      clientCa: clientCa.cert,
    }),
  );
  const { controllerManager, scheduler } = state.controlPorts ?? usualControlPorts;
  tasks.spawn((running) => tellHealth("kube-controller-manager", controllerManager, running, logger));
  tasks.spawn((running) => tellHealth("kube-scheduler", scheduler, running, logger));
  await runControlComponent(
    {
      ...platform,
      transportFor: transports.transportFor,
      metrics: new MetricRegistry(),
      ...(leaderElection ? { leaderElection } : {}),
      controllers: clusterControllers({
        config: state.config,
        rootCa: servingCa.cert,
        certificateSigner: new AuthorityCertificateSigner({ clientCa, servingCa }),
        localPathDirectory: directory.localPath,
        ...controllerOptionsOf(parseFlags(controllerConfigFlags, state.componentArgs.controllerManager)),
        dnsPort: state.runtime === "containerd" ? state.dnsPort : undefined,
        ingress: state.runtime === "containerd" && state.ingress !== undefined,
        reservedPorts: [state.apiServerPort, state.kubeletPort],
      }),
    },
    signal,
  );
}

/** On this machine, until the signal aborts. A port that somebody else has taken is no reason not to work. */
async function tellHealth(name: string, port: number, signal: AbortSignal, logger: Logger): Promise<void> {
  try {
    await using _server = await serveComponentHealth({ name, host: "127.0.0.1", port, nowMs: Date.now(), logger });
    await aborted(signal);
  } catch (error) {
    logger.warn("cannot serve the component's health", { component: name, port, error });
  }
}

/** Once, when the API server is there; as the administrator, because it hands out rights that no controller has. */
async function letMachinesJoin(
  transport: Transport,
  { clock, random, logger }: Pick<ComponentEnvironment, "clock" | "random" | "logger">,
  signal: AbortSignal,
  config: NodeBootstrapConfig,
): Promise<void> {
  const client = createApiClient({ transport, userAgent: "k8ts", clock, random });
  for (let failures = 1; !signal.aborted; failures++) {
    try {
      await ensureNodeBootstrap(client, config);
      return;
    } catch (error) {
      if (failures > quietFailures) logger.warn("cannot prepare for machines to join; trying again", { error });
      await sleep(clock, backoffDelay(bootstrapRetry, failures), signal).catch(() => {});
    }
  }
}
