import { readFile, statfs } from "node:fs/promises";
import * as os from "node:os";
import { createHash } from "node:crypto";

import type { Clock } from "../component-base/clock.ts";
import type { NodeAddress } from "../api/core/v1/types.gen.ts";
import type { HostFacts, HostInfo, HostUsage, InterfaceUsage } from "../kubelet/ports.ts";
import { exec } from "./exec.ts";

export interface HostInfoOptions {
  /** The node's name and the value of its Hostname address. */
  readonly nodeName: string;
  /** The InternalIP addresses, primary first; found out unless given. */
  readonly nodeIps?: readonly string[];
  /** The file system that holds pods and logs. */
  readonly directory: string;
  readonly clock: Clock;
}

const nsPerSecond = 1e9;

/** What Linux tells of this machine, from `/proc` and `/etc`. */
export class LinuxHostInfo implements HostInfo {
  readonly #options: HostInfoOptions;

  constructor(options: HostInfoOptions) {
    this.#options = options;
  }

  async facts(): Promise<HostFacts> {
    const disk = await statfs(this.#options.directory);
    const release = parseOsRelease(await text("/etc/os-release"));
    const machineId = (await text("/etc/machine-id")).trim();
    return {
      cpus: os.availableParallelism(),
      memoryBytes: os.totalmem(),
      ephemeralStorageBytes: disk.blocks * disk.bsize,
      // A container image may come without one; the name is as stable and distinct as the machine has.
      machineId: machineId || createHash("md5").update(os.hostname()).digest("hex"),
      systemUuid: (await text("/sys/class/dmi/id/product_uuid")).trim() || machineId,
      bootId: (await text("/proc/sys/kernel/random/boot_id")).trim(),
      kernelVersion: os.release(),
      osImage: release.get("PRETTY_NAME") ?? os.version(),
      operatingSystem: os.platform(),
      architecture: goArchitecture(os.arch()),
    };
  }

  async usage(): Promise<HostUsage> {
    const memory = keyedNumbers(await text("/proc/meminfo"));
    const totalBytes = (memory.get("MemTotal") ?? 0) * 1024;
    const availableBytes = (memory.get("MemAvailable") ?? 0) * 1024;
    const faults = keyedNumbers(await text("/proc/vmstat"));
    const pidMax = Number((await text("/proc/sys/kernel/pid_max")).trim());
    // "0.20 0.18 0.12 1/80 11206": the fourth says how many of all threads run.
    const threads = Number((await text("/proc/loadavg")).split(" ")[3]?.split("/")[1]);
    return {
      timestampMs: this.#options.clock.now(),
      cpuUsageCoreNanoSeconds: cpuNanoSeconds(await text("/proc/stat")),
      memoryWorkingSetBytes: totalBytes - availableBytes,
      memoryAvailableBytes: availableBytes,
      memoryUsageBytes: totalBytes - (memory.get("MemFree") ?? 0) * 1024,
      memoryRssBytes: (memory.get("AnonPages") ?? 0) * 1024,
      pageFaults: faults.get("pgfault") ?? 0,
      majorPageFaults: faults.get("pgmajfault") ?? 0,
      ...(pidMax > 0 && threads >= 0 ? { pids: { current: threads, max: pidMax } } : {}),
    };
  }

  async interfaces(pid?: number): Promise<readonly InterfaceUsage[]> {
    return parseNetDev(await text(`/proc/${pid ?? "self"}/net/dev`));
  }

  async bootTimeMs(): Promise<number> {
    return 1000 * (keyedNumbers(await text("/proc/stat")).get("btime") ?? 0);
  }

  async addresses(): Promise<readonly NodeAddress[]> {
    const ips = this.#options.nodeIps ?? [await primaryAddress()];
    return [
      ...ips.map((address) => ({ type: "InternalIP", address })),
      { type: "Hostname", address: this.#options.nodeName },
    ];
  }

  async resolvConf(): ReturnType<HostInfo["resolvConf"]> {
    return parseResolvConf(await text("/etc/resolv.conf"));
  }

  hostsFile(): Promise<string> {
    return text("/etc/hosts");
  }
}

/**
 * The address by which others reach this machine: the source address of its default route, else the first one that is not
 * loopback, else 127.0.0.1.
 */
export async function primaryAddress(): Promise<string> {
  const byRoute = await defaultRouteSource();
  if (byRoute !== undefined) return byRoute;
  const all = Object.values(os.networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find((a) => a.family === "IPv4" && !a.internal)?.address ?? "127.0.0.1";
}

/** Asks the kernel's routing, which sends nothing. Undefined where there is no default route or no `ip`. */
async function defaultRouteSource(): Promise<string | undefined> {
  // An address set aside for documentation: only the default route leads there.
  const answer = await exec("ip", ["-j", "route", "get", "192.0.2.1"]).catch(() => undefined);
  if (answer?.exitCode !== 0) return undefined;
  const routes = JSON.parse(answer.stdout) as readonly { readonly prefsrc?: string; readonly dev?: string }[];
  return routes[0]?.dev === "lo" ? undefined : routes[0]?.prefsrc;
}

/** The lines of `/proc/<pid>/net/dev` but the two of the heading and the loopback interface's. */
export function parseNetDev(content: string): readonly InterfaceUsage[] {
  const out: InterfaceUsage[] = [];
  for (const line of content.split("\n")) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).trim();
    if (colon < 0 || name === "lo") continue;
    const numbers = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/)
      .map(Number);
    const [rxBytes = 0, rxPackets = 0, rxErrors = 0, rxDropped = 0] = numbers;
    const [txBytes = 0, txPackets = 0, txErrors = 0, txDropped = 0] = numbers.slice(8);
    out.push({ name, rxBytes, rxPackets, rxErrors, rxDropped, txBytes, txPackets, txErrors, txDropped });
  }
  return out;
}

export function parseResolvConf(content: string): Awaited<ReturnType<HostInfo["resolvConf"]>> {
  const servers: string[] = [];
  let searches: readonly string[] = [];
  let options: readonly string[] = [];
  for (const line of content.split("\n")) {
    const [keyword, ...values] = line
      .replace(/[#;].*$/, "")
      .trim()
      .split(/\s+/);
    if (keyword === "nameserver" && values[0] !== undefined) servers.push(values[0]);
    // As the resolver has it: the last of these lines counts.
    if (keyword === "search" || keyword === "domain") searches = values;
    if (keyword === "options") options = [...options, ...values];
  }
  return { servers, searches, options };
}

function parseOsRelease(content: string): ReadonlyMap<string, string> {
  const entries = content.split("\n").map((line): readonly [string, string] => {
    const at = line.indexOf("=");
    return [line.slice(0, at), line.slice(at + 1).replace(/^(["'])(.*)\1$/, "$2")];
  });
  return new Map(entries);
}

/** The sum of the first line of `/proc/stat` without idle and waiting time; it counts hundredths of a second. */
function cpuNanoSeconds(stat: string): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (stat.split("\n")[0] ?? "")
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return ((user + nice + system + irq + softirq) * nsPerSecond) / 100;
}

/** Lines `Name:   123 kB` or `name 123`. */
function keyedNumbers(content: string): ReadonlyMap<string, number> {
  return new Map(
    [...content.matchAll(/^(\w+):?\s+(\d+)/gm)].map(([, key = "", value]): readonly [string, number] => [
      key,
      Number(value),
    ]),
  );
}

function goArchitecture(nodeName: string): string {
  const names: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };
  return names[nodeName] ?? nodeName;
}

/** Empty when the file is not there or not for us. */
async function text(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}
