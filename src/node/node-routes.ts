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

/** Makes the routes these and no others: pods of `podCidr` are behind `nodeIp`. */
export async function syncNodeRoutes(wanted: readonly NodeRoute[]): Promise<void> {
  const commands = routeCommands(await listNodeRoutes(), wanted);
  if (commands.length > 0) await execChecked("ip", ["-batch", "-"], { input: `${commands.join("\n")}\n` });
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
