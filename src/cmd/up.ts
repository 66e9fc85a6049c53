import { spawn } from "node:child_process";
import { openSync, closeSync } from "node:fs";
import { Resolver } from "node:dns/promises";
import { hostname } from "node:os";
import { createServer } from "node:net";

import { leases, nodes, serviceAccounts } from "../api/resources.gen.ts";
import type { ApiClient } from "../client/rest/api-client.ts";
import { defaultClusterConfig } from "../cluster/config.ts";
import { examineMachine, formatReport } from "../node/doctor.ts";
import { execChecked } from "../node/exec.ts";
import { setUpPodNetwork } from "../node/cni.ts";
import { ensureNodeAddress, nodeAddress } from "../node/node-address.ts";
import { chooseBridge, ensureBridge, ensureNodeNamespaces, nodeIpOf } from "../node/node-namespaces.ts";
import { ensureClusterPki } from "../node/pki/cluster-pki.ts";
import { clusterDirectory, clusterOptions, parseCommandLine, UsageError } from "./arguments.ts";
import type { ClusterDirectory, ClusterNode, ClusterState } from "./cluster-directory.ts";
import { connectAdmin } from "./connect.ts";
import { adminKubeconfig, contextName, mergeIntoUserKubeconfig, writeKubeconfig } from "./kubeconfig.ts";
import { nodeNames, podNetworkOf, servingNodes } from "./node-names.ts";
import { runningPid } from "./process-file.ts";
import { Progress } from "./progress.ts";
import { waitFor } from "./wait.ts";

const readyTimeoutMs = 60_000;
const installTimeoutMs = 600_000;
// Each has a containerd and a process of its own; this many fill a large machine.
const realNodesMax = 50;
const defaultApiServerPort = 6443;
const defaultKubeletPort = 10_250;
// Not 53, where the machine may run a resolver of its own; pods reach it as 53 through the Service kube-dns.
const defaultDnsPort = 10_053;

export const upUsage = `k8ts up [--name default] [--data-dir DIR] [--runtime auto|containerd|simulated] [--nodes N]
        [--node-ip IP] [--port 6443] [--install] [--wait=true|false] [--merge-kubeconfig=true|false]
  Starts a cluster in the background, or what of it is not running; returns when it is ready.`;

/** `k8ts up`. */
export async function up(args: readonly string[]): Promise<void> {
  const { values } = parseCommandLine(args, {
    ...clusterOptions,
    runtime: { type: "string", default: "auto" },
    nodes: { type: "string", default: "1" },
    "node-ip": { type: "string" },
    port: { type: "string" },
    "cgroup-root": { type: "string" },
    install: { type: "boolean", default: false },
    wait: { type: "string", default: "true" },
    "merge-kubeconfig": { type: "string", default: "true" },
  });
  const directory = clusterDirectory(values);
  const progress = new Progress();
  let state = await directory.readState();
  if (!state) {
    const runtime = await chooseRuntime(directory, values.runtime, values.install, progress);
    state = await decideState(directory, values, runtime);
  } else if (values.runtime !== "auto" && values.runtime !== state.runtime) {
    throw new UsageError(`the cluster in ${directory.root} runs on ${state.runtime}; delete it to change that`);
  } else if (state.runtime === "containerd") {
    await chooseRuntime(directory, "containerd", values.install, progress);
  }
  await directory.create();
  await directory.writeState(state);
  progress.say(`Cluster "${state.name}" in ${directory.root}, ${describeNodes(state)}`);

  const kubeconfig = await progress.step("keys, certificates, kubeconfig", () => writeIdentities(directory, state));
  if (values["merge-kubeconfig"] !== "false") {
    const file = await mergeIntoUserKubeconfig(kubeconfig);
    progress.say(`  ✓ context ${contextName(state.name)} in ${file}`);
  }
  if (state.runtime === "containerd") await setUpNodeNetwork(directory, state);
  const isRunning = (await runningPid(directory.processFile("supervisor"))) !== undefined;
  const startedMs = isRunning ? 0 : Date.now();
  if (!isRunning) startSupervisor(directory);
  if (values.wait !== "false") await waitUntilReady(directory, state, progress, startedMs);
  progress.say(`Cluster is ready after ${progress.elapsed}.`);
  if (state.runtime === "simulated") progress.say(simulatedNotice);
}

