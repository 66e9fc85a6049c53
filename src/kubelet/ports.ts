import type { NodeAddress } from "../api/core/v1/types.gen.ts";
import type { CpuUsage, LinuxContainerResources, MemoryUsage } from "../cri-api/runtime/v1/types.ts";
import type { CsiNode, PluginRegistration } from "../csi/v1/services.ts";
import type { FileSystem } from "../component-base/file-system.ts";

/**
 * Everything of the operating system the kubelet needs beside the container runtime. A real node implements these over
 * Linux, a simulated one with `testing/fake-ports.ts`.
 */
export interface KubeletPorts {
  readonly fileSystem: FileSystem;
  readonly cgroups: CgroupManager;
  readonly mounter: Mounter;
  readonly prober: NetworkProber;
  readonly host: HostInfo;
  /** Reads the manifest of static pods from an address. Rejects on anything but a 200. */
  readonly fetchManifest?: (url: string) => Promise<Uint8Array>;
  readonly disks: DiskInspector;
  /** Absent where there can be no storage drivers. */
  readonly csi?: CsiPort;
}

export type QosClass = "Guaranteed" | "Burstable" | "BestEffort";

/** What the pod as a whole may use; absent fields are not limited. */
export type PodCgroupResources = Pick<
  LinuxContainerResources,
  "cpuShares" | "cpuQuota" | "cpuPeriod" | "memoryLimitInBytes"
> & { readonly pidsLimit?: number };

export interface PodCgroupStats {
  readonly cpu?: CpuUsage;
  readonly memory?: MemoryUsage;
  readonly pids?: number;
}

/** Pod control groups: `<root>/kubepods/pod<uid>`, `<root>/kubepods/burstable/pod<uid>`, `<root>/kubepods/besteffort/pod<uid>`. */
export interface CgroupManager {
  /** Sets what all pods together may use, in the group that holds theirs. Rejects when the kernel does not take it. */
  limitPods(resources: PodCgroupResources): Promise<void>;
  /** Creates the group (and its parents) or brings its limits up to date; resolves to the sandbox's `cgroupParent`. Idempotent. */
  ensurePod(podUid: string, qos: QosClass, resources: PodCgroupResources): Promise<string>;
  /** Kills what is left in the group and removes it everywhere. Idempotent; absent is fine. */
  removePod(podUid: string): Promise<void>;
  /** The uids of the pods that have a group. */
  listPods(): Promise<readonly string[]>;
  /** Undefined when the pod has no group or the manager keeps no statistics. */
  podStats(podUid: string): Promise<PodCgroupStats | undefined>;
  /** Of one container (or sandbox), by its runtime id; undefined when unknown. */
  containerStats(podUid: string, containerId: string): Promise<PodCgroupStats | undefined>;
  /** Of all pods together; undefined when the manager keeps no statistics. */
  allPodsStats(): Promise<PodCgroupStats | undefined>;
  /** The processes of one container (or sandbox), oldest first; empty when unknown. */
  processes(podUid: string, containerId: string): Promise<readonly number[]>;
}

/** Mounts, in the mount namespace the container runtime shares with the kubelet. Rejects with FileSystemError. */
export interface Mounter {
  /** Mounts a tmpfs at an existing directory. Already mounted is fine. */
  mountTmpfs(path: string, options: { readonly sizeBytes?: number; readonly mode?: number }): Promise<void>;
  /** Binds a file or directory onto an existing one. */
  bind(source: string, target: string, options: { readonly readOnly: boolean }): Promise<void>;
  /**
   * Binds what `path` names within `root` (relative, without links) onto `target`, whose parent is made when it is missing.
   * Directories that are missing are made with `mode`. Rejects with `ELOOP` when a link is on the way by now: nothing
   * outside of the root is touched or bound, whatever somebody does to it meanwhile.
   */
  bindWithin(
    root: string,
    path: string,
    target: string,
    options: { readonly mode: number; readonly readOnly: boolean },
  ): Promise<void>;
  /** Not mounted is fine. */
  unmount(path: string): Promise<void>;
  isMounted(path: string): Promise<boolean>;
  /** Mount points below `path` (and `path` itself), deepest first. */
  listBelow(path: string): Promise<readonly string[]>;
}

/** A probe's answer: `failure` carries upstream's output text, for example `HTTP probe failed with statuscode: 500`. */
export interface ProbeResult {
  readonly result: "success" | "warning" | "failure";
  readonly output: string;
}

