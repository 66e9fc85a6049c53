import { createInformerFactory } from "../client/cache/informer-factory.ts";
import { createEventRecorder } from "../client/record/event-writer.ts";
import { createSeriesRecorder } from "../client/record/series-writer.ts";
import { LeaderElector, type LeaderElectionConfig } from "../client/leader-election/leader-elector.ts";
import type { ApiClient } from "../client/rest/api-client.ts";
import { createApiClient } from "../client/rest/rest-client.ts";
import { isAborted } from "../component-base/clock.ts";
import { TaskGroup } from "../component-base/task-group.ts";
import type { ControllerDescriptor } from "../controller-runtime/controller.ts";
import { runControllers } from "../controller-runtime/manager.ts";
import type { CertificateSigner } from "../kube-controller-manager/certificates/certificate-signer.ts";
import { kubeControllers } from "../kube-controller-manager/controllers.ts";
import type { HorizontalPodAutoscalerOptions } from "../kube-controller-manager/podautoscaler/horizontal-pod-autoscaler-controller.ts";
import type { NodeLifecycleOptions } from "../kube-controller-manager/node-lifecycle/node-lifecycle-controller.ts";
import { Scheduler } from "../kube-scheduler/scheduler.ts";
import { kubeDnsController } from "./addons/kube-dns-controller.ts";
import { nodeCertificateApprover } from "./addons/node-certificate-approver.ts";
import { nodeIngressController } from "./addons/node-ingress-controller.ts";
import { nodeLoadBalancerController } from "./addons/node-load-balancer.ts";
import type { ComponentEnvironment } from "./component-environment.ts";
import type { ClusterConfig } from "./config.ts";
import { ServiceAccountTokens } from "./service-account-tokens.ts";

export interface SchedulerProcessOptions extends ComponentEnvironment {
  /** Needed where several replicas run: only the one that holds the component's Lease in kube-system works. */
  readonly leaderElection?: LeaderElectionConfig;
}

export interface ControlOptions extends SchedulerProcessOptions {
  readonly controllers: readonly ControllerDescriptor[];
}

/** All controllers of a cluster: kube-controller-manager's and the add-ons'. The API server grants each its rules. */
export function clusterControllers(options: {
  readonly config: ClusterConfig;
  /** PEM. */
  readonly rootCa: string;
  /** Where the nodes serve DNS; undefined when they do not. */
  readonly dnsPort: number | undefined;
  /** The nodes serve Ingresses. */
  readonly ingress?: boolean;
  /** TCP ports the cluster itself uses on the nodes, which no load balancer may have. */
  readonly reservedPorts?: readonly number[];
  /** The client authority, for the CertificateSigningRequest API. */
  readonly certificateSigner?: CertificateSigner;
  readonly nodeLifecycle?: NodeLifecycleOptions;
  readonly horizontalPodAutoscaler?: HorizontalPodAutoscalerOptions;
  /** Where nodes keep the volumes of the class `local-path`. */
  readonly localPathDirectory?: string;
}): readonly ControllerDescriptor[] {
  const { config, dnsPort, reservedPorts = [] } = options;
  const addons = [
    ...(dnsPort === undefined
      ? []
      : [
          kubeDnsController({ clusterIp: config.dnsServiceIp, port: dnsPort }),
          nodeLoadBalancerController({ reservedPorts: [...reservedPorts, dnsPort] }),
        ]),
    ...(options.ingress ? [nodeIngressController()] : []),
    ...(options.certificateSigner ? [nodeCertificateApprover(options.certificateSigner)] : []),
  ];
  return [...kubeControllers({ ...options, clusterCidr: config.podCidr }), ...addons];
}

/**
 * Runs controllers and scheduler until the signal aborts; resolves when nothing of them is left running. Rejects with
 * LeadershipLostError when a lease is lost: the process must end and be started again.
 */
export async function runControl(options: ControlOptions, signal: AbortSignal): Promise<void> {
  await using tasks = new TaskGroup({ parent: signal });
  tasks.spawn((running) => runControllerManager(options, running));
  tasks.spawn((running) => runScheduler(options, running));
  await new Promise<void>((resolve) => {
    if (tasks.signal.aborted) resolve();
    tasks.signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Runs kube-controller-manager: every controller under its own service account. */
export async function runControllerManager(options: ControlOptions, signal: AbortSignal): Promise<void> {
  const { clock, random, logger, metrics, transportFor } = options;
  const client = createApiClient({
    transport: transportFor("kube-controller-manager"),
    userAgent: "kube-controller-manager",
    clock,
    random,
    metrics,
  });
  // Each controller acts as its own service account, so that it can do no more than its rules say.
  const tokens = new ServiceAccountTokens(client, clock);
  const transport = transportFor("anonymous");
  const clientFor = ({ name, serviceAccount }: ControllerDescriptor) =>
    createApiClient({
      transport,
      userAgent: `kube-controller-manager/${name}`,
      clock,
      random,
      bearerToken: () => tokens.get(serviceAccount),
    });
  const own = logger.with({ component: "kube-controller-manager" });
  const lead = async (leading: AbortSignal): Promise<void> => {
    await using informers = createInformerFactory({ ...options, client });
    const { controllers } = options;
    await runControllers({ controllers, clientFor, informers, clock, random, logger: own, metrics }, leading);
  };
  const name = "kube-controller-manager";
  await whileLeading({ ...options, logger: own, client, name, component: name }, lead, signal);
}

/** Runs `lead`; where there is an election, while the component's Lease is held. */
async function whileLeading(
  options: SchedulerProcessOptions & {
    readonly client: ApiClient;
    readonly name: string;
    /** Who reports in events. */
    readonly component: string;
  },
  lead: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { leaderElection, ...common } = options;
  if (!leaderElection) return lead(signal);
  await using recorder = createEventRecorder(common);
  const elector = new LeaderElector({ ...common, ...leaderElection, namespace: "kube-system", recorder });
  await elector.runAsLeader(lead, signal);
}

/** Runs kube-scheduler. */
export async function runScheduler(options: SchedulerProcessOptions, signal: AbortSignal): Promise<void> {
  const client = createApiClient({
    transport: options.transportFor("kube-scheduler"),
    userAgent: "kube-scheduler",
    clock: options.clock,
    random: options.random,
  });
  const logger = options.logger.with({ component: "kube-scheduler" });
  const component = "default-scheduler";
  const lead = async (leading: AbortSignal): Promise<void> => {
    await using informers = createInformerFactory({ ...options, logger, client });
    await using recorder = createSeriesRecorder({ ...options, logger, client, component });
    const scheduler = new Scheduler({ ...options, logger, client, informers, recorder });
    informers.start();
    try {
      await scheduler.run(leading);
    } catch (error) {
      if (!(leading.aborted && isAborted(error))) throw error;
    }
  };
  await whileLeading({ ...options, logger, client, name: "kube-scheduler", component }, lead, signal);
}
