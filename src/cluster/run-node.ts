import { createInformerFactory } from "../client/cache/informer-factory.ts";
import { createEventRecorder } from "../client/record/event-writer.ts";
import type { InformerFactory } from "../client/cache/shared-informer.ts";
import { createApiClient } from "../client/rest/rest-client.ts";
import { DnsService, type Forwarder } from "../cluster-dns/dns-service.ts";
import { ClusterResolver } from "../cluster-dns/resolver.ts";
import { isAborted } from "../component-base/clock.ts";
import type { HttpHandler } from "../component-base/http.ts";
import { TaskGroup } from "../component-base/task-group.ts";
import type { ImageService, RuntimeEvents, RuntimeService } from "../cri-api/runtime/v1/services.ts";
import type { RulesetApplier } from "../kube-proxy/ports.ts";
import { Proxier } from "../kube-proxy/proxier.ts";
import type { KubeletConfig } from "../kubelet/config.ts";
import { createKubelet } from "../kubelet/kubelet.ts";
import type { KubeletPorts } from "../kubelet/ports.ts";
import { PodNetwork, type PodNetworkPort } from "./addons/pod-network.ts";
import type { ComponentEnvironment } from "./component-environment.ts";
import type { ClusterConfig } from "./config.ts";
import { withKubeletAuthorization } from "./kubelet-authorization.ts";

/** What a node is made of; a simulated one has a fake runtime, fake ports, no proxy, and serves nothing. */
export interface NodeOptions extends ComponentEnvironment {
  readonly nodeName: string;
  readonly config: ClusterConfig;
  readonly runtime: RuntimeService;
  readonly images: ImageService;
  readonly runtimeEvents: RuntimeEvents;
  readonly ports: KubeletPorts;
  readonly kubelet: KubeletConfig;
  readonly proxy?: { readonly applier: RulesetApplier; readonly table: string };
  readonly podNetwork?: PodNetworkPort;
  /** Opens the socket of the kubelet's server. */
  readonly serveKubelet?: (handler: HttpHandler) => Promise<AsyncDisposable>;
  /** Opens the sockets of the node's DNS server. */
  readonly dns?: {
    serve(service: DnsService): Promise<AsyncDisposable>;
    readonly forward?: Forwarder;
  };
}

/** Runs kubelet, kube-proxy, pod network and DNS of one node until the signal aborts. Containers and rules stay. */
export async function runNode(options: NodeOptions, signal: AbortSignal): Promise<void> {
  await using tasks = new TaskGroup({ parent: signal });
  tasks.spawn((running) => runKubelet(options, running));
  if (options.proxy || options.podNetwork || options.dns) tasks.spawn((running) => runProxyAndDns(options, running));
  await new Promise<void>((resolve) => {
    if (tasks.signal.aborted) resolve();
    tasks.signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

async function runKubelet(options: NodeOptions, signal: AbortSignal): Promise<void> {
  const { nodeName, clock, random, config } = options;
  const logger = options.logger.with({ component: "kubelet" });
  const client = createApiClient({
    transport: options.transportFor({ node: nodeName }),
    userAgent: "kubelet",
    clock,
    random,
  });
  await using informers = createInformerFactory({ ...options, logger, client });
  await using recorder = createEventRecorder({ ...options, logger, client, component: "kubelet", host: nodeName });
  const kubelet = createKubelet({
    ...options,
    logger,
    client,
    informers,
    recorder,
    config: { clusterDns: [config.dnsServiceIp], clusterDomain: config.clusterDomain, ...options.kubelet },
  });
  await using _server = await options.serveKubelet?.(
    withKubeletAuthorization(kubelet.server, { nodeName, client, clock, logger }),
  );
  await kubelet.run(signal);
}

async function runProxyAndDns(options: NodeOptions, signal: AbortSignal): Promise<void> {
  const { clock, random, metrics } = options;
  const logger = options.logger.with({ component: "kube-proxy" });
  const client = createApiClient({
    transport: options.transportFor("kube-proxy"),
    userAgent: "kube-proxy",
    clock,
    random,
  });
  await using informers = createInformerFactory({ ...options, logger, client });
  const proxier = options.proxy && makeProxier(options, options.proxy, informers);
  const podNetwork = options.podNetwork && new PodNetwork({ ...options, port: options.podNetwork, informers, logger });
  const dns = new DnsService({
    resolver: new ClusterResolver({ clusterDomain: options.config.clusterDomain, informers }),
    ...(options.dns?.forward ? { forward: options.dns.forward } : {}),
    metrics,
  });
  informers.start();
  try {
    // DNS that does not know the Services yet would answer that they do not exist.
    await informers.waitForSync(signal);
    await using _dnsServer = await options.dns?.serve(dns);
    await Promise.all([proxier?.run(signal), podNetwork?.run(signal)]);
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  } catch (error) {
    if (!(signal.aborted && isAborted(error))) throw error;
  }
}

function makeProxier(
  options: NodeOptions,
  { applier, table }: NonNullable<NodeOptions["proxy"]>,
  informers: InformerFactory,
): Proxier {
  const { nodeName, config, clock, metrics } = options;
  const logger = options.logger.with({ component: "kube-proxy" });
  return new Proxier({ nodeName, table, podCidr: config.podCidr, informers, applier, clock, logger, metrics });
}
