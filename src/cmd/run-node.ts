import { mkdir } from "node:fs/promises";
import * as path from "node:path";

import { defaultClusterConfig } from "../cluster/config.ts";
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
import { ContainerdProcess } from "../node/containerd/containerd-process.ts";
import { ContainerdEvents } from "../node/cri-client/containerd-events.ts";
import { CriImageService, CriRuntimeService } from "../node/cri-client/cri-client.ts";
import { CriConnection } from "../node/cri-client/cri-connection.ts";
import { LinuxDisks } from "../node/disks.ts";
import { createForwarder, startDnsServer } from "../node/dns-server.ts";
import { examineMachine } from "../node/doctor.ts";
import { LinuxHostInfo } from "../node/host-info.ts";
import { startHttpServer } from "../node/http-server.ts";
import { buildPauseImage } from "../node/images/built-in-images.ts";
import { ImageImporter } from "../node/images/image-import.ts";
import { makeShared, SystemMounter } from "../node/mounts.ts";
import { SocketNetworkProber } from "../node/network-prober.ts";
import { nftablesApplier } from "../node/nftables.ts";
import { ensureNodeAddress } from "../node/node-address.ts";
import { NodeFileSystem } from "../node/node-file-system.ts";
import { syncNodeRoutes } from "../node/node-routes.ts";
import { kubeletServingFile } from "../node/pki/cluster-pki.ts";
import { createTunnelRunner } from "../node/streaming/tunnel.ts";
import type { ClusterDirectory, ClusterNode, ClusterState, NodeDirectory } from "./cluster-directory.ts";
import { clusterTransports, readKeyPair } from "./cluster-identity.ts";
import { nodeNames, podNetworkOf, proxyTable } from "./node-names.ts";

/** The process of one node: kubelet, kube-proxy, pod network and DNS, or of all simulated nodes. */
export async function runNode(
  directory: ClusterDirectory,
  state: ClusterState,
  self: ClusterNode,
  signal: AbortSignal,
  logger: Logger,
): Promise<void> {
  const names = state.runtime === "simulated" ? nodeNames(state) : [self.name];
  await using transports = await clusterTransports(
    directory,
    state,
    ["kube-proxy", ...names.map((node) => ({ node }))],
    // The first node is where the API server is; from the others 127.0.0.1 is somewhere else.
    self.name === state.nodes[0].name ? "127.0.0.1" : state.nodes[0].ip,
  );
  const environment = {
    transportFor: transports.transportFor,
    clock: new SystemClock(),
    random: new SystemRandom(),
    metrics: new MetricRegistry(),
    logger,
  };
  if (state.runtime === "simulated") {
    const [clientCa, serving] = await Promise.all([
      readKeyPair(directory, "client-ca"),
      readKeyPair(directory, kubeletServingFile(self.name)),
    ]);
    const [port, host] = [state.kubeletPort, self.ip];
    const kubelets = new SimulatedKubelets({ address: host, port });
    await using _server = await startHttpServer({
      handler: kubelets.handler,
      tls: { ...serving, clientCa: clientCa.cert },
      host,
      port,
      logger,
    });
    await runSimulatedNodes({ ...environment, config: defaultClusterConfig, names, kubelets }, signal);
    return;
  }
  await using stack = new AsyncDisposableStack();
  const { node, containerd } = await containerdNode(directory, state, self, stack, environment);
  await using tasks = new TaskGroup({ parent: signal });
  tasks.spawn((running) => containerd.supervise(running));
  await runNodeComponents(node, signal);
}

async function containerdNode(
  directory: ClusterDirectory,
  state: ClusterState,
  self: ClusterNode,
  stack: AsyncDisposableStack,
  environment: Pick<NodeOptions, "transportFor" | "clock" | "random" | "metrics" | "logger">,
): Promise<{ readonly node: NodeOptions; readonly containerd: ContainerdProcess }> {
  const { clock, logger } = environment;
  const config = defaultClusterConfig;
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
  const [servingCa, clientCa, serving] = await Promise.all([
    readKeyPair(directory, "server-ca"),
    readKeyPair(directory, "client-ca"),
    readKeyPair(directory, kubeletServingFile(self.name)),
  ]);
  const host = new LinuxHostInfo({
    nodeName: self.name,
    nodeIps: [self.ip],
    directory: own.kubelet,
    clock,
  });
  const { servers } = await host.resolvConf();
  const node: NodeOptions = {
    ...environment,
    nodeName: self.name,
    config,
    runtime: new CriRuntimeService(connection),
    images: new CriImageService(connection),
    runtimeEvents: stack.use(new ContainerdEvents({ socketPath: socket, clock, logger })),
    ports: {
      fileSystem: new NodeFileSystem(),
      cgroups: createCgroupManager({ root: self.cgroupRoot, clock, logger }),
      mounter: new SystemMounter(),
      prober: new SocketNetworkProber(),
      host,
      disks: new LinuxDisks(),
    },
    kubelet: {
      rootDirectory: own.kubelet,
      localPathDirectory: directory.localPath,
      podLogsDirectory: path.join(own.kubelet, "pod-logs"),
      port: state.kubeletPort,
      kubeletVersion: kubernetesVersion.gitVersion,
    },
    proxy: { applier: nftablesApplier(), table: proxyTable(state) },
    podNetwork: {
      usePodCidr: (podCidr) => writeCniConfig(network, podCidr),
      syncRoutes: syncNodeRoutes,
    },
    serveKubelet: (handler) =>
      startHttpServer({
        handler,
        tls: { ...serving, clientCa: clientCa.cert },
        host: self.ip,
        port: state.kubeletPort,
        runTunnel: createTunnelRunner({ tls: () => ({ ca: servingCa.cert }), logger }),
        logger,
      }),
    dns: {
      serve: (service) => startDnsServer({ service, host: self.ip, port: state.dnsPort, logger }),
      ...(servers.length === 0 ? {} : { forward: createForwarder(servers) }),
    },
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
