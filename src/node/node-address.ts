import { execFile } from "node:child_process";
import { networkInterfaces } from "node:os";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The link made for a machine that has no address but loopback. */
export const nodeLinkName = "k8ts0";
// Of the benchmarking range (RFC 2544), which no real network routes.
const nodeLinkAddress = "198.18.0.1";

export interface NodeAddress {
  readonly ip: string;
  /** True when the address is on the link that `ensureNodeLink` made. */
  readonly ownsLink: boolean;
}

/**
 * The address by which this machine is known as a node: the source address of its default route, else its first global
 * IPv4 address, else one on a dummy link made for it (needs root; loopback otherwise).
 */
export async function nodeAddress(): Promise<NodeAddress> {
  const ip = (await defaultRouteSource()) ?? firstGlobalAddress();
  if (ip !== undefined) return { ip, ownsLink: false };
  if (process.getuid?.() !== 0) return { ip: "127.0.0.1", ownsLink: false };
  await ensureNodeLink();
  return { ip: nodeLinkAddress, ownsLink: true };
}

/** Idempotent. */
export async function ensureNodeLink(): Promise<void> {
  await run("ip", ["link", "set", "lo", "up"]);
  if (!networkInterfaces()[nodeLinkName]) {
    await run("ip", ["link", "add", nodeLinkName, "type", "dummy"]).catch((error: unknown) => {
      // A link without an address does not show in networkInterfaces.
      if (!String((error as { stderr?: unknown }).stderr).includes("File exists")) throw error;
    });
  }
  await run("ip", ["addr", "replace", `${nodeLinkAddress}/32`, "dev", nodeLinkName]);
  await run("ip", ["link", "set", nodeLinkName, "up"]);
}

export async function removeNodeLink(): Promise<void> {
  await run("ip", ["link", "del", nodeLinkName]).catch((error: unknown) => {
    if (!String((error as { stderr?: unknown }).stderr).includes("Cannot find device")) throw error;
  });
}

async function defaultRouteSource(): Promise<string | undefined> {
  try {
    const { stdout } = await run("ip", ["-json", "-4", "route", "show", "default"]);
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
    if (name === nodeLinkName || (device !== undefined && name !== device)) continue;
    const found = addresses?.find((a) => a.family === "IPv4" && !a.internal && !a.address.startsWith("169.254."));
    if (found) return found.address;
  }
  return undefined;
}
