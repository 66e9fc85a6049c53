import { networkInterfaces } from "node:os";

import { exec, execChecked } from "./exec.ts";

// Of the benchmarking range (RFC 2544), which no real network routes.
const loopbackAddress = "198.18.0.1";

export interface NodeAddress {
  readonly ip: string;
  /** True when the address is one that `ensureNodeAddress` put on the loopback link. */
  readonly isOwn: boolean;
}

/**
 * The address by which this machine is known as a node: the source address of its default route, else its first global
 * IPv4 address, else one put on the loopback link for it, which pods on this machine can reach (127.0.0.1 is their own).
 */
export async function nodeAddress(): Promise<NodeAddress> {
  const ip = (await defaultRouteSource()) ?? firstGlobalAddress();
  if (ip !== undefined) return { ip, isOwn: false };
  await ensureNodeAddress();
  return { ip: loopbackAddress, isOwn: true };
}

/** Idempotent. Needs root. */
export async function ensureNodeAddress(): Promise<void> {
  await execChecked("ip", ["link", "set", "lo", "up"]);
  await execChecked("ip", ["address", "replace", `${loopbackAddress}/32`, "dev", "lo"]);
}

/** Takes it back; absent is fine. */
export async function removeNodeAddress(): Promise<void> {
  const result = await exec("ip", ["address", "delete", `${loopbackAddress}/32`, "dev", "lo"]);
  if (result.exitCode !== 0 && !result.stderr.includes("Cannot assign requested address")) {
    throw new Error(`ip address delete: ${result.stderr.trim()}`);
  }
}

async function defaultRouteSource(): Promise<string | undefined> {
  try {
    const stdout = await execChecked("ip", ["-json", "-4", "route", "show", "default"]);
    const routes = JSON.parse(stdout || "[]") as readonly { readonly dev?: string; readonly prefsrc?: string }[];
    const route = routes[0];
    if (!route) return undefined;
    return route.prefsrc ?? firstGlobalAddress(route.dev);
  } catch {
    // Without the `ip` program the interfaces decide; `up` reports the missing program by itself.
    return undefined;
  }
}

function firstGlobalAddress(device?: string): string | undefined {
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    if (device !== undefined && name !== device) continue;
    const found = addresses?.find((a) => a.family === "IPv4" && !a.internal && !a.address.startsWith("169.254."));
    if (found) return found.address;
  }
  return undefined;
}
