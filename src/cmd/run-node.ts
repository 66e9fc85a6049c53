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
import { createTunnelRunner } from "../node/streaming/tunnel.ts";
import type { ClusterDirectory, ClusterState } from "./cluster-directory.ts";
import { clusterTransports, readKeyPair } from "./cluster-identity.ts";
import { nodeNames, podNetworkOf, proxyTable } from "./node-names.ts";

/** The process of the node: kubelet, kube-proxy and DNS, or all simulated nodes. */
export async function runNode(
  directory: ClusterDirectory,
  state: ClusterState,
  signal: AbortSignal,
  logger: Logger,
): Promise<void> {
  const names = nodeNames(state);
  await using transports = await clusterTransports(directory, state, [
    "kube-proxy",
    ...(state.runtime === "simulated" ? (["admin"] as const) : []),
    ...names.map((node) => ({ node })),
  ]);
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
      readKeyPair(directory, "kubelet-serving"),
    ]);
    const { kubeletPort: port, nodeIp: host } = state;
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
  const node = await containerdNode(directory, state, stack, environment);
  await runNodeComponents(node, signal);
}

async function containerdNode(
  directory: ClusterDirectory,
  state: ClusterState,
  stack: AsyncDisposableStack,
  environment: Pick<NodeOptions, "transportFor" | "clock" | "random" | "metrics" | "logger">,
): Promise<NodeOptions> {
  const { clock, logger } = environment;
  const config = defaultClusterConfig;
  if (state.ownsNodeAddress) await ensureNodeAddress();
  const network = podNetworkOf(directory, state);
  const machine = await examineMachine(directory.root);
  await Promise.all([writeCniConfig(network), setUpPodNetwork(network), shareMounts(directory)]);

  const containerd = new ContainerdProcess({
    directory: directory.containerd,
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
    readKeyPair(directory, "kubelet-serving"),
  ]);
  const host = new LinuxHostInfo({
    nodeName: state.nodeName,
    nodeIps: [state.nodeIp],
    directory: directory.node,
    clock,
  });
  const { servers } = await host.resolvConf();
  return {
    ...environment,
    nodeName: state.nodeName,
    config,
    runtime: new CriRuntimeService(connection),
    images: new CriImageService(connection),
    runtimeEvents: stack.use(new ContainerdEvents({ socketPath: socket, clock, logger })),
    ports: {
      fileSystem: new NodeFileSystem(),
      cgroups: createCgroupManager({ root: state.cgroupRoot, clock, logger }),
      mounter: new SystemMounter(),
      prober: new SocketNetworkProber(),
      host,
      disks: new LinuxDisks(),
    },
    kubelet: {
      rootDirectory: directory.node,
      localPathDirectory: directory.localPath,
      podLogsDirectory: path.join(directory.node, "pod-logs"),
      port: state.kubeletPort,
      kubeletVersion: kubernetesVersion.gitVersion,
    },
    proxy: { applier: nftablesApplier(), table: proxyTable(state) },
    serveKubelet: (handler) =>
      startHttpServer({
        handler,
        tls: { ...serving, clientCa: clientCa.cert },
        host: state.nodeIp,
        port: state.kubeletPort,
        runTunnel: createTunnelRunner({ tls: () => ({ ca: servingCa.cert }), logger }),
        logger,
      }),
    dns: {
      serve: (service) => startDnsServer({ service, host: state.nodeIp, port: state.dnsPort, logger }),
      ...(servers.length === 0 ? {} : { forward: createForwarder(servers) }),
    },
  };
}

/** Mounts made below the pods' directory must reach containers that asked for them; a machine without systemd shares none. */
async function shareMounts(directory: ClusterDirectory): Promise<void> {
  const pods = path.join(directory.node, "pods");
  await mkdir(pods, { recursive: true, mode: 0o750 });
  await makeShared(pods);
}

async function importPause(socket: string): Promise<void> {
  await using importer = new ImageImporter(socket);
  await importer.import(buildPauseImage());
}
