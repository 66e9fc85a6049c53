import type { NodeRoute } from "../cluster/addons/pod-network.ts";
import { execChecked } from "./exec.ts";
import { existsInterface } from "./node-namespaces.ts";
import { routeProtocol } from "./node-routes.ts";

/** The tunnel of one node to all others, for nodes that are not on one link. */
export interface VxlanLink {
  /** At most 15 bytes. */
  readonly name: string;
  readonly nodeIp: string;
}

// As flannel on Linux: the first network, on the kernel's own port for it.
const vni = 1;
const port = 8472;
/** What an outer IPv4, UDP and VXLAN header take of each packet. */
export const vxlanOverheadBytes = 50;

/** Whether the kernel has it, which is found out by making one. */
export async function canVxlan(): Promise<boolean> {
  const probe = "k8ts-vx-probe";
  try {
    await execChecked("ip", [
      "link",
      "add",
      probe,
      "type",
      "vxlan",
      "id",
      "16777215",
      "dstport",
      String(port),
      "dev",
      "lo",
    ]);
    await execChecked("ip", ["link", "delete", probe]);
    return true;
  } catch {
    return false;
  }
}

/** Makes the link when there is none. `podCidr` is the node's own range: the link has its network address. Idempotent. */
export async function ensureVxlan(link: VxlanLink, podCidr: string): Promise<void> {
  const { name, nodeIp } = link;
  if (!(await existsInterface(name))) {
    const kind = ["type", "vxlan", "id", String(vni), "local", nodeIp, "dstport", String(port), "nolearning"];
    await execChecked("ip", ["link", "add", name, "address", tunnelMac(nodeIp), ...kind]);
  }
  await execChecked("ip", ["address", "replace", `${networkAddress(podCidr)}/32`, "dev", name]);
  await execChecked("ip", ["link", "set", name, "up"]);
}

/** Makes the tunnel lead to these nodes and no others. The link must be there. */
export async function syncVxlan(link: VxlanLink, wanted: readonly NodeRoute[]): Promise<void> {
  const { name } = link;
  const [routes, neighbours, forwarding] = await Promise.all([
    listJson<{ readonly dst?: string }>("ip", ["-j", "-4", "route", "show", "dev", name, "proto", routeProtocol]),
    listJson<{ readonly dst?: string }>("ip", ["-j", "neigh", "show", "dev", name, "nud", "permanent"]),
    listJson<{ readonly mac?: string; readonly dst?: string }>("bridge", ["-j", "fdb", "show", "dev", name]),
  ]);
  const commands = vxlanCommands(
    name,
    {
      routes: routes.flatMap(({ dst }) => dst ?? []),
      neighbours: neighbours.flatMap(({ dst }) => dst ?? []),
      forwarding: forwarding.flatMap(({ mac, dst }) => (mac && dst ? [{ mac, dst }] : [])),
    },
    wanted,
  );
  if (commands.bridge.length > 0)
    await execChecked("bridge", ["-batch", "-"], { input: `${commands.bridge.join("\n")}\n` });
  if (commands.ip.length > 0) await execChecked("ip", ["-batch", "-"], { input: `${commands.ip.join("\n")}\n` });
}

/** What leads somewhere on a VXLAN link. */
export interface VxlanState {
  readonly routes: readonly string[];
  readonly neighbours: readonly string[];
  readonly forwarding: readonly { readonly mac: string; readonly dst: string }[];
}

/** The lines of `bridge -batch` and `ip -batch` that make a link lead to the wanted nodes only. */
export function vxlanCommands(
  name: string,
  present: VxlanState,
  wanted: readonly NodeRoute[],
): { readonly bridge: readonly string[]; readonly ip: readonly string[] } {
  const macs = new Set(wanted.map(({ nodeIp }) => tunnelMac(nodeIp)));
  const gateways = new Set(wanted.map(({ podCidr }) => networkAddress(podCidr)));
  const ranges = new Set(wanted.map(({ podCidr }) => podCidr));
  return {
    bridge: [
      ...present.forwarding
        .filter(({ mac }) => !macs.has(mac))
        .map(({ mac, dst }) => `fdb delete ${mac} dev ${name} dst ${dst}`),
      ...wanted.map(({ nodeIp }) => `fdb replace ${tunnelMac(nodeIp)} dev ${name} dst ${nodeIp} self permanent`),
    ],
    ip: [
      ...present.routes
        .filter((range) => !ranges.has(range))
        .map((range) => `route delete ${range} dev ${name} proto ${routeProtocol}`),
      ...present.neighbours.filter((ip) => !gateways.has(ip)).map((ip) => `neigh delete ${ip} dev ${name}`),
      ...wanted.flatMap(({ podCidr, nodeIp }) => {
        const gateway = networkAddress(podCidr);
        return [
          `neigh replace ${gateway} lladdr ${tunnelMac(nodeIp)} dev ${name} nud permanent`,
          `route replace ${podCidr} via ${gateway} dev ${name} onlink proto ${routeProtocol}`,
        ];
      }),
    ],
  };
}

/** The hardware address of a node's end: made from its address, so that nobody has to tell it. Locally administered. */
export function tunnelMac(nodeIp: string): string {
  const bytes = nodeIp.split(".").map((part) => Number(part).toString(16).padStart(2, "0"));
  return ["02", "6b", ...bytes].join(":");
}

function networkAddress(podCidr: string): string {
  return podCidr.split("/")[0] ?? "";
}

async function listJson<T>(program: string, args: readonly string[]): Promise<readonly T[]> {
  const text = await execChecked(program, args);
  return text.trim() === "" ? [] : (JSON.parse(text) as readonly T[]);
}
