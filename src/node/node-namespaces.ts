import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";

import { exec, execChecked } from "./exec.ts";
import { mountsBelow, readMounts } from "./mount-info.ts";

/** The link that joins the nodes of one machine. Its name is at most 11 bytes, so that ports' names fit into 15; the machine itself has the first address of its range. */
export interface NodeBridge {
  readonly name: string;
  /** A /24, e.g. `172.30.0.0/24`. */
  readonly subnet: string;
}

/** The files that a node's namespaces are mounted on: whoever enters both is on the node. */
export interface NodeNamespaces {
  readonly net: string;
  readonly uts: string;
}

export interface NodeNamespaceOptions {
  /** Where the namespaces are mounted. */
  readonly directory: string;
  /** The host name there. */
  readonly nodeName: string;
  readonly ip: string;
  readonly bridge: NodeBridge;
}

// Of the private ranges the one least used: not 192.168 of homes, not 10 of companies, not 172.17 of Docker.
const subnets = Array.from({ length: 256 }, (_, i) => `172.30.${i}.0/24`);
const prefixLength = 24;

/** `172.30.0.0/24` and 1 give `172.30.0.1`. Throws RangeError when there is no such address in it for a node. */
export function nodeIpOf(bridge: NodeBridge, index: number): string {
  if (index < 0 || index > 253) throw new RangeError(`a bridge joins at most 254 nodes: ${index}`);
  return bridge.subnet.replace(/0\/24$/, String(index + 1));
}

/** A bridge for a cluster, with a range that the machine does not use yet. `key` tells clusters of a machine apart. */
export async function chooseBridge(key: string): Promise<NodeBridge> {
  const routes = JSON.parse(await execChecked("ip", ["-j", "-4", "route", "show", "table", "all"])) as readonly {
    readonly dst?: string;
  }[];
  const taken = routes.map(({ dst = "" }) => dst).filter((dst) => /^\d/.test(dst));
  const subnet = subnets.find((candidate) => !taken.some((route) => overlaps(candidate, route)));
  if (subnet === undefined) throw new Error("every range for the nodes' bridge is in use on this machine");
  return { name: `k8ts-${shortHash(key)}`, subnet };
}

/** Whether two ranges (or addresses) have an address in common. The range of everything, a default route's, does not count. */
export function overlaps(a: string, b: string): boolean {
  const parse = (text: string): readonly [number, number] => {
    const [address = "", bits = "32"] = text.split("/");
    return [address.split(".").reduce((value, part) => value * 256 + Number(part), 0), Number(bits)];
  };
  const [[addressA, bitsA], [addressB, bitsB]] = [parse(a), parse(b)];
  const bits = Math.min(bitsA, bitsB);
  if (bits === 0) return false;
  const size = 2 ** (32 - bits);
  return Math.floor(addressA / size) === Math.floor(addressB / size);
}

/** Makes the bridge, and what leaves the nodes by the machine take its address. Idempotent. Needs root. */
export async function ensureBridge(
  bridge: NodeBridge,
  ranges: { readonly clusterCidr: string; readonly serviceCidr: string },
): Promise<void> {
  // An address of its own: without one it takes over a port's, and loses it, and its neighbours' caches are wrong, with the port.
  const hardware = `02:${[...createHash("sha256").update(bridge.name).digest().subarray(0, 5)].map((byte) => byte.toString(16).padStart(2, "0")).join(":")}`;
  if (!(await existsInterface(bridge.name))) {
    await execChecked("ip", ["link", "add", bridge.name, "address", hardware, "type", "bridge"]);
  }
  await execChecked("ip", ["address", "replace", `${nodeIpOf(bridge, 0)}/${prefixLength}`, "dev", bridge.name]);
  await execChecked("ip", ["link", "set", bridge.name, "up"]);
  const table = `table ip ${bridgeTable(bridge)}`;
  const inside = `{ ${ranges.clusterCidr}, ${ranges.serviceCidr} }`;
  // Declared first so that the deletion succeeds when there is none; the whole input is one transaction.
  const rules = `${table}
delete ${table}
${table} {
  chain postrouting {
    type nat hook postrouting priority srcnat;
    ip saddr ${bridge.subnet} ip daddr != ${inside} oifname != { "lo", "${bridge.name}" } masquerade
  }
}
`;
  await execChecked("nft", ["-f", "-"], { input: rules });
}

/** The nftables table that lets the nodes out. */
export function bridgeTable(bridge: NodeBridge): string {
  return `${bridge.name.replaceAll("-", "_")}_uplink`;
}

/**
 * Makes a node's namespaces and joins them to the bridge. Idempotent: what is there stays, so that pods do. The namespaces
 * live as long as they are mounted or a process is in them.
 */
export async function ensureNodeNamespaces(options: NodeNamespaceOptions): Promise<NodeNamespaces> {
  const { directory, nodeName, ip, bridge } = options;
  const namespaces = nodeNamespaces(directory);
  const outer = bridgePort(bridge, ip);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const mounted = mountsBelow(await readMounts(), directory);
  if (!mounted.includes(namespaces.net) || !mounted.includes(namespaces.uts)) {
    for (const mount of mounted) await execChecked("umount", ["--", mount]);
    for (const file of Object.values(namespaces)) await writeFile(file, "");
    await execChecked("unshare", [`--net=${namespaces.net}`, `--uts=${namespaces.uts}`, "--", "true"]);
    // The other end of one that went with its namespaces goes a moment later; it is not waited for.
    if (await existsInterface(outer)) await exec("ip", ["link", "delete", outer]);
  }
  if (!(await existsInterface(outer))) {
    const peer = ["peer", "name", "eth0", "netns", namespaces.net];
    await execChecked("ip", ["link", "add", outer, "type", "veth", ...peer]);
  }
  await execChecked("ip", ["link", "set", outer, "master", bridge.name, "up"]);
  // Where the kernel shows bridged packets to nftables (`bridge-nf-call-iptables`), one whose destination is translated to where it
  // came from is bridged back instead of routed: a pod that asks another node's port for a pod of its own node.
  await execChecked("ip", ["link", "set", outer, "type", "bridge_slave", "hairpin", "on"]);
  const commands = [
    "link set lo up",
    // Its search for a second owner of a link-local address would hear itself.
    "link set eth0 addrgenmode none",
    `address replace ${ip}/${prefixLength} dev eth0`,
    "link set eth0 up",
    `route replace default via ${nodeIpOf(bridge, 0)}`,
  ];
  await execChecked("nsenter", enterArguments(namespaces, ["ip", "-batch", "-"]), {
    input: `${commands.join("\n")}\n`,
  });
  await execChecked("nsenter", enterArguments(namespaces, ["hostname", nodeName]));
  return namespaces;
}

/** The machine's end of the link to the node with this address. */
export function bridgePort(bridge: NodeBridge, ip: string): string {
  return `${bridge.name}-${ip.split(".")[3]}`;
}

export function nodeNamespaces(directory: string): NodeNamespaces {
  return { net: `${directory}/net`, uts: `${directory}/uts` };
}

/** Arguments of `nsenter` for a command on the node. The mount namespace stays: kubelet and containerd share it. */
export function enterArguments(namespaces: NodeNamespaces, command: readonly string[]): readonly string[] {
  return [`--net=${namespaces.net}`, `--uts=${namespaces.uts}`, "--", ...command];
}

function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 6);
}

/** In the network namespace of this process; `/sys` may show another one's. */
export async function existsInterface(name: string): Promise<boolean> {
  const devices = await readFile("/proc/self/net/dev", "utf8");
  return devices.split("\n").some((line) => line.trimStart().startsWith(`${name}:`));
}