export interface HttpProbeRequest {
  readonly scheme: "HTTP" | "HTTPS";
  readonly host: string;
  readonly port: number;
  /** With the query. */
  readonly path: string;
  /** In order, repeated names allowed. `User-Agent` and `Accept` have upstream's defaults unless given. */
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly timeoutMs: number;
  readonly method?: "GET";
}

/** Probes from the node's network namespace. Never rejects: no answer in time is a failure. Certificates are not verified. */
export interface NetworkProber {
  /** Success for 200–399. Follows redirects to the same host; a redirect elsewhere is a warning. */
  http(request: HttpProbeRequest): Promise<ProbeResult>;
  tcp(host: string, port: number, timeoutMs: number): Promise<ProbeResult>;
  /** grpc.health.v1.Health/Check; SERVING is success. */
  grpc(host: string, port: number, service: string, timeoutMs: number): Promise<ProbeResult>;
}

/** What the machine is. */
export interface HostFacts {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly ephemeralStorageBytes: number;
  readonly machineId: string;
  readonly systemUuid: string;
  readonly bootId: string;
  readonly kernelVersion: string;
  /** For example `Debian GNU/Linux 12 (bookworm)`. */
  readonly osImage: string;
  /** GOOS and GOARCH names: `linux`, `amd64`. */
  readonly operatingSystem: string;
  readonly architecture: string;
}

/** What changes while the machine runs. */
export interface HostUsage {
  readonly timestampMs: number;
  readonly cpuUsageCoreNanoSeconds: number;
  readonly memoryWorkingSetBytes: number;
  readonly memoryAvailableBytes: number;
  readonly memoryUsageBytes: number;
  readonly memoryRssBytes: number;
  readonly pageFaults: number;
  readonly majorPageFaults: number;
  readonly pids?: { readonly current: number; readonly max: number };
}

/** One network interface's traffic since it was made. */
export interface InterfaceUsage {
  readonly name: string;
  readonly rxBytes: number;
  readonly rxPackets: number;
  readonly rxErrors: number;
  readonly rxDropped: number;
  readonly txBytes: number;
  readonly txPackets: number;
  readonly txErrors: number;
  readonly txDropped: number;
}

/** How full a file system is. */
export interface FileSystemUsage {
  readonly capacityBytes: number;
  readonly availableBytes: number;
  readonly usedBytes: number;
  /** 0 for file systems that do not count inodes. */
  readonly inodes: number;
  readonly inodesFree: number;
}

/** Reads how full disks and directories are. */
export interface DiskInspector {
  /** Of the file system that holds `path`. Rejects with FileSystemError. */
  fileSystem(path: string): Promise<FileSystemUsage>;
  /** What a file or a tree takes up, other file systems mounted below it left out; absent is nothing. O(files). */
  tree(path: string): Promise<{ readonly usedBytes: number; readonly inodesUsed: number }>;
}

export interface HostInfo {
  facts(): Promise<HostFacts>;
  usage(): Promise<HostUsage>;
  /** Interfaces but the loopback one, in the network namespace of a process, or the node's own; empty when that is gone. */
  interfaces(pid?: number): Promise<readonly InterfaceUsage[]>;
  /** When the machine started, in ms since the epoch. */
  bootTimeMs(): Promise<number>;
  /** The node's InternalIP addresses (primary first) and Hostname. */
  addresses(): Promise<readonly NodeAddress[]>;
  /** The host's resolver configuration, for pods that use the node's DNS. */
  resolvConf(): Promise<{
    readonly servers: readonly string[];
    readonly searches: readonly string[];
    readonly options: readonly string[];
  }>;
  /** The text of the host's /etc/hosts, for pods in the host's network. */
  hostsFile(): Promise<string>;
}

/** Storage drivers and other plugins beside the kubelet, spoken to through sockets. */
export interface CsiPort {
  /** Calls with the sockets in an existing directory at first and whenever these may have changed; resolves when aborted. */
  watchSockets(directory: string, onChange: (sockets: readonly string[]) => void, signal: AbortSignal): Promise<void>;
  /** The plugin that registers at a socket. */
  registration(socket: string): PluginRegistration & AsyncDisposable;
  /** The storage driver at a socket. */
  driver(socket: string): CsiNode & AsyncDisposable;
}
