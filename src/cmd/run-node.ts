import { mkdir } from "node:fs/promises";
import * as path from "node:path";

import { runNode as runNodeComponents, type NodeOptions } from "../cluster/run-node.ts";
import { runSimulatedNodes, SimulatedKubelets } from "../cluster/simulated-nodes.ts";
import { kubernetesVersion } from "../cluster/version.ts";
import { SystemClock } from "../component-base/clock.ts";
import type { Logger } from "../component-base/logger.ts";
import { MetricRegistry } from "../component-base/metrics.ts";
import { SystemRandom } from "../component-base/random.ts";
import { TaskGroup } from "../component-base/task-group.ts";
import { createCgroupManager } from "../node/cgroups/cgroup-manager.ts";
import { setUpPodNetwork, writeCniConfig } from "../node/cni.ts";
import { pauseImage } from "../node/containerd/containerd-config.ts";
import { ContainerdProcess } from "../node/containerd/containerd-process.ts";
import { runtimeWithImageVolumes } from "../node/containerd/image-volume-runtime.ts";
import { ContainerdEvents } from "../node/cri-client/containerd-events.ts";
import { CriImageService } from "../node/cri-client/cri-client.ts";
import { CriConnection } from "../node/cri-client/cri-connection.ts";
import { pluginSockets } from "../node/csi/plugin-sockets.ts";
import { LinuxDisks } from "../node/disks.ts";
import { createForwarder, startDnsServer } from "../node/dns-server.ts";
import { examineMachine } from "../node/doctor.ts";
import { LinuxHostInfo } from "../node/host-info.ts";
import { startHttpServer } from "../node/http-server.ts";
import { buildPauseImage } from "../node/images/built-in-images.ts";
import { ImageImporter } from "../node/images/image-import.ts";
import { listenForIngress, tlsProblemOf } from "../node/ingress-listener.ts";
import { fetchManifest } from "../node/manifest-fetcher.ts";
import { makeShared, SystemMounter } from "../node/mounts.ts";
import { SocketNetworkProber } from "../node/network-prober.ts";
import { nftablesApplier } from "../node/nftables.ts";
import { ensureNodeAddress } from "../node/node-address.ts";
import { NodeFileSystem } from "../node/node-file-system.ts";
import { NodeRoutes } from "../node/node-routes.ts";
import { kubeletServingFile } from "../node/pki/cluster-pki.ts";
import { linkLoopbackRouting } from "../node/loopback-routing.ts";
import { servePlainHttp } from "../node/plain-http-server.ts";
import { proxyStatusAddresses } from "./proxy-status-addresses.ts";
import { createTunnelRunner } from "../node/streaming/tunnel.ts";
import { ensureVxlan, syncVxlan } from "../node/vxlan.ts";
import type { ClusterDirectory, ClusterNode, ClusterState, NodeDirectory } from "./cluster-directory.ts";
import { clusterTransports, openPair, readCertificate } from "./cluster-identity.ts";
import { kubeletConfigFlags, readClusterKubeletConfiguration } from "./components/kubelet-configuration.ts";
import { kubeletConfigFrom } from "../kubelet/config/kubelet-configuration.ts";
import { refuseSwap } from "../node/swap.ts";
import { parseFlags } from "./flags.ts";
import { nodeCertificates, type NodeCertificates } from "./node-certificates.ts";
import { nodeNames, nodeTables, podNetworkOf, serverUrlOf, vxlanOf } from "./node-names.ts";

export interface RunNodeOptions {
  readonly directory: ClusterDirectory;
  readonly state: ClusterState;
  readonly node: ClusterNode;
  readonly logger: Logger;
}

/** The process of one node: kubelet, kube-proxy, pod network, DNS and Ingress, or of all simulated nodes. */
export async function runNode(options: RunNodeOptions, signal: AbortSignal): Promise<void> {
  if (options.state.runtime === "simulated") return runAllSimulated(options, signal);
  const { directory, state, node, logger } = options;
  await using stack = new AsyncDisposableStack();
  const tasks = stack.use(new TaskGroup({ parent: signal }));
  const certificates = stack.use(
    await nodeCertificates(
      {
        node,
        directory: directory.pki,
        server: serverUrlOf(state, node),
        ca: await readCertificate(directory, "server-ca"),
        tasks,
        logger,
      },
      signal,
    ),
  );
  const machine = await containerdNode(options, certificates, stack);
  tasks.spawn((running) => machine.containerd.supervise(running));
  await runNodeComponents(machine.node, signal);
}

async function runAllSimulated(
  { directory, state, node: self, logger }: RunNodeOptions,
  signal: AbortSignal,
): Promise<void> {
  const names = nodeNames(state);
  await using transports = await clusterTransports(
    directory,
    serverUrlOf(state, self),
    names.map((node) => ({ node })),
    logger,
  );
  const [clientCa, serving] = await Promise.all([
    readCertificate(directory, "client-ca"),
    openPair(directory, kubeletServingFile(self.name), logger),
  ]);
  const [port, host] = [state.kubeletPort, self.ip];
  const kubelets = new SimulatedKubelets({ address: host, port });
  await using server = await startHttpServer({
    handler: kubelets.handler,
    tls: { ...serving.current, clientCa },
    host,
    port,
    logger,
  });
  await using tasks = new TaskGroup({ parent: signal });
  serving.onChange(({ cert, key }) => server.setCertificate(cert, key));
  tasks.spawn((running) => serving.watch(running));
  const environment = { ...platform(logger), transportFor: transports.transportFor };
  await runSimulatedNodes({ ...environment, config: state.config, names, kubelets }, signal);
}

