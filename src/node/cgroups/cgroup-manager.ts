import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import * as path from "node:path";

import { assert } from "../../component-base/assert.ts";
import { sleep, type Clock } from "../../component-base/clock.ts";
import type { Logger } from "../../component-base/logger.ts";
import type { CpuUsage } from "../../cri-api/runtime/v1/types.ts";
import type { CgroupManager, PodCgroupResources, PodCgroupStats, QosClass } from "../../kubelet/ports.ts";
import {
  detectCgroupVersion,
  type CgroupVersion,
  type ControlFileReader,
  type ControlValue,
} from "./cgroup-version.ts";

export interface CgroupManagerOptions {
  /** The group that holds all of a cluster's: `/k8ts-default`. Removing it removes everything the cluster made. */
  readonly root: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What the machine offers unless given. */
  readonly version?: CgroupVersion;
  /** `rmdir` unless given; directories that imitate the kernel's need more. */
  readonly removeDirectory?: (path: string) => void;
}

const qosDirectories: Readonly<Record<QosClass, string>> = {
  Guaranteed: "kubepods",
  Burstable: "kubepods/burstable",
  BestEffort: "kubepods/besteffort",
};
const qosClasses = Object.keys(qosDirectories) as readonly QosClass[];
const sharesPerCpu = 1024;
const sharesMin = 2;
// A killed process leaves its group when the kernel has torn it down; runc's groups vanish meanwhile too.
const removeAttempts = 100;
const removeRetryMs = 10;
// Two readings closer than this give no meaningful rate: the last one is told again.
const rateIntervalMs = 1_000;

interface RateSample {
  readonly usage: CpuUsage;
  readonly usageNanoCores: number | undefined;
}

/**
 * Pod groups below one root group. Control files are the kernel's memory: they are read and written synchronously,
 * which takes microseconds.
 */
export class FileCgroupManager implements CgroupManager {
  readonly #root: string;
  readonly #version: CgroupVersion;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #removeDirectory: (path: string) => void;
  readonly #burstableShares = new Map<string, number>();
  readonly #rates = new Map<string, RateSample>();
  /** The class each pod was last found in, which is where to look first. */
  readonly #classes = new Map<string, QosClass>();
  #podsShares = availableParallelism() * sharesPerCpu;

  constructor(options: CgroupManagerOptions & { readonly version: CgroupVersion }) {
    assert(/^(\/[A-Za-z0-9_.-]+)+$/.test(options.root), `not a control group: ${options.root}`);
    this.#root = options.root;
    this.#version = options.version;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#removeDirectory = options.removeDirectory ?? rmdirSync;
  }