function describeNodes({ nodes: all }: ClusterState): string {
  const [first] = all;
  return all.length === 1
    ? `node ${first.name} at ${first.ip}`
    : `${all.length} nodes from ${first.name} at ${first.ip}`;
}

async function setUpNodeNetwork(directory: ClusterDirectory, state: ClusterState): Promise<void> {
  const {
    bridge,
    nodes: [first, ...others],
  } = state;
  if (state.ownsNodeAddress) await ensureNodeAddress();
  // Before anybody can send to them: without these routes, packets to pods and services would leave by the default route.
  const network = podNetworkOf(directory, state, first);
  if (bridge) await ensureBridge(bridge, network);
  await setUpPodNetwork(network);
  if (!bridge) return;
  for (const node of others) {
    const { namespaces } = directory.nodeDirectory(state, node);
    await ensureNodeNamespaces({ directory: namespaces, nodeName: node.name, ip: node.ip, bridge });
  }
}

const simulatedNotice = `NOTE: the nodes are SIMULATED. Pods are scheduled, become Running and are reported like any others, but no
container runs and there is no pod network. Real containers need Linux, root and containerd: k8ts up --runtime containerd --install`;

async function chooseRuntime(
  directory: ClusterDirectory,
  asked: string,
  install: boolean,
  progress: Progress,
): Promise<"containerd" | "simulated"> {
  if (asked !== "auto" && asked !== "containerd" && asked !== "simulated") {
    throw new UsageError(`--runtime must be auto, containerd or simulated: ${asked}`);
  }
  if (asked === "simulated") return "simulated";
  let machine = await examineMachine(directory.root);
  if (!machine.canRunContainers && install && machine.installCommand !== undefined) {
    progress.say(formatReport(machine));
    const [program = "", ...args] = machine.installCommand;
    await progress.step(machine.installCommand.join(" "), async () => {
      await execChecked("apt-get", ["update", "-q"], { timeoutMs: installTimeoutMs });
      const env = { ...processEnvironment(), DEBIAN_FRONTEND: "noninteractive" };
      await execChecked(program, args, { timeoutMs: installTimeoutMs, env });
    });
    machine = await examineMachine(directory.root);
  }
  if (machine.canRunContainers) return "containerd";
  progress.say(formatReport(machine));
  if (machine.installCommand) progress.say(`To install what is missing: ${machine.installCommand.join(" ")}`);
  if (asked === "containerd") throw new Error("this machine cannot run containers yet; see above");
  progress.say("Containers cannot run here, so the nodes will be simulated.");
  return "simulated";
}

function processEnvironment(): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

async function decideState(
  directory: ClusterDirectory,
  values: {
    readonly name: string;
    readonly nodes: string;
    readonly "node-ip"?: string;
    readonly port?: string;
    readonly "cgroup-root"?: string;
  },
  runtime: "containerd" | "simulated",
): Promise<ClusterState> {
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
  const bridge = runtime === "containerd" && nodeCount > 1 ? await chooseBridge(directory.root) : undefined;
  const address =
    values["node-ip"] !== undefined
      ? { ip: values["node-ip"], isOwn: false }
      : bridge
        ? { ip: nodeIpOf(bridge, 0), isOwn: false }
        : runtime === "containerd"
          ? await nodeAddress()
          : { ip: "127.0.0.1", isOwn: false };
  const [nodeName, cgroupRoot] = [nodeNameOf(hostname()), values["cgroup-root"] ?? `/k8ts-${values.name}`];
  const node = (index: number): ClusterNode => ({
    name: index === 0 ? nodeName : `${nodeName}-${index + 1}`,
    ip: bridge ? nodeIpOf(bridge, index) : address.ip,
    cgroupRoot: index === 0 ? cgroupRoot : `${cgroupRoot}-${index + 1}`,
  });
  return {
    name: values.name,
    apiServerPort: await choosePort(values.port),
    kubeletPort: await freePort(defaultKubeletPort),
    dnsPort: await freePort(defaultDnsPort),
    nodes: [node(0), ...Array.from({ length: nodeCount - 1 }, (_, i) => node(i + 1))],
    ...(bridge ? { bridge } : {}),
    ownsNodeAddress: address.isOwn,
    runtime,
  };
}