function platform(logger: Logger): Pick<NodeOptions, "clock" | "random" | "metrics" | "logger"> {
  return { clock: new SystemClock(), random: new SystemRandom(), metrics: new MetricRegistry(), logger };
}

async function containerdNode(
  { directory, state, node: self, logger }: RunNodeOptions,
  certificates: NodeCertificates,
  stack: AsyncDisposableStack,
): Promise<{ readonly node: NodeOptions; readonly containerd: ContainerdProcess }> {
  const environment = platform(logger);
  const { clock } = environment;
  if (state.ownsNodeAddress) await ensureNodeAddress();
  const own = directory.nodeDirectory(state, self);
  const network = podNetworkOf(directory, state, self);
  const machine = await examineMachine(directory.root);
  await Promise.all([setUpPodNetwork(network), shareMounts(own)]);

  const containerd = new ContainerdProcess({
    directory: own.containerd,
    cniBinDirectory: machine.cniBinDirectory ?? "/usr/lib/cni",
    cniConfigDirectory: network.configDirectory,
    clock,
    logger,
  });
  await containerd.start();
  const { socket } = containerd.paths;
  await importPause(socket);
  const connection = stack.use(new CriConnection(socket));
  const runtime = await runtimeWithImageVolumes({ connection, socketPath: socket, directory: own.imageVolumes }, stack);
  const [servingCa, clientCa] = await Promise.all([
    readCertificate(directory, "server-ca"),
    readCertificate(directory, "client-ca"),
  ]);
  const host = new LinuxHostInfo({ nodeName: self.name, nodeIps: [self.ip], directory: own.kubelet, clock });
  const { servers } = await host.resolvConf();
  const vxlan = vxlanOf(state, self);
  const routes = new NodeRoutes();
  const { ingress } = state;
  const flags = parseFlags(kubeletConfigFlags, state.componentArgs.kubelet);
  const configuration = await readClusterKubeletConfiguration(flags, {
    address: self.ip,
    port: state.kubeletPort,
    podLogsDir: path.join(own.kubelet, "pod-logs"),
    staticPodPath: path.join(own.kubelet, "manifests"),
    cgroupRoot: self.cgroupRoot,
    containerRuntimeEndpoint: `unix://${socket}`,
    clusterDNS: [state.config.dnsServiceIp],
    clusterDomain: state.config.clusterDomain,
    // A cluster is started on whatever machine there is; who means to be strict says so.
    failSwapOn: false,
  });
  if (configuration.failSwapOn) await refuseSwap();
  const node: NodeOptions = {
    ...environment,
    transportFor: certificates.transportFor,
    nodeName: self.name,
    config: state.config,
    runtime,
    images: new CriImageService(connection),
    runtimeEvents: stack.use(new ContainerdEvents({ socketPath: socket, clock, logger })),
    ports: {
      fileSystem: new NodeFileSystem(),
      cgroups: createCgroupManager({ root: self.cgroupRoot, clock, logger }),
      mounter: new SystemMounter(),
      prober: new SocketNetworkProber(),
      host,
      fetchManifest,
      disks: new LinuxDisks(),
      csi: pluginSockets(clock),
    },
    kubelet: {
      ...kubeletConfigFrom(configuration),
      rootDirectory: own.kubelet,
      localPathDirectory: directory.localPath,
      kubeletVersion: kubernetesVersion.gitVersion,
      sandboxImage: pauseImage,
      ...(flags["node-labels"] ? { nodeLabels: flags["node-labels"] } : {}),
    },
    proxy: {
      applier: nftablesApplier(),
      table: nodeTables(state).services,
      serveHttp: servePlainHttp,
      statusAddresses: proxyStatusAddresses,
      podRules: {
        hostPortTable: nodeTables(state).hostPorts,
        policyTable: nodeTables(state).policies,
        loopback: linkLoopbackRouting,
      },
    },
    podNetwork: {
      usePodCidr: async (podCidr) => {
        if (vxlan) await ensureVxlan(vxlan, podCidr);
        await writeCniConfig(network, podCidr);
      },
      syncRoutes: (wanted) => (vxlan ? syncVxlan(vxlan, wanted) : routes.sync(wanted)),
    },
    serveKubelet: async (handler) => {
      const server = await startHttpServer({
        handler,
        tls: { ...certificates.serving, clientCa },
        host: self.ip,
        port: state.kubeletPort,
        runTunnel: createTunnelRunner({ tls: () => ({ ca: servingCa }), logger }),
        logger,
      });
      certificates.onServing(({ cert, key }) => server.setCertificate(cert, key));
      return server;
    },
    dns: {
      serve: (service) => startDnsServer({ service, host: self.ip, port: state.dnsPort, logger }),
      ...(servers.length === 0 ? {} : { forward: createForwarder(servers) }),
    },
    ...(ingress
      ? {
          ingress: {
            listen: (handler) =>
              listenForIngress(handler, { httpPort: ingress.http, httpsPort: ingress.https, logger }),
            problemOf: tlsProblemOf,
          },
        }
      : {}),
  };
  return { node, containerd };
}

/** Mounts made below the pods' directory must reach containers that asked for them; a machine without systemd shares none. */
async function shareMounts({ kubelet }: NodeDirectory): Promise<void> {
  const pods = path.join(kubelet, "pods");
  await mkdir(pods, { recursive: true, mode: 0o750 });
  await makeShared(pods);
}

async function importPause(socket: string): Promise<void> {
  await using importer = new ImageImporter(socket);
  await importer.import(buildPauseImage());
}
