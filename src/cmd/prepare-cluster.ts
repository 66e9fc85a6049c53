import { isIP } from "node:net";

import { examineMachine, formatReport } from "../node/doctor.ts";
import { execChecked } from "../node/exec.ts";
import { setUpPodNetwork } from "../node/cni.ts";
import { ensureNodeAddress } from "../node/node-address.ts";
import { ensureBridge, ensureNodeNamespaces } from "../node/node-namespaces.ts";
import { ensureClusterPki } from "../node/pki/cluster-pki.ts";
import { clusterDirectory, clusterOptions, UsageError } from "./arguments.ts";
import type { ClusterDirectory, ClusterState } from "./cluster-directory.ts";
import { decideState, type NodeValues } from "./decide-state.ts";
import { adminKubeconfig, contextName, mergeIntoUserKubeconfig, writeKubeconfig } from "./kubeconfig.ts";
import { nodeNames, podNetworkOf, servingNodes } from "./node-names.ts";
import type { Progress } from "./progress.ts";

const installTimeoutMs = 600_000;

/** The options about a node. */
export const nodeOptions = {
  ...clusterOptions,
  "node-name": { type: "string" },
  "node-ip": { type: "string" },
  "cgroup-root": { type: "string" },
  "kubelet-arg": { type: "string", multiple: true },
  install: { type: "boolean", default: false },
} as const;

/** The options of a cluster that starts on this machine. */
export const newClusterOptions = {
  ...nodeOptions,
  runtime: { type: "string", default: "auto" },
  nodes: { type: "string", default: "1" },
  port: { type: "string" },
  "network-backend": { type: "string", default: "host-gw" },
  "ingress-ports": { type: "string", default: "80,443" },
  "tls-san": { type: "string", multiple: true },
  "kube-controller-manager-arg": { type: "string", multiple: true },
  "merge-kubeconfig": { type: "string", default: "true" },
} as const;

type NewClusterValues = NodeValues & {
  readonly "data-dir"?: string;
  readonly install: boolean;
  readonly runtime: string;
  readonly nodes: string;
  readonly port?: string;
  readonly "network-backend": string;
  readonly "ingress-ports": string;
  readonly "tls-san"?: readonly string[];
  readonly "merge-kubeconfig": string;
};

/** Everything but the processes: what the cluster is, its keys and kubeconfig, the nodes' networks. Idempotent. */
export async function prepareCluster(
  values: NewClusterValues,
  progress: Progress,
): Promise<{ readonly directory: ClusterDirectory; readonly state: ClusterState }> {
  const directory = clusterDirectory(values);
  let state = await directory.readState();
  if (state?.joined) throw new UsageError(`${directory.root} is a node of the cluster at ${state.joined.server}`);
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
  return { directory, state };
}

function describeNodes({ nodes: all }: ClusterState): string {
  const [first] = all;
  return all.length === 1
    ? `node ${first.name} at ${first.ip}`
    : `${all.length} nodes from ${first.name} at ${first.ip}`;
}

/** The networks of the nodes on this machine. Idempotent. */
export async function setUpNodeNetwork(directory: ClusterDirectory, state: ClusterState): Promise<void> {
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

/** Looks at the machine and installs what is missing when asked to. Throws when `asked` cannot be. */
export async function chooseRuntime(
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

/** Keys, certificates and kubeconfig: what is missing is made, and what will not be valid for long anew. Idempotent. */
export async function writeIdentities(
  directory: ClusterDirectory,
  state: ClusterState,
): Promise<ReturnType<typeof adminKubeconfig>> {
  const sans = state.tlsSans;
  const pki = await ensureClusterPki({
    directory: directory.pki,
    nodeNames: nodeNames(state),
    servingNodes: servingNodes(state).map(({ name, ip }) => ({ name, addresses: [ip] })),
    apiServerAddresses: [state.config.kubernetesServiceIp, state.nodes[0].ip, ...sans.filter((san) => isIP(san) !== 0)],
    apiServerNames: [state.nodes[0].name, ...sans.filter((san) => isIP(san) === 0)],
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
