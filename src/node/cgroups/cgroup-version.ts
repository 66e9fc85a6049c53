import { existsSync, lstatSync, readdirSync } from "node:fs";
import * as path from "node:path";

import type { CpuUsage, MemoryUsage } from "../../cri-api/runtime/v1/types.ts";
import type { PodCgroupResources } from "../../kubelet/ports.ts";

/** A value for a control file, relative to a group's directory in the hierarchy of `controller`. */
export interface ControlValue {
  readonly controller: Controller;
  readonly file: string;
  readonly value: string;
}

export type Controller = "cpu" | "cpuacct" | "cpuset" | "memory" | "pids";

/** What one version of the kernel's interface calls things. The manager's logic is the same over both. */
export interface CgroupVersion {
  readonly name: "v1" | "v2";
  /** The hierarchies' directories; a group is a directory of the same relative path in each. */
  readonly hierarchies: readonly string[];
  /** The hierarchy of a controller; undefined when the kernel or the machine's owner does not offer it. */
  hierarchyOf(controller: Controller): string | undefined;
  /** Limits in the order they must be written. What is absent is lifted. */
  limits(resources: PodCgroupResources): readonly ControlValue[];
  /** Controllers that a group must hand to its children by `cgroup.subtree_control`. */
  readonly delegatedControllers: readonly Controller[];
  readonly cpuUsage: ControlFileReader<Pick<CpuUsage, "usageCoreNanoSeconds">>;
  readonly memoryUsage: ControlFileReader<Omit<MemoryUsage, "timestampMs">>;
}

/** Files of one controller and how to make a reading of their texts. */
export interface ControlFileReader<T> {
  readonly controller: Controller;
  readonly files: readonly string[];
  readonly parse: (texts: readonly string[]) => T;
}

const cpuPeriodDefaultUs = 100_000;
// A limit above this is none: v1 has no word for it and shows the largest page-aligned number.
const unlimitedBytesMin = 2 ** 60;

export function cgroupV1(mountRoot: string, hierarchyNames: readonly string[]): CgroupVersion {
  return {
    name: "v1",
    hierarchies: hierarchyNames.map((name) => path.join(mountRoot, name)),
    // Controllers may share a hierarchy, which is then named after all of them: "cpu,cpuacct".
    hierarchyOf: (controller) => {
      const name = hierarchyNames.find((n) => n.split(",").includes(controller));
      return name === undefined ? undefined : path.join(mountRoot, name);
    },
    limits: (resources) => [
      ...(resources.cpuShares === undefined
        ? []
        : [{ controller: "cpu" as const, file: "cpu.shares", value: String(resources.cpuShares) }]),
      { controller: "cpu", file: "cpu.cfs_period_us", value: String(resources.cpuPeriod ?? cpuPeriodDefaultUs) },
      { controller: "cpu", file: "cpu.cfs_quota_us", value: String(resources.cpuQuota ?? -1) },
      { controller: "memory", file: "memory.limit_in_bytes", value: String(resources.memoryLimitInBytes ?? -1) },
      { controller: "pids", file: "pids.max", value: pidsMax(resources) },
    ],
    delegatedControllers: [],
    cpuUsage: {
      controller: "cpuacct",
      files: ["cpuacct.usage"],
      parse: ([usage = ""]) => ({ usageCoreNanoSeconds: Number(usage) }),
    },
    memoryUsage: {
      controller: "memory",
      files: ["memory.usage_in_bytes", "memory.limit_in_bytes", "memory.stat"],
      parse: ([usage = "", limit = "", stat = ""]) => {
        const of = keyValues(stat);
        return memoryUsage(Number(usage), Number(limit), of("total_inactive_file"), {
          rssBytes: of("total_rss"),
          pageFaults: of("total_pgfault"),
          majorPageFaults: of("total_pgmajfault"),
        });
      },
    },
  };
}

