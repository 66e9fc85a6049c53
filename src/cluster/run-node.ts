import { endpointSlices, nodes, services } from "../api/resources.gen.ts";
import { createInformerFactory } from "../client/cache/informer-factory.ts";
import { createEventRecorder } from "../client/record/event-writer.ts";
import type { InformerFactory } from "../client/cache/shared-informer.ts";
import { createApiClient } from "../client/rest/rest-client.ts";
import { DnsService, type Forwarder } from "../cluster-dns/dns-service.ts";
import { ClusterResolver } from "../cluster-dns/resolver.ts";
import { aborted, isAborted } from "../component-base/clock.ts";
import type { HttpHandler } from "../component-base/http.ts";
import { TaskGroup } from "../component-base/task-group.ts";
import { NodeIngress, type NodeIngressOptions } from "../ingress/node-ingress.ts";
import type { ImageService, RuntimeEvents, RuntimeService } from "../cri-api/runtime/v1/services.ts";
import { PodRules, type PodRulesOptions } from "../kube-proxy/pod-rules.ts";
import type { RulesetApplier, ServePlainHttp } from "../kube-proxy/ports.ts";
import type { StatusAddresses } from "../kube-proxy/status-endpoints.ts";
import { Proxier } from "../kube-proxy/proxier.ts";
import type { KubeletConfig } from "../kubelet/config.ts";
import { createKubelet } from "../kubelet/kubelet.ts";
import type { KubeletPorts } from "../kubelet/ports.ts";
import { PodNetwork, type PodNetworkPort } from "./addons/pod-network.ts";
import type { ComponentEnvironment } from "./component-environment.ts";
import type { ClusterConfig } from "./config.ts";
import { withKubeletAuthorization } from "./kubelet-authorization.ts";

/** What a node's kubelet is made of; a simulated one has a fake runtime and fake ports. */
export interface KubeletProcessOptions extends ComponentEnvironment {
  readonly nodeName: string;
  readonly config: ClusterConfig;
  readonly runtime: RuntimeService;
  readonly images: ImageService;
  readonly runtimeEvents: RuntimeEvents;
  readonly ports: KubeletPorts;
  readonly kubelet: KubeletConfig;
  /** Opens the socket of the kubelet's server. */
  readonly serveKubelet?: (handler: HttpHandler) => Promise<AsyncDisposable>;
}

/** What a node's network is made of: none of it on a simulated one. */
export interface NodeNetworkOptions extends ComponentEnvironment {
  readonly nodeName: string;
  readonly config: ClusterConfig;
  readonly proxy?: {
    readonly applier: RulesetApplier;
    readonly table: string;
    readonly serveHttp: ServePlainHttp;
    readonly statusAddresses: StatusAddresses;
    /** Host ports and network policies, too; they need kinds that upstream's kube-proxy may not read. */
    readonly podRules?: Pick<PodRulesOptions, "hostPortTable" | "policyTable" | "loopback">;
  };
  readonly podNetwork?: PodNetworkPort;
  /** Opens the sockets of the node's DNS server. */
  readonly dns?: {
    serve(service: DnsService): Promise<AsyncDisposable>;
    readonly forward?: Forwarder;
  };
  readonly ingress?: Pick<NodeIngressOptions, "listen" | "problemOf">;
}

export interface NodeOptions extends KubeletProcessOptions, NodeNetworkOptions {}

/** Runs kubelet, kube-proxy, pod network, DNS and Ingress of one node until the signal aborts. Containers and rules stay. */
export async function runNode(options: NodeOptions, signal: AbortSignal): Promise<void> {
  await using tasks = new TaskGroup({ parent: signal });
  tasks.spawn((running) => runKubelet(options, running));
  if (options.proxy || options.podNetwork || options.dns) tasks.spawn((running) => runNodeNetwork(options, running));
  await aborted(tasks.signal);
}