/** The kubelet's rule: the host name in lower case, and only what a node name may hold. */
function nodeNameOf(host: string): string {
  const name = host
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]/g, "-")
    .replaceAll(/^[.-]+|[.-]+$/g, "");
  return name === "" ? "node" : name;
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

async function writeIdentities(
  directory: ClusterDirectory,
  state: ClusterState,
): Promise<ReturnType<typeof adminKubeconfig>> {
  const pki = await ensureClusterPki({
    directory: directory.pki,
    nodeNames: nodeNames(state),
    servingNodes: servingNodes(state).map(({ name, ip }) => ({ name, addresses: [ip] })),
    apiServerAddresses: [defaultClusterConfig.kubernetesServiceIp, state.nodes[0].ip],
    apiServerNames: [state.nodes[0].name],
    nowMs: Date.now(),
  });
  const kubeconfig = adminKubeconfig({
    clusterName: state.name,
    server: `https://127.0.0.1:${state.apiServerPort}`,
    ca: pki.servingCa.cert,
    cert: pki.admin.cert,
    key: pki.admin.key,
  });
  await writeKubeconfig(directory.kubeconfig, kubeconfig);
  return kubeconfig;
}

function startSupervisor(directory: ClusterDirectory): void {
  const log = openSync(directory.logFile("supervisor"), "a", 0o600);
  const child = spawn(process.execPath, [process.argv[1] ?? "", "supervise", "--data-dir", directory.root], {
    // A session of its own: closing the terminal does not end the cluster.
    detached: true,
    stdio: ["ignore", log, log],
    cwd: "/",
  });
  closeSync(log);
  child.unref();
}

/** `startedMs`: what the store says of nodes from before that time does not count; 0 when nothing had to be started. */
async function waitUntilReady(
  directory: ClusterDirectory,
  state: ClusterState,
  progress: Progress,
  startedMs: number,
): Promise<void> {
  await using connection = await connectAdmin(directory);
  const { client } = connection;
  await progress.step("API server answers", () =>
    waitFor("the API server does not become ready", readyTimeoutMs, async () => {
      await client.request("GET", "/readyz");
      return true;
    }),
  );
  const title = state.nodes.length === 1 ? "node is Ready" : `${state.nodes.length} nodes are Ready`;
  await progress.step(state.runtime === "simulated" ? `${title} (simulated)` : title, () =>
    waitFor("the nodes do not become Ready", readyTimeoutMs, () => nodesReady(client, state.nodes, startedMs)),
  );
  await progress.step("default ServiceAccount exists", () =>
    waitFor("the default ServiceAccount does not appear", readyTimeoutMs, async () => {
      await client.resource(serviceAccounts, "default").get("default");
      return true;
    }),
  );
  if (state.runtime !== "simulated") {
    await progress.step("cluster DNS answers", () =>
      waitFor("cluster DNS does not answer", readyTimeoutMs, dnsAnswers),
    );
  }
}

async function nodesReady(client: ApiClient, wanted: readonly ClusterNode[], sinceMs: number): Promise<true | string> {
  const [{ items }, heartbeats] = await Promise.all([
    client.resource(nodes).list(),
    client.resource(leases, "kube-node-lease").list(),
  ]);
  const alive = new Set(
    heartbeats.items.filter((l) => Date.parse(l.spec.renewTime ?? "") >= sinceMs).map((l) => l.metadata.name),
  );
  const ready = items.filter(
    (n) => alive.has(n.metadata.name) && n.status.conditions?.some((c) => c.type === "Ready" && c.status === "True"),
  );
  const names = new Set(ready.map((n) => n.metadata.name));
  const missing = wanted.filter(({ name }) => !names.has(name));
  if (missing.length === 0) return true;
  const waiting = items.find((n) => n.metadata.name === missing[0]?.name);
  const condition = waiting?.status.conditions?.find((c) => c.type === "Ready");
  return `${wanted.length - missing.length} of ${wanted.length} nodes Ready${condition?.message ? `: ${condition.message}` : ""}`;
}

async function dnsAnswers(): Promise<true | string> {
  const resolver = new Resolver({ timeout: 200, tries: 1 });
  resolver.setServers([defaultClusterConfig.dnsServiceIp]);
  const addresses = await resolver.resolve4(`kubernetes.default.svc.${defaultClusterConfig.clusterDomain}`);
  return addresses.includes(defaultClusterConfig.kubernetesServiceIp) || `answered ${addresses.join(", ")}`;
}
