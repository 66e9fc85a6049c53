import type { NodeAddress } from "../../api/core/v1/types.gen.ts";
import type { Clock } from "../../component-base/clock.ts";
import type { FileSystem } from "../../component-base/file-system.ts";
import type {
  CgroupManager,
  CsiPort,
  DiskInspector,
  FileSystemUsage,
  HostFacts,
  HostInfo,
  HostUsage,
  HttpProbeRequest,
  KubeletPorts,
  Mounter,
  NetworkProber,
  PodCgroupResources,
  PodCgroupStats,
  ProbeResult,
} from "../ports.ts";
import { MemoryFileSystem } from "./memory-file-system.ts";

export interface FakePortsOptions {
  readonly nodeName: string;
  readonly clock: Clock;
  /** `192.0.2.1` unless given. */
  readonly address?: string;
  readonly cpus?: number;
  readonly memoryBytes?: number;
  readonly fileSystem?: FileSystem;
}

/** The operating system of a node that is not there: for simulated nodes and tests. */
export class FakePorts implements KubeletPorts {
  readonly fileSystem: FileSystem;
  readonly cgroups: FakeCgroups;
  readonly mounter: FakeMounter;
  readonly prober = new FakeProber();
  readonly host: HostInfo;
  fetchManifest: NonNullable<KubeletPorts["fetchManifest"]> = () =>
    Promise.reject(new Error("there is nothing to fetch"));
  readonly disks: FakeDisks;
  /** None, unless a test brings some. */
  csi?: CsiPort;
  /** What the machine tells of itself, for tests to change. */
  readonly machine: FakeMachine = { usage: {} };
  readonly #options: FakePortsOptions;

  constructor(options: FakePortsOptions, cgroups = new FakeCgroups(), mounter = new FakeMounter()) {
    this.#options = options;
    this.cgroups = cgroups;
    this.mounter = mounter;
    this.fileSystem = options.fileSystem ?? new MemoryFileSystem();
    this.host = fakeHost(options, this.machine);
    this.disks = new FakeDisks();
  }

  /** A machine of its own with the same files, groups and mounts, on another clock. Its files must be in memory. */
  fork(clock: Clock): FakePorts {
    const { fileSystem } = this;
    if (!(fileSystem instanceof MemoryFileSystem)) throw new TypeError("only files in memory can be forked");
    const options = { ...this.#options, clock, fileSystem: fileSystem.fork() };
    const fork = new FakePorts(options, this.cgroups.fork(), this.mounter.fork());
    fork.prober.answer = this.prober.answer;
    return fork;
  }
}

function fakeHost(options: FakePortsOptions, machine: FakeMachine): HostInfo {
  const facts: HostFacts = {
    cpus: options.cpus ?? 8,
    memoryBytes: options.memoryBytes ?? 16 * 2 ** 30,
    ephemeralStorageBytes: 100 * 2 ** 30,
    machineId: options.nodeName,
    systemUuid: options.nodeName,
    bootId: options.nodeName,
    kernelVersion: "0.0.0-simulated",
    osImage: "Simulated",
    operatingSystem: "linux",
    architecture: "amd64",
  };
  const addresses: readonly NodeAddress[] = [
    { type: "InternalIP", address: options.address ?? "192.0.2.1" },
    { type: "Hostname", address: options.nodeName },
  ];
  return {
    facts: async () => facts,
    addresses: async () => addresses,
    usage: async () => ({
      timestampMs: options.clock.now(),
      cpuUsageCoreNanoSeconds: 0,
      memoryWorkingSetBytes: 0,
      memoryAvailableBytes: facts.memoryBytes,
      memoryUsageBytes: 0,
      memoryRssBytes: 0,
      pageFaults: 0,
      majorPageFaults: 0,
      ...machine.usage,
    }),
    interfaces: async () => [],
    bootTimeMs: async () => 0,
    resolvConf: async () => ({ servers: ["192.0.2.53"], searches: [], options: [] }),
    hostsFile: async () => "127.0.0.1\tlocalhost\n",
  };
}

/** What a fake machine tells of itself beyond what never changes. */
export interface FakeMachine {
  usage: Partial<HostUsage>;
}

/** One file system that is as full as the test says; trees take up what the test says of them. */
export class FakeDisks implements DiskInspector {
  usage: FileSystemUsage = {
    capacityBytes: 100 * 2 ** 30,
    availableBytes: 90 * 2 ** 30,
    usedBytes: 10 * 2 ** 30,
    inodes: 1_000_000,
    inodesFree: 900_000,
  };
  /** By path. */
  readonly trees = new Map<string, { readonly usedBytes: number; readonly inodesUsed: number }>();