  limitPods(resources: PodCgroupResources): Promise<void> {
    const group = path.join(this.#root.slice(1), qosDirectories.Guaranteed);
    this.#podsShares = resources.cpuShares ?? this.#podsShares;
    this.#create(group);
    const [failure] = this.#write(group, this.#version.limits(resources));
    return failure === undefined ? Promise.resolve() : Promise.reject(failure);
  }

  async ensurePod(podUid: string, qos: QosClass, resources: PodCgroupResources): Promise<string> {
    const group = this.#podGroup(podUid, qos);
    this.#create(group);
    this.#classes.set(podUid, qos);
    this.#write(group, this.#version.limits(resources));
    if (qos === "Burstable") {
      this.#burstableShares.set(podUid, resources.cpuShares ?? sharesMin);
      this.#writeBurstableShares();
    }
    return Promise.resolve(`/${group}`);
  }

  async removePod(podUid: string): Promise<void> {
    for (const qos of this.#classesOf(podUid)) await this.#remove(this.#podGroup(podUid, qos));
    this.#classes.delete(podUid);
    if (this.#burstableShares.delete(podUid)) this.#writeBurstableShares();
    for (const key of this.#rates.keys()) if (key.includes(`/pod${podUid}`)) this.#rates.delete(key);
  }

  /** The directories of the root group that exist, one per hierarchy. */
  rootDirectories(): readonly string[] {
    return this.#version.hierarchies.map((h) => path.join(h, this.#root)).filter((directory) => existsSync(directory));
  }

  /** Removes the root group with everything in it, killing what still runs there. Idempotent. */
  async removeAll(): Promise<void> {
    await this.#remove(this.#root.slice(1));
  }

  listPods(): Promise<readonly string[]> {
    const uids = new Set<string>();
    for (const hierarchy of this.#version.hierarchies) {
      for (const directory of Object.values(qosDirectories)) {
        for (const name of childGroups(path.join(hierarchy, this.#root, directory))) {
          if (name.startsWith("pod")) uids.add(name.slice("pod".length));
        }
      }
    }
    return Promise.resolve([...uids].sort());
  }

  podStats(podUid: string): Promise<PodCgroupStats | undefined> {
    return Promise.resolve(this.#stats(podUid, ""));
  }

  containerStats(podUid: string, containerId: string): Promise<PodCgroupStats | undefined> {
    return Promise.resolve(this.#stats(podUid, containerId));
  }

  allPodsStats(): Promise<PodCgroupStats | undefined> {
    return Promise.resolve(this.#groupStats(path.join(this.#root.slice(1), qosDirectories.Guaranteed)));
  }

  processes(podUid: string, containerId: string): Promise<readonly number[]> {
    for (const qos of this.#classesOf(podUid)) {
      const group = path.join(this.#podGroup(podUid, qos), containerId);
      for (const hierarchy of this.#limitingHierarchies()) {
        const text = tryRead(path.join(hierarchy, group, "cgroup.procs"));
        if (text !== undefined) return Promise.resolve(text.split("\n").filter(Boolean).map(Number));
      }
    }
    return Promise.resolve([]);
  }

  #podGroup(podUid: string, qos: QosClass): string {
    // A uid becomes part of a path: nothing but what the API server lets through may.
    assert(/^[A-Za-z0-9_-]+$/.test(podUid), `not a pod uid: ${podUid}`);
    return path.join(this.#root.slice(1), qosDirectories[qos], `pod${podUid}`);
  }

  /** Makes the group and its parents in the hierarchies that pods are limited by; the runtime makes the others. */
  #create(group: string): void {
    const parts = group.split("/");
    for (let depth = 1; depth <= parts.length; depth++) {
      const ancestor = parts.slice(0, depth).join("/");
      for (const hierarchy of this.#limitingHierarchies()) {
        if (this.#version.delegatedControllers.length > 0) this.#delegate(hierarchy, path.dirname(ancestor));
        mkdirSync(path.join(hierarchy, ancestor), { recursive: true });
      }
      if (ancestor === path.join(this.#root.slice(1), qosDirectories.Guaranteed)) {
        this.#writeShares(ancestor, this.#podsShares);
      }
      if (ancestor === path.join(this.#root.slice(1), qosDirectories.BestEffort))
        this.#writeShares(ancestor, sharesMin);
    }
  }

  #limitingHierarchies(): ReadonlySet<string> {
    const all = (["cpu", "memory", "pids"] as const).map((controller) => this.#version.hierarchyOf(controller));
    return new Set(all.filter((hierarchy) => hierarchy !== undefined));
  }

  /** A controller that cannot be delegated is missing in the group; the limits it would set are then reported. */
  #delegate(hierarchy: string, group: string): void {
    const directory = path.join(hierarchy, group);
    const enabled = tryRead(path.join(directory, "cgroup.subtree_control"))?.trim().split(" ") ?? [];
    for (const controller of this.#version.delegatedControllers) {
      if (enabled.includes(controller)) continue;
      try {
        writeFileSync(path.join(directory, "cgroup.subtree_control"), `+${controller}`);
      } catch (error) {
        this.#logger.debug("Cannot delegate a cgroup controller", { controller, group, error });
      }
    }
  }

  /** Returns what could not be written, which is logged. */
  #write(group: string, values: readonly ControlValue[]): readonly Error[] {
    const failures: Error[] = [];
    for (const { controller, file, value } of values) {
      const hierarchy = this.#version.hierarchyOf(controller);
      if (hierarchy === undefined) continue;
      try {
        writeFileSync(path.join(hierarchy, group, file), value);
      } catch (error) {
        this.#logger.warn("Cannot set a cgroup limit", { group, file, value, error });
        failures.push(new Error(`cannot set ${file} of ${group} to ${value}`, { cause: error }));
      }
    }
    return failures;
  }

  #writeShares(group: string, shares: number): void {
    this.#write(
      group,
      this.#version.limits({ cpuShares: shares }).filter(({ file }) => file === "cpu.shares" || file === "cpu.weight"),
    );
  }

  /** Burstable pods together get what they asked for together. */
  #writeBurstableShares(): void {
    const sum = [...this.#burstableShares.values()].reduce((total, shares) => total + shares, 0);
    this.#writeShares(path.join(this.#root.slice(1), qosDirectories.Burstable), Math.max(sharesMin, sum));
  }

  async #remove(group: string): Promise<void> {
    for (const hierarchy of this.#version.hierarchies) {
      const directory = path.join(hierarchy, group);
      for (let attempt = 0; ; attempt++) {
        const failure = this.#tryRemoveTree(directory);
        if (failure === undefined) break;
        if (attempt >= removeAttempts) throw new Error(`cannot remove control group ${directory}`, { cause: failure });
        killAll(directory);
        await sleep(this.#clock, removeRetryMs);
      }
    }
  }

  /** The first failure other than that it is gone, which the runtime may have seen to meanwhile. */
  #tryRemoveTree(directory: string): unknown {
    for (const child of childGroups(directory)) {
      const failure = this.#tryRemoveTree(path.join(directory, child));
      if (failure !== undefined) return failure;
    }
    try {
      this.#removeDirectory(directory);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") return error;
    }
    return undefined;
  }

  #stats(podUid: string, below: string): PodCgroupStats | undefined {
    for (const qos of this.#classesOf(podUid)) {
      const stats = this.#groupStats(path.join(this.#podGroup(podUid, qos), below));
      if (!stats) continue;
      this.#classes.set(podUid, qos);
      return stats;
    }
    return undefined;
  }

  /** All classes, the likely one first: looking into a group that is not there costs as much as into one that is. */
  #classesOf(podUid: string): readonly QosClass[] {
    const known = this.#classes.get(podUid);
    if (known === undefined) return qosClasses;
    return [known, ...qosClasses.filter((qos) => qos !== known)];
  }

  #groupStats(group: string): PodCgroupStats | undefined {
    const timestampMs = this.#clock.now();
    const cpu = this.#read(group, this.#version.cpuUsage);
    const memory = this.#read(group, this.#version.memoryUsage);
    if (!cpu && !memory) return undefined;
    const pidsHierarchy = this.#version.hierarchyOf("pids");
    const pids = pidsHierarchy === undefined ? undefined : tryRead(path.join(pidsHierarchy, group, "pids.current"));
    return {
      ...(cpu ? { cpu: this.#withRate(group, { timestampMs, ...cpu }) } : {}),
      ...(memory ? { memory: { timestampMs, ...memory } } : {}),
      ...(pids === undefined ? {} : { pids: Number(pids) }),
    };
  }

  #read<T>(group: string, { controller, files, parse }: ControlFileReader<T>): T | undefined {
    const hierarchy = this.#version.hierarchyOf(controller);
    if (hierarchy === undefined) return undefined;
    const texts = files.map((file) => tryRead(path.join(hierarchy, group, file)));
    const present = texts.filter((text) => text !== undefined);
    return present.length === files.length ? parse(present) : undefined;
  }

  /** Adds the rate since the last reading that is old enough. */
  #withRate(group: string, usage: CpuUsage): CpuUsage {
    const last = this.#rates.get(group);
    const elapsedMs = last ? usage.timestampMs - last.usage.timestampMs : 0;
    if (last && elapsedMs < rateIntervalMs && elapsedMs >= 0) {
      return last.usageNanoCores === undefined ? usage : { ...usage, usageNanoCores: last.usageNanoCores };
    }
    const used = last ? usage.usageCoreNanoSeconds - last.usage.usageCoreNanoSeconds : 0;
    const usageNanoCores = last && elapsedMs > 0 && used >= 0 ? Math.round((used / elapsedMs) * 1000) : undefined;
    this.#rates.set(group, { usage, usageNanoCores });
    return usageNanoCores === undefined ? usage : { ...usage, usageNanoCores };
  }
}

/** For machines where groups cannot be made: pods run unlimited in the runtime's own group. */
export class NoCgroupManager implements CgroupManager {
  limitPods(): Promise<void> {
    return Promise.resolve();
  }

  ensurePod(): Promise<string> {
    return Promise.resolve("");
  }

  removePod(): Promise<void> {
    return Promise.resolve();
  }

  listPods(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  podStats(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  containerStats(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  allPodsStats(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  processes(): Promise<readonly number[]> {
    return Promise.resolve([]);
  }
}

/** The manager for this machine. */
export function createCgroupManager(options: CgroupManagerOptions): CgroupManager {
  const version = options.version ?? detectCgroupVersion();
  if (!version) return new NoCgroupManager();
  return new FileCgroupManager({ ...options, version });
}

function childGroups(directory: string): readonly string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    // Gone, as everything in it.
    return [];
  }
}

function killAll(directory: string): void {
  for (const child of childGroups(directory)) killAll(path.join(directory, child));
  for (const pid of tryRead(path.join(directory, "cgroup.procs"))?.split("\n") ?? []) {
    if (!/^[1-9]\d*$/.test(pid)) continue;
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // It ended by itself.
    }
  }
}

function tryRead(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // No such group, or not this controller's.
    return undefined;
  }
}
