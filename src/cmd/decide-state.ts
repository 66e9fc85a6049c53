import { hostname } from "node:os";
import { createServer } from "node:net";
import * as path from "node:path";

import type { NetworkBackend, NodeBootstrapConfig } from "../cluster/addons/node-bootstrap.ts";
import { defaultClusterConfig } from "../cluster/config.ts";
import { nodeAddress } from "../node/node-address.ts";
import { chooseBridge, nodeIpOf } from "../node/node-namespaces.ts";
import { refuseSwap } from "../node/swap.ts";
import { canVxlan } from "../node/vxlan.ts";
import { UsageError } from "./arguments.ts";
import type { ClusterDirectory, ClusterNode, ClusterState, IngressPorts } from "./cluster-directory.ts";
import { controllerConfigFlags } from "./components/component-config.ts";
import {
  checkNodeLabels,
  kubeletConfigFlags,
  readClusterKubeletConfiguration,
} from "./components/kubelet-configuration.ts";
import { usualControlPorts } from "./control-ports.ts";
import { parseFlags } from "./flags.ts";

const defaultApiServerPort = 6443;
const defaultKubeletPort = 10_250;
// Not 53, where the machine may run a resolver of its own; pods reach it as 53 through the Service kube-dns.
const defaultDnsPort = 10_053;
// Each has a containerd and a process of its own; this many fill a large machine.
const realNodesMax = 50;

/** What a new cluster on this machine is to be. Throws UsageError for what cannot be. */
export async function decideState(
  directory: ClusterDirectory,
  values: NodeValues & {
    readonly nodes: string;
    readonly port?: string;
    readonly "network-backend": string;
    readonly "ingress-ports": string;
    readonly "tls-san"?: readonly string[];
  },
  runtime: "containerd" | "simulated",
): Promise<ClusterState> {
  const ingress = ingressPortsOf(values["ingress-ports"]);
  const nodeCount = Number(values.nodes);
  if (!Number.isInteger(nodeCount) || nodeCount < 1 || nodeCount > 5_000) {
    throw new UsageError(`--nodes must be a number from 1 to 5000: ${values.nodes}`);
  }
  if (nodeCount > realNodesMax && runtime === "containerd") {
    throw new UsageError(`--nodes must be at most ${realNodesMax} with real containers: ${nodeCount}`);
  }
  if (nodeCount > 1 && runtime === "containerd" && values["node-ip"] !== undefined) {
    throw new UsageError("--node-ip is the address of a single node; several on one machine get their own");
  }
  const networkBackend = await networkBackendOf(values["network-backend"]);
  const bridge = runtime === "containerd" && nodeCount > 1 ? await chooseBridge(directory.root) : undefined;
  const address = await addressOf(values, runtime, bridge && nodeIpOf(bridge, 0));
  const [nodeName, cgroupRoot] = [nodeNameOf(values), cgroupRootOf(values)];
  const node = (index: number): ClusterNode => ({
    name: index === 0 ? nodeName : `${nodeName}-${index + 1}`,
    ip: bridge ? nodeIpOf(bridge, index) : address.ip,
    cgroupRoot: index === 0 ? cgroupRoot : `${cgroupRoot}-${index + 1}`,
  });
  return {
    name: values.name,
    config: defaultClusterConfig,
    networkBackend,
    tlsSans: values["tls-san"] ?? [],
    componentArgs: await componentArgsOf(values),
    apiServerPort: await choosePort(values.port),
    kubeletPort: await freePort(defaultKubeletPort),
    controlPorts: {
      controllerManager: await freePort(usualControlPorts.controllerManager),
      scheduler: await freePort(usualControlPorts.scheduler),
    },
    dnsPort: await freePort(defaultDnsPort),
    ...(ingress ? { ingress } : {}),
    nodes: [node(0), ...Array.from({ length: nodeCount - 1 }, (_, i) => node(i + 1))],
    ...(bridge ? { bridge } : {}),
    ownsNodeAddress: address.isOwn,
    runtime,
  };
}

/** What a machine is to be that joins the cluster of `server`. */
export async function decideAgentState(
  values: NodeValues,
  server: string,
  cluster: NodeBootstrapConfig,
): Promise<ClusterState> {
  const { ip } = await addressOf(values, "containerd", undefined);
  return {
    name: values.name,
    config: cluster.cluster,
    networkBackend: cluster.networkBackend,
    joined: { server },
    tlsSans: [],
    componentArgs: await componentArgsOf(values),
    // There is none here.
    apiServerPort: 0,
    kubeletPort: await freePort(defaultKubeletPort),
    dnsPort: cluster.dnsPort,
    ...(cluster.ingress ? { ingress: cluster.ingress } : {}),
    nodes: [{ name: nodeNameOf(values), ip, cgroupRoot: cgroupRootOf(values) }],
    // An address on the loopback link leads nobody here.
    ownsNodeAddress: false,
    runtime: "containerd",
  };
}