export function cgroupV2(mountRoot: string): CgroupVersion {
  return {
    name: "v2",
    hierarchies: [mountRoot],
    hierarchyOf: () => mountRoot,
    limits: (resources) => [
      ...(resources.cpuShares === undefined
        ? []
        : [{ controller: "cpu" as const, file: "cpu.weight", value: String(cpuWeight(resources.cpuShares)) }]),
      { controller: "cpu", file: "cpu.max", value: cpuMax(resources) },
      { controller: "memory", file: "memory.max", value: memoryMax(resources) },
      { controller: "pids", file: "pids.max", value: pidsMax(resources) },
    ],
    delegatedControllers: ["cpu", "cpuset", "memory", "pids"],
    cpuUsage: {
      controller: "cpu",
      files: ["cpu.stat"],
      parse: ([stat = ""]) => ({ usageCoreNanoSeconds: keyValues(stat)("usage_usec") * 1000 }),
    },
    memoryUsage: {
      controller: "memory",
      files: ["memory.current", "memory.max", "memory.stat"],
      parse: ([usage = "", limit = "", stat = ""]) => {
        const of = keyValues(stat);
        const limitBytes = limit.trim() === "max" ? Number.POSITIVE_INFINITY : Number(limit);
        return memoryUsage(Number(usage), limitBytes, of("inactive_file"), {
          rssBytes: of("anon"),
          pageFaults: of("pgfault"),
          majorPageFaults: of("pgmajfault"),
        });
      },
    },
  };
}

/** What the machine has below `mountRoot`; undefined when control groups are not mounted there. */
export function detectCgroupVersion(mountRoot = "/sys/fs/cgroup"): CgroupVersion | undefined {
  if (existsSync(path.join(mountRoot, "cgroup.controllers"))) return cgroupV2(mountRoot);
  if (!existsSync(mountRoot)) return undefined;
  // Symbolic links are second names of shared hierarchies. A hybrid machine's `unified` counts: groups appear in it too.
  const names = readdirSync(mountRoot).filter(
    (name) =>
      lstatSync(path.join(mountRoot, name)).isDirectory() && existsSync(path.join(mountRoot, name, "cgroup.procs")),
  );
  return names.length > 0 ? cgroupV1(mountRoot, names) : undefined;
}

/** v1 shares (2 … 262144) as v2 weight (1 … 10000): the runtime's own conversion, so that both levels agree. */
export function cpuWeight(shares: number): number {
  const bounded = Math.min(Math.max(shares, 2), 262_144);
  return 1 + Math.floor(((bounded - 2) * 9999) / 262_142);
}

function cpuMax({ cpuQuota, cpuPeriod = cpuPeriodDefaultUs }: PodCgroupResources): string {
  return `${cpuQuota === undefined || cpuQuota < 0 ? "max" : cpuQuota} ${cpuPeriod}`;
}

function memoryMax({ memoryLimitInBytes }: PodCgroupResources): string {
  return memoryLimitInBytes === undefined || memoryLimitInBytes < 0 ? "max" : String(memoryLimitInBytes);
}

function pidsMax({ pidsLimit }: PodCgroupResources): string {
  return pidsLimit === undefined || pidsLimit < 0 ? "max" : String(pidsLimit);
}

/** The working set is what cannot be dropped at once: usage without the page cache nobody used lately. */
function memoryUsage(
  usageBytes: number,
  limitBytes: number,
  inactiveFileBytes: number,
  rest: Pick<MemoryUsage, "rssBytes" | "pageFaults" | "majorPageFaults">,
): Omit<MemoryUsage, "timestampMs"> {
  const workingSetBytes = Math.max(0, usageBytes - inactiveFileBytes);
  const isLimited = limitBytes < unlimitedBytesMin;
  return {
    usageBytes,
    workingSetBytes,
    ...(isLimited ? { availableBytes: Math.max(0, limitBytes - workingSetBytes) } : {}),
    ...rest,
  };
}

/** Looks values up in a file of lines `key value`; 0 when absent. */
function keyValues(text: string): (key: string) => number {
  const values = new Map(text.split("\n").map((line) => line.split(" ") as [string, string]));
  return (key) => Number(values.get(key) ?? 0);
}