/** Runs the kubelet alone. */
export async function runKubelet(options: KubeletProcessOptions, signal: AbortSignal): Promise<void> {
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

/**
 * Runs kube-proxy, pod network, DNS and Ingress, those of them that there are options for. What kube-proxy follows is followed once,
 * under its name; the rest as the node's network.
 */
export async function runNodeNetwork(options: NodeNetworkOptions, signal: AbortSignal): Promise<void> {
  const { nodeName, clock, random, metrics } = options;
  const logger = options.logger.with({ component: "kube-proxy" });
  const follow = (identity: "kube-proxy" | "node-network") => {
    const transport = options.transportFor(identity);
    const client = createApiClient({ transport, userAgent: identity, clock, random });
    return createInformerFactory({ ...options, logger, client });
  };
  await using proxyInformers = follow("kube-proxy");
  const needsMore = options.dns !== undefined || options.ingress !== undefined || options.proxy?.podRules !== undefined;
  await using networkInformers = needsMore ? follow("node-network") : undefined;
  const informers = byKind(proxyInformers, networkInformers ?? proxyInformers);
  const proxier = options.proxy && makeProxier(options, options.proxy, informers);
  const podRules = options.proxy && makePodRules(options, options.proxy, informers);
  const podNetwork = options.podNetwork && new PodNetwork({ ...options, port: options.podNetwork, informers, logger });
  // Made only when it is served: it follows kinds that upstream's kube-proxy may not read.
  const dns =
    options.dns &&
    new DnsService({
      resolver: new ClusterResolver({ clusterDomain: options.config.clusterDomain, informers }),
      ...(options.dns.forward ? { forward: options.dns.forward } : {}),
      metrics,
    });
  // Secrets are the node's to read, one by one, and its Node the node's to write.
  const nodeClient =
    options.ingress &&
    createApiClient({ transport: options.transportFor({ node: nodeName }), userAgent: "ingress", clock, random });
  await using recorder =
    nodeClient && createEventRecorder({ ...options, logger, client: nodeClient, component: "ingress", host: nodeName });
  const ingress =
    options.ingress &&
    nodeClient &&
    recorder &&
    new NodeIngress({
      ...options,
      ...options.ingress,
      informers,
      client: nodeClient,
      recorder,
      logger: options.logger.with({ component: "ingress" }),
    });
  informers.start();
  try {
    // DNS that does not know the Services yet would answer that they do not exist.
    await informers.waitForSync(signal);
    await using _dnsServer = dns && (await options.dns?.serve(dns));
    await Promise.all([proxier?.run(signal), podRules?.run(signal), podNetwork?.run(signal), ingress?.run(signal)]);
    await aborted(signal);
  } catch (error) {
    if (!(signal.aborted && isAborted(error))) throw error;
  }
}

const proxyKinds: ReadonlySet<string> = new Set([services, endpointSlices, nodes].map(({ resource }) => resource));

function byKind(proxy: InformerFactory, network: InformerFactory): InformerFactory {
  return {
    for: (type, options) => (proxyKinds.has(type.resource) ? proxy : network).for(type, options),
    start: () => {
      proxy.start();
      network.start();
    },
    waitForSync: async (signal) => {
      await Promise.all([proxy.waitForSync(signal), network.waitForSync(signal)]);
    },
  };
}

type ProxyOptions = NonNullable<NodeNetworkOptions["proxy"]>;

function makeProxier(options: NodeNetworkOptions, proxy: ProxyOptions, informers: InformerFactory): Proxier {
  const { nodeName, config, clock, metrics } = options;
  return new Proxier({
    ...proxy,
    nodeName,
    podCidrs: [config.podCidr],
    informers,
    clock,
    logger: options.logger.with({ component: "kube-proxy" }),
    metrics,
  });
}

function makePodRules(
  options: NodeNetworkOptions,
  proxy: ProxyOptions,
  informers: InformerFactory,
): PodRules | undefined {
  const { nodeName, config, clock } = options;
  if (!proxy.podRules) return undefined;
  return new PodRules({
    ...proxy.podRules,
    nodeName,
    dnsServiceIp: config.dnsServiceIp,
    informers,
    applier: proxy.applier,
    clock,
    logger: options.logger.with({ component: "pod-rules" }),
  });
}