/** Options about the node itself. */
export interface NodeValues {
  readonly name: string;
  readonly "node-name"?: string;
  readonly "node-ip"?: string;
  readonly "cgroup-root"?: string;
  readonly "kubelet-arg"?: readonly string[];
  readonly "kube-controller-manager-arg"?: readonly string[];
}

/** `name=value`, as the component's own flags; what is wrong is said now and not by a process in the background. */
async function componentArgsOf(values: NodeValues): Promise<ClusterState["componentArgs"]> {
  const flags = (args: readonly string[] = []): readonly string[] => args.map((arg) => `--${arg.replace(/^--/, "")}`);
  const controllerManager = flags(values["kube-controller-manager-arg"]);
  const kubelet = flags(values["kubelet-arg"]).map(withAbsolutePath);
  parseFlags(controllerConfigFlags, controllerManager);
  const asked = parseFlags(kubeletConfigFlags, kubelet);
  checkNodeLabels(asked["node-labels"]);
  const { failSwapOn } = await readClusterKubeletConfiguration(asked, { failSwapOn: false });
  if (failSwapOn) await refuseSwap();
  return { controllerManager, kubelet };
}

/** The node's process runs elsewhere than the command that was given a file's name. */
function withAbsolutePath(flag: string): string {
  const [, name, file] = /^--(config|config-dir)=(.+)$/.exec(flag) ?? [];
  return name === undefined || file === undefined ? flag : `--${name}=${path.resolve(file)}`;
}

function cgroupRootOf(values: NodeValues): string {
  return values["cgroup-root"] ?? `/k8ts-${values.name}`;
}

async function addressOf(
  values: NodeValues,
  runtime: ClusterState["runtime"],
  bridgeIp: string | undefined,
): Promise<{ readonly ip: string; readonly isOwn: boolean }> {
  const given = values["node-ip"] ?? bridgeIp;
  if (given !== undefined) return { ip: given, isOwn: false };
  return runtime === "containerd" ? nodeAddress() : { ip: "127.0.0.1", isOwn: false };
}

async function networkBackendOf(asked: string): Promise<NetworkBackend> {
  if (asked !== "host-gw" && asked !== "vxlan") {
    throw new UsageError(`--network-backend must be host-gw or vxlan: ${asked}`);
  }
  if (asked === "vxlan" && !(await canVxlan()))
    throw new UsageError("--network-backend vxlan: this kernel has no vxlan");
  return asked;
}

/** The kubelet's rule: the name asked for or the host's in lower case, and only what a node name may hold. */
function nodeNameOf(values: NodeValues): string {
  const name = (values["node-name"] ?? hostname())
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]/g, "-")
    .replaceAll(/^[.-]+|[.-]+$/g, "");
  return name === "" ? "node" : name;
}

/** `HTTP,HTTPS` or `none`. Whether they are free is seen when they are needed: with the first Ingress. */
function ingressPortsOf(asked: string): IngressPorts | undefined {
  if (asked === "none") return undefined;
  const [http = 0, https = 0, ...rest] = asked.split(",").map(Number);
  const isPort = (port: number): boolean => Number.isInteger(port) && port >= 1 && port <= 65_535;
  if (!isPort(http) || !isPort(https) || http === https || rest.length > 0) {
    throw new UsageError(`--ingress-ports must be two ports, e.g. 80,443, or none: ${asked}`);
  }
  return { http, https };
}

/** The port asked for; without one the usual port when it is free, else any. */
async function choosePort(asked: string | undefined): Promise<number> {
  if (asked !== undefined) {
    const port = Number(asked);
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new UsageError(`--port is not a port: ${asked}`);
    return port;
  }
  return freePort(defaultApiServerPort);
}

/** The usual port when it is free, else any. */
async function freePort(usual: number): Promise<number> {
  return (await tryListen(usual)) ?? (await tryListen(0)) ?? usual;
}

function tryListen(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(undefined));
    probe.listen(port, () => {
      const address = probe.address();
      probe.close(() => resolve(address !== null && typeof address === "object" ? address.port : undefined));
    });
  });
}
