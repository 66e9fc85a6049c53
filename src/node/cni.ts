import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";

import { execChecked } from "./exec.ts";

export interface PodNetwork {
  /** Of the network, of what it writes and of its rules: unique on the machine, letters, digits and dashes. */
  readonly name: string;
  /** All nodes' pod ranges together. */
  readonly clusterCidr: string;
  readonly serviceCidr: string;
  readonly nodeIp: string;
  /** Where containerd looks for its network configuration. */
  readonly configDirectory: string;
  /** Where host-local keeps which addresses are taken. */
  readonly dataDirectory: string;
  readonly mtu?: number;
}

export const defaultMtu = 1500;
// libcni keeps what each pod's plugins answered here, and has no setting for it.
export const cniResultsDirectory = "/var/lib/cni/results";
// Larger than what any other route of the range has, so that only unused addresses end here.
const blackholeMetric = 4096;

/**
 * The network configuration for containerd: a veth pair per pod, routed, not bridged. So all pod traffic passes the
 * node's hooks without br_netfilter, and same-node traffic meets the same rules as any other.
 * Host ports are not the plugins' business: kube-proxy's rules serve them.
 */
export function cniConfig(network: PodNetwork, podCidr: string): object {
  const ipam = {
    type: "host-local",
    dataDir: network.dataDirectory,
    ranges: [[{ subnet: podCidr }]],
    routes: [{ dst: "0.0.0.0/0" }],
  };
  const ptp = { type: "ptp", ipMasq: false, mtu: network.mtu ?? defaultMtu, ipam };
  return { cniVersion: "0.4.0", name: network.name, plugins: [ptp] };
}

/**
 * Writes the configuration for the node's own pod range; containerd picks a change up within half a second. Nothing is
 * written when it is there.
 */
export async function writeCniConfig(network: PodNetwork, podCidr: string): Promise<void> {
  const path = `${network.configDirectory}/10-${network.name}.conflist`;
  const text = `${JSON.stringify(cniConfig(network, podCidr), undefined, 2)}\n`;
  if ((await readFile(path, "utf8").catch(() => "")) === text) return;
  await mkdir(network.configDirectory, { recursive: true });
  await mkdir(network.dataDirectory, { recursive: true });
  // Written under a name that the runtime does not read, then renamed: it never sees half a file.
  await writeFile(`${path}.tmp`, text);
  await rename(`${path}.tmp`, path);
}

/**
 * Makes the node forward for its pods, in the network namespace of this process. Idempotent. What depends on the nodes'
 * pod ranges comes later, see `node-routes.ts`.
 * - A blackhole for all pods' addresses: packets to one that no pod has must not leave by the default route.
 * - A route for service addresses on `lo`: a node without a default route would refuse them before the proxy's rules
 *   see them, and one with a default route must not leak them.
 * - Pods that leave the cluster's ranges take the node's address.
 */
export async function setUpPodNetwork(network: PodNetwork): Promise<void> {
  await writeFile("/proc/sys/net/ipv4/ip_forward", "1");
  const { clusterCidr, serviceCidr, nodeIp } = network;
  await execChecked("ip", ["route", "replace", "blackhole", clusterCidr, "metric", String(blackholeMetric)]);
  await execChecked("ip", ["route", "replace", serviceCidr, "dev", "lo", "src", nodeIp]);
  await execChecked("nft", ["-f", "-"], { input: egressRules(network) });
}

/** The files in which libcni notes its answers for pods of this network. */
export async function cniResults(networkName: string): Promise<readonly string[]> {
  const names = await readdir(cniResultsDirectory).catch(() => []);
  // "<network>-<sandbox id>-<interface>"; another network's name may begin with this one's.
  const isOwn = (name: string): boolean =>
    name.startsWith(`${networkName}-`) && /^[0-9a-f]{64}-/.test(name.slice(networkName.length + 1));
  return names.filter(isOwn).map((name) => `${cniResultsDirectory}/${name}`);
}

/** The nftables table that holds the network's own rule. */
export function egressTable(networkName: string): string {
  return `${networkName.replaceAll(/[^A-Za-z0-9]/g, "_")}_egress`;
}

function egressRules({ name, clusterCidr, serviceCidr }: PodNetwork): string {
  const table = `table ip ${egressTable(name)}`;
  // Declared first so that the deletion succeeds when there is none; the whole input is one transaction.
  return `${table}
delete ${table}
${table} {
  chain postrouting {
    type nat hook postrouting priority srcnat;
    ip saddr ${clusterCidr} ip daddr != { ${clusterCidr}, ${serviceCidr} } oifname != "lo" masquerade
  }
}
`;
}