  async fileSystem(): Promise<FileSystemUsage> {
    return this.usage;
  }

  async tree(path: string): Promise<{ readonly usedBytes: number; readonly inodesUsed: number }> {
    return this.trees.get(path) ?? { usedBytes: 0, inodesUsed: 0 };
  }
}

/** Remembers the groups there are, and tells the statistics a test gives. */
export class FakeCgroups implements CgroupManager {
  readonly #pods = new Map<string, string>();
  /** What each group was limited to, by pod uid. */
  readonly limits = new Map<string, PodCgroupResources>();
  /** Of containers that no test gives statistics of. */
  meter: { read(containerId: string): Promise<PodCgroupStats | undefined> } | undefined;
  /** By pod uid, and by `uid/container id`. */
  readonly stats = new Map<string, PodCgroupStats>();
  /** What all pods together were limited to. */
  podsLimit: PodCgroupResources | undefined;
  /** Of all pods together, as a test gives it. */
  podsStats: PodCgroupStats | undefined;

  fork(): FakeCgroups {
    const fork = new FakeCgroups();
    for (const [podUid, path] of this.#pods) fork.#pods.set(podUid, path);
    return fork;
  }

  async limitPods(resources: PodCgroupResources): Promise<void> {
    this.podsLimit = resources;
  }

  async ensurePod(podUid: string, qos: string, resources: PodCgroupResources): Promise<string> {
    this.limits.set(podUid, resources);
    const path = qos === "Guaranteed" ? `/kubepods/pod${podUid}` : `/kubepods/${qos.toLowerCase()}/pod${podUid}`;
    this.#pods.set(podUid, path);
    return path;
  }

  async removePod(podUid: string): Promise<void> {
    this.#pods.delete(podUid);
    this.limits.delete(podUid);
  }

  async listPods(): Promise<readonly string[]> {
    return [...this.#pods.keys()];
  }

  async podStats(podUid: string): Promise<PodCgroupStats | undefined> {
    return this.stats.get(podUid);
  }

  async containerStats(podUid: string, containerId: string): Promise<PodCgroupStats | undefined> {
    return this.stats.get(`${podUid}/${containerId}`) ?? (await this.meter?.read(containerId));
  }

  async allPodsStats(): Promise<PodCgroupStats | undefined> {
    return this.podsStats;
  }

  async processes(): Promise<readonly number[]> {
    return [];
  }
}

/** Remembers the mounts there are. */
export class FakeMounter implements Mounter {
  readonly #mounts = new Set<string>();

  fork(): FakeMounter {
    const fork = new FakeMounter();
    for (const path of this.#mounts) fork.#mounts.add(path);
    return fork;
  }

  async mountTmpfs(path: string): Promise<void> {
    this.#mounts.add(path);
  }

  async bind(_: string, target: string): Promise<void> {
    this.#mounts.add(target);
  }

  async bindWithin(_root: string, _path: string, target: string): Promise<void> {
    this.#mounts.add(target);
  }

  async unmount(path: string): Promise<void> {
    this.#mounts.delete(path);
  }

  async isMounted(path: string): Promise<boolean> {
    return this.#mounts.has(path);
  }

  async listBelow(path: string): Promise<readonly string[]> {
    return [...this.#mounts].filter((m) => m === path || m.startsWith(`${path}/`)).sort((a, b) => b.length - a.length);
  }
}

/** Answers probes by a function the test can replace; success unless it is. */
export class FakeProber implements NetworkProber {
  answer: (target: string) => ProbeResult = () => ({ result: "success", output: "ok" });
  /** What was probed, in order. */
  readonly targets: string[] = [];

  async http(request: HttpProbeRequest): Promise<ProbeResult> {
    return this.#ask(`${request.scheme.toLowerCase()}://${request.host}:${request.port}${request.path}`);
  }

  async tcp(host: string, port: number): Promise<ProbeResult> {
    return this.#ask(`tcp://${host}:${port}`);
  }

  async grpc(host: string, port: number, service: string): Promise<ProbeResult> {
    return this.#ask(`grpc://${host}:${port}/${service}`);
  }

  #ask(target: string): ProbeResult {
    this.targets.push(target);
    return this.answer(target);
  }
}
