import { existsSync } from "node:fs";
import { readdir, readFile, rm, rmdir } from "node:fs/promises";
import * as path from "node:path";

import type { Clock } from "../component-base/clock.ts";
import type { Logger } from "../component-base/logger.ts";
import type { RuntimeService } from "../cri-api/runtime/v1/services.ts";
import { FileCgroupManager } from "./cgroups/cgroup-manager.ts";
import { detectCgroupVersion } from "./cgroups/cgroup-version.ts";
import { cniResults, cniResultsDirectory, egressTable } from "./cni.ts";
import { containerdPaths } from "./containerd/containerd-process.ts";
import { pidFromFile } from "./containerd/process-file.ts";
import { exec, execChecked } from "./exec.ts";
import { mountsBelow, readMounts } from "./mount-info.ts";
import { existsInterface } from "./node-namespaces.ts";
import { listNodeRoutes, NodeRoutes } from "./node-routes.ts";
import { endProcesses, findProcesses } from "./processes.ts";

/** Everything by which a cluster's traces on this machine are found. */
export interface ClusterTraces {
  /** What it keeps; removed as a whole, last. */
  readonly directories: readonly string[];
  readonly containerdDirectory: string;
  readonly cgroupRoot: string;
  /** The name its pod network has. */
  readonly networkName: string;
  /** The ranges its routes lead to; none where these are in network namespaces that go as a whole. */
  readonly ranges?: { readonly clusterCidr: string; readonly serviceCidr: string };
  /** Our own processes: each file's pid counts when that process was started with `argument`. */
  readonly pidFiles: readonly { readonly path: string; readonly argument: string }[];
  /** nftables tables beside the pod network's own, such as kube-proxy's. */
  readonly nftTables?: readonly { readonly family: string; readonly name: string }[];
  /** Network interfaces it made, other than pods' (which go with the pods). */
  readonly links?: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Leftover {
  readonly kind: string;
  readonly item: string;
}

/** One kind of trace: how to find what is there, and how to be rid of it. */
interface TraceKind {
  readonly name: string;
  readonly list: () => Promise<readonly string[]>;
  readonly remove: (items: readonly string[]) => Promise<void>;
}

const processGraceMs = 10_000;
// Where shims listen: a fixed place that all containerds of a machine share.
const shimSocketDirectory = "/run/containerd/s";

/** What of the cluster is on this machine. Empty after a complete removal. */
export async function listLeftovers(traces: ClusterTraces): Promise<readonly Leftover[]> {
  const found: Leftover[] = [];
  for (const kind of traceKinds(traces)) {
    for (const item of await kind.list()) found.push({ kind: kind.name, item });
  }
  return found;
}

/**
 * Removes all of it, whatever state it is in: running, killed half way, or long gone. Pods are killed, not asked: call
 * `removeAllPods` before for those that should end in order. Throws when something is still there afterwards.
 */
export async function removeLeftovers(traces: ClusterTraces): Promise<void> {
  for (const kind of traceKinds(traces)) {
    const items = await kind.list();
    if (items.length === 0) continue;
    traces.logger.debug("Removing", { kind: kind.name, items });
    await kind.remove(items);
  }
  await removeEmptySharedDirectories();
  const left = await listLeftovers(traces);
  if (left.length === 0) return;
  throw new Error(`could not remove ${left.map(({ kind, item }) => `${kind} ${item}`).join(", ")}`);
}

/** Stops and removes every pod of a runtime, so that containers get their SIGTERM and networks are handed back. */
export async function removeAllPods(runtime: RuntimeService): Promise<void> {
  const containers = await runtime.listContainers({ state: "running" });
  await Promise.allSettled(containers.map(({ id }) => runtime.stopContainer(id, processGraceMs / 1000)));
  for (const { id } of await runtime.listPodSandbox()) {
    await runtime.stopPodSandbox(id);
    await runtime.removePodSandbox(id);
  }
}

/** In the order of removal: what makes things anew goes before the things. */
function traceKinds(traces: ClusterTraces): readonly TraceKind[] {
  const containerd = containerdPaths(traces.containerdDirectory);
  const ownProcesses = [...traces.pidFiles, { path: containerd.pid, argument: containerd.config }];
  const endAll = (graceMs: number) => (pids: readonly string[]) =>
    endProcesses(pids.map(Number), graceMs, traces.clock);
  return [
    {
      name: "process",
      list: async () => {
        const pids = await Promise.all(ownProcesses.map(({ path, argument }) => pidFromFile(path, argument)));
        return pids.filter((pid) => pid !== undefined).map(String);
      },
      remove: endAll(processGraceMs),
    },
    {
      name: "containerd",
      // One whose pid file is gone: its configuration is ours.
      list: async () =>
        (await findProcesses((line) => isProgram(line, "containerd") && line.includes(containerd.config))).map(String),
      remove: endAll(processGraceMs),
    },
    {
      name: "shim",
      list: async () => (await findProcesses((line) => isShimOf(line, containerd.socket))).map(String),
      remove: endAll(0),
    },
    cgroupKind(traces),
    {
      name: "shim socket",
      list: () => shimSockets(traces.containerdDirectory),
      remove: removeFiles,
    },
    {
      name: "mount",
      list: async () => {
        const mounts = await readMounts();
        return traces.directories.flatMap((directory) => mountsBelow(mounts, path.resolve(directory)));
      },
      // Lazily: what still holds a file in one is being killed.
      remove: async (paths) => {
        for (const mountPath of paths) await execChecked("umount", ["--lazy", "--", mountPath]);
      },
    },
    ...(traces.ranges ? [nodeRouteKind(), ...routeKinds(traces.ranges)] : []),
    {
      name: "nftables table",
      list: () => nftTables(traces),
      remove: async (tables) => {
        for (const table of tables) await execChecked("nft", ["delete", "table", ...table.split(" ")]);
      },
    },
    {
      name: "interface",
      list: async () => {
        const present = await Promise.all((traces.links ?? []).map(existsInterface));
        return (traces.links ?? []).filter((_, i) => present[i]);
      },
      remove: async (links) => {
        for (const link of links) await execChecked("ip", ["link", "delete", link]);
      },
    },
    {
      name: "CNI result",
      list: () => cniResults(traces.networkName),
      remove: removeFiles,
    },
    {
      name: "directory",
      list: () => Promise.resolve(traces.directories.filter((directory) => existsSync(directory))),
      remove: async (directories) => {
        for (const directory of directories) await removeDirectory(directory);
      },
    },
  ];
}

function cgroupKind(traces: ClusterTraces): TraceKind {
  const version = detectCgroupVersion();
  if (!version) return { name: "cgroup", list: () => Promise.resolve([]), remove: () => Promise.resolve() };
  const manager = new FileCgroupManager({
    root: traces.cgroupRoot,
    version,
    clock: traces.clock,
    logger: traces.logger,
  });
  // Containers whose shim is gone are found, and killed, here.
  return {
    name: "cgroup",
    list: () => Promise.resolve(manager.rootDirectories()),
    remove: () => manager.removeAll(),
  };
}

/** The ways to other nodes' pods. */
function nodeRouteKind(): TraceKind {
  return {
    name: "route to a node",
    // Fails where there is no such program or family, and then there is no such route.
    list: async () => (await listNodeRoutes().catch(() => [])).map(({ podCidr, nodeIp }) => `${podCidr} via ${nodeIp}`),
    remove: () => new NodeRoutes().sync([]),
  };
}

function routeKinds(ranges: NonNullable<ClusterTraces["ranges"]>): readonly TraceKind[] {
  const routes = [
    ["blackhole", ranges.clusterCidr],
    [ranges.serviceCidr, "dev", "lo"],
  ];
  return routes.map((route) => ({
    name: "route",
    list: async () => {
      const [type, selector] = route[0] === "blackhole" ? [["type", "blackhole"], route.slice(1)] : [[], route];
      // Fails where there is no such program or family, and then there is no such route.
      const { exitCode, stdout } = await exec("ip", ["-j", "route", "show", ...type, "exact", ...selector]).catch(
        () => ({
          exitCode: -1,
          stdout: "",
        }),
      );
      if (exitCode !== 0 || stdout.trim() === "") return [];
      return (JSON.parse(stdout) as readonly object[]).length > 0 ? [route.join(" ")] : [];
    },
    remove: async () => void (await execChecked("ip", ["route", "delete", ...route])),
  }));
}

async function nftTables(traces: ClusterTraces): Promise<readonly string[]> {
  const own = [{ family: "ip", name: egressTable(traces.networkName) }, ...(traces.nftTables ?? [])];
  const { exitCode, stdout } = await exec("nft", ["-j", "list", "tables"]).catch(() => ({ exitCode: -1, stdout: "" }));
  if (exitCode !== 0) return [];
  const { nftables } = JSON.parse(stdout) as {
    readonly nftables: readonly { readonly table?: { readonly family: string; readonly name: string } }[];
  };
  return nftables
    .flatMap(({ table }) => (table ? [table] : []))
    .filter((table) => own.some((o) => o.family === table.family && o.name === table.name))
    .map(({ family, name }) => `${family} ${name}`);
}

/** `containerd-shim-runc-v2 -namespace k8s.io -id … -address <our socket>`. */
function isShimOf(commandLine: readonly string[], socket: string): boolean {
  return isProgram(commandLine, "containerd-shim") && commandLine.includes(socket);
}

function isProgram(commandLine: readonly string[], prefix: string): boolean {
  return path.basename(commandLine[0] ?? "").startsWith(prefix);
}

/** Shims note in their state directory where they listen. */
async function shimSockets(containerdDirectory: string): Promise<readonly string[]> {
  const tasks = `${containerdDirectory}/state/io.containerd.runtime.v2.task/k8s.io`;
  const ids = await readdir(tasks).catch(() => []);
  const addresses = await Promise.all(ids.map((id) => readFile(`${tasks}/${id}/address`, "utf8").catch(() => "")));
  const sockets = addresses.map((address) => address.trim().replace(/^unix:\/\//, ""));
  return [...new Set(sockets)].filter((file) => file.startsWith(`${shimSocketDirectory}/`) && existsSync(file));
}

async function removeFiles(files: readonly string[]): Promise<void> {
  for (const file of files) await rm(file, { force: true });
}

/** Refuses while anything is mounted below: that would delete what is behind the mount. */
async function removeDirectory(directory: string): Promise<void> {
  const mounts = mountsBelow(await readMounts(), path.resolve(directory));
  if (mounts.length > 0) throw new Error(`${directory} has mounts below it: ${mounts.join(", ")}`);
  await rm(directory, { recursive: true, force: true });
}

/** Directories that containerd and libcni share with others of the machine go only when nobody has anything in them. */
async function removeEmptySharedDirectories(): Promise<void> {
  for (const directory of [shimSocketDirectory, "/run/containerd", cniResultsDirectory, "/var/lib/cni"]) {
    await rmdir(directory).catch(() => {});
  }
}
