import { readFile } from "node:fs/promises";
import { endianness } from "node:os";

import type { NodeRoute } from "../cluster/addons/pod-network.ts";
import { execChecked } from "./exec.ts";

// Marks our routes in the kernel's table, so that those of anybody else are never touched. Not one that iproute2 names.
export const routeProtocol = "184";

interface KernelRoute {
  readonly dst?: string;
  readonly gateway?: string;
}

/** The routes to other nodes' pods in the network namespace of this process, over nodes that are on one link with this one. */
export async function listNodeRoutes(): Promise<readonly NodeRoute[]> {
  const text = await execChecked("ip", ["-j", "-4", "route", "show", "proto", routeProtocol]);
  const routes = JSON.parse(text.trim() === "" ? "[]" : text) as readonly KernelRoute[];
  return routes.flatMap(({ dst, gateway }) => (dst && gateway ? [{ podCidr: dst, nodeIp: gateway }] : []));
}

/**
 * The routes to other nodes' pods in the network namespace of this process. Starting `ip` costs a process of this size
 * milliseconds: it is asked when the wanted routes differ from what they were, or one of them is gone.
 */
export class NodeRoutes {
  #synced: readonly NodeRoute[] | undefined;

  /** Makes the routes these and no others: pods of `podCidr` are behind `nodeIp`. */
  async sync(wanted: readonly NodeRoute[]): Promise<void> {
    if (this.#synced && areSame(this.#synced, wanted) && (await areThere(wanted))) return;
    this.#synced = undefined;
    const commands = routeCommands(await listNodeRoutes(), wanted);
    if (commands.length > 0) await execChecked("ip", ["-batch", "-"], { input: `${commands.join("\n")}\n` });
    this.#synced = wanted;
  }
}

function areSame(a: readonly NodeRoute[], b: readonly NodeRoute[]): boolean {
  return a.length === b.length && a.every((route, i) => key(route) === (b[i] && key(b[i])));
}

async function areThere(wanted: readonly NodeRoute[]): Promise<boolean> {
  if (wanted.length === 0) return true;
  const present = new Set(parseRouteTable(await readFile("/proc/net/route", "utf8")).map(key));
  return wanted.every((route) => present.has(key(route)));
}

function key({ podCidr, nodeIp }: NodeRoute): string {
  return `${podCidr} ${nodeIp}`;
}

/** The routes of a `/proc/net/route` that lead over a gateway, whoever made them. */
export function parseRouteTable(text: string): readonly NodeRoute[] {
  const routes: NodeRoute[] = [];
  // Iface Destination Gateway Flags RefCnt Use Metric Mask …, addresses as hexadecimal numbers of the machine's byte order.
  for (const line of text.split("\n").slice(1)) {
    const [, destination, gateway, , , , , mask] = line.split(/\s+/);
    if (destination === undefined || gateway === undefined || mask === undefined || /^0+$/.test(gateway)) continue;
    const prefix = Number.parseInt(mask, 16).toString(2).replaceAll("0", "").length;
    routes.push({ podCidr: `${address(destination)}/${prefix}`, nodeIp: address(gateway) });
  }
  return routes;
}

function address(hex: string): string {
  const bytes = Buffer.from(hex, "hex");
  return [...(endianness() === "LE" ? bytes.reverse() : bytes)].join(".");
}

/** The lines of an `ip -batch` that turn `present` into `wanted`. */
export function routeCommands(present: readonly NodeRoute[], wanted: readonly NodeRoute[]): readonly string[] {
  const before = new Map(present.map((route) => [route.podCidr, route.nodeIp]));
  const after = new Map(wanted.map((route) => [route.podCidr, route.nodeIp]));
  return [
    ...[...before.keys()]
      .filter((podCidr) => !after.has(podCidr))
      .map((podCidr) => `route delete ${podCidr} proto ${routeProtocol}`),
    ...[...after]
      .filter(([podCidr, nodeIp]) => before.get(podCidr) !== nodeIp)
      .map(([podCidr, nodeIp]) => `route replace ${podCidr} via ${nodeIp} proto ${routeProtocol}`),
  ];
}
