import type { Pod } from "../../api/core/v1/types.gen.ts";
import type { Clock } from "../../component-base/clock.ts";
import { isNotExist } from "../../component-base/file-system.ts";
import { errorText, type Logger } from "../../component-base/logger.ts";
import { podUidLabel } from "../../cri-api/runtime/v1/labels.ts";
import type { ImageService, RuntimeService } from "../../cri-api/runtime/v1/services.ts";
import type { CpuUsage, FilesystemUsage, MemoryUsage } from "../../cri-api/runtime/v1/types.ts";
import { isHostNetwork, isTerminalPhase } from "../api/pods.ts";
import { type ContainerRecord, latestContainer, type PodRecord } from "../container/pod-record.ts";
import { podLogDirectory } from "../kuberuntime/sandbox-config.ts";
import type { FileSystemUsage, InterfaceUsage, KubeletPorts, PodCgroupStats } from "../ports.ts";
import { DiskUsageCache } from "./disk-usage-cache.ts";
import type { ContainerStats, FsStats, NetworkStats, PodStats, Summary, VolumeStats } from "./summary.ts";
import { fsStats, preciseTime } from "./fs-stats.ts";
import type { VolumeUsage } from "../../csi/v1/types.ts";
import { volumeStats } from "./volume-stats.ts";

export interface StatsProviderOptions {
  readonly nodeName: string;
  readonly runtime: RuntimeService;
  readonly images: ImageService;
  readonly ports: KubeletPorts;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly rootDirectory: string;
  readonly podLogsDirectory: string;
  readonly pods: () => readonly Pod[];
  /** Of a storage driver's volume; rejects when the driver does not answer. */
  readonly driverUsage?: (podUid: string, volumeName: string) => Promise<readonly VolumeUsage[] | undefined>;
  readonly podRecord: (uid: string) => Promise<PodRecord>;
}

type Usage = Pick<ContainerStats, "cpu" | "memory">;

/** Two readings closer than this give no meaningful rate: the last one is told again. */
const rateIntervalMs = 1_000;

/** What node, pods, containers and volumes use: from control groups, `/proc`, file systems and, for writable layers, the runtime. */
export class StatsProvider {
  readonly #options: StatsProviderOptions;
  readonly #trees: DiskUsageCache;
  readonly #startedMs: number;
  #nodeRate: { readonly atMs: number; readonly total: number; readonly nanoCores: number | undefined } | undefined;

  constructor(options: StatsProviderOptions) {
    this.#options = options;
    this.#trees = new DiskUsageCache(options.ports.disks, options.clock);
    this.#startedMs = options.clock.now();
  }

  /** CPU and memory alone: reads control groups, so it may be asked every few seconds. O(containers). */
  async cpuAndMemory(): Promise<Summary> {
    const pods = await this.#eachPod((pod, record) => this.#podUsage(pod, record));
    return { node: await this.#node(), pods };
  }

  /** Everything. Directories are counted anew only once a minute each. */
  async summary(): Promise<Summary> {
    const { ports, rootDirectory, clock } = this.#options;
    const usage = await ports.host.usage();
    const time = preciseTime(usage.timestampMs);
    const [fs, imageFs, layers] = await Promise.all([
      ports.disks.fileSystem(rootDirectory),
      this.imageFileSystem(),
      this.#writableLayers(),
    ]);
    const network = networkStats(time, await ports.host.interfaces());
    const disk = { node: fs, ...(imageFs ? { image: imageFs } : {}), layers };
    const pods = await this.#eachPod((pod, record) => this.#podStats(pod, record, disk));
    const nodeFs = fsStats(preciseTime(clock.now()), fs);
    return {
      node: {
        ...(await this.#node()),
        ...(network ? { network } : {}),
        fs: nodeFs,
        runtime: imageFs
          ? { imageFs: { ...fsStats(time, imageFs), usedBytes: imageFs.imageUsedBytes }, containerFs: nodeFs }
          : {},
        ...(usage.pids ? { rlimit: { time, maxpid: usage.pids.max, curproc: usage.pids.current } } : {}),
      },
      pods,
    };
  }

  /**
   * How full the file system of the runtime's images is, and what of it images take; undefined when the runtime tells of
   * none, or of one that cannot be looked at from here.
   */
  async imageFileSystem(): Promise<(FileSystemUsage & { readonly imageUsedBytes: number }) | undefined> {
    const { images, ports } = this.#options;
    const [first] = (await images.imageFsInfo()).imageFilesystems;
    if (!first) return undefined;
    try {
      return { ...(await ports.disks.fileSystem(first.mountpoint)), imageUsedBytes: first.usedBytes };
    } catch (error) {
      if (isNotExist(error)) return undefined;
      throw error;
    }
  }

  /** What one pod takes of the node's disk, for limits: container layers and logs by container name, and volumes. */
  async podDisk(pod: Pod, record: PodRecord): Promise<PodStats> {
    const { ports, rootDirectory } = this.#options;
    const node = await ports.disks.fileSystem(rootDirectory);
    return this.#podStats(pod, record, { node, layers: await this.#writableLayers(pod.metadata.uid) });
  }

  /** The volumes of claims; those that cannot be looked at are left out. */
  async claimVolumes(): Promise<readonly VolumeStats[]> {
    const found: VolumeStats[] = [];
    for (const pod of this.#options.pods()) {
      if (!(pod.spec.volumes ?? []).some((volume) => volume.persistentVolumeClaim ?? volume.ephemeral)) continue;
      try {
        const volumes = await this.#volumes(pod, preciseTime(this.#options.clock.now()));
        found.push(...volumes.filter(({ pvcRef }) => pvcRef));
      } catch (error) {
        this.#options.logger.debug("Failed to get volume stats", { pod: pod.metadata.name, error: errorText(error) });
      }
    }
    return found;
  }

  #volumes(pod: Pod, time: string): Promise<readonly VolumeStats[]> {
    const { ports, rootDirectory } = this.#options;
    return volumeStats(pod, {
      directory: `${rootDirectory}/pods/${pod.metadata.uid}`,
      time,
      ports,
      trees: this.#trees,
      driverUsage: (uid, name) => this.#driverUsage(uid, name),
    });
  }

  /** Where its driver tells nothing, a volume is looked at from outside. */
  async #driverUsage(podUid: string, volumeName: string): Promise<readonly VolumeUsage[] | undefined> {
    try {
      return await this.#options.driverUsage?.(podUid, volumeName);
    } catch (error) {
      this.#options.logger.debug("Failed to get a volume's stats", { volume: volumeName, error: errorText(error) });
      return undefined;
    }
  }

  /** The pod's network interfaces, from the namespace of its sandbox's process; none for pods in the host's network. */
  async podInterfaces(pod: Pod, record: PodRecord): Promise<readonly InterfaceUsage[]> {
    const { cgroups, host } = this.#options.ports;
    const sandbox = record.sandboxes.find((s) => s.state === "ready");
    if (!sandbox || isHostNetwork(pod)) return [];
    const [pid] = await cgroups.processes(pod.metadata.uid, sandbox.id);
    return pid === undefined ? [] : host.interfaces(pid);
  }

  async #eachPod(read: (pod: Pod, record: PodRecord) => Promise<PodStats>): Promise<readonly PodStats[]> {
    const { pods, podRecord, logger } = this.#options;
    const living = pods().filter((pod) => !isTerminalPhase(pod.status.phase));
    const all = await Promise.all(
      living.map(async (pod) => {
        try {
          const record = await podRecord(pod.metadata.uid);
          return record.sandboxes.length === 0 ? undefined : await read(pod, record);
        } catch (error) {
          // One pod that cannot be looked at, most likely because it is going, must not hide the others.
          logger.debug("Failed to get pod stats", { pod: pod.metadata.name, error: errorText(error) });
          return undefined;
        }
      }),
    );
    return all.filter((stats) => stats !== undefined);
  }

  async #node(): Promise<Summary["node"]> {
    const { ports, nodeName } = this.#options;
    const usage = await ports.host.usage();
    const time = preciseTime(usage.timestampMs);
    const total = usage.cpuUsageCoreNanoSeconds;
    const nanoCores = this.#nodeNanoCores(usage.timestampMs, total);
    const all = await ports.cgroups.allPodsStats();
    return {
      nodeName,
      startTime: preciseTime(await ports.host.bootTimeMs()),
      cpu: { time, usageCoreNanoSeconds: total, ...(nanoCores === undefined ? {} : { usageNanoCores: nanoCores }) },
      memory: {
        time,
        availableBytes: usage.memoryAvailableBytes,
        usageBytes: usage.memoryUsageBytes,
        workingSetBytes: usage.memoryWorkingSetBytes,
        rssBytes: usage.memoryRssBytes,
        pageFaults: usage.pageFaults,
        majorPageFaults: usage.majorPageFaults,
      },
      ...(all
        ? { systemContainers: [{ name: "pods", startTime: preciseTime(this.#startedMs), ...usageOf(all) }] }
        : {}),
    };
  }

  #nodeNanoCores(atMs: number, total: number): number | undefined {
    const last = this.#nodeRate;
    if (last && atMs - last.atMs < rateIntervalMs) return last.nanoCores;
    const nanoCores = last ? Math.round((1000 * (total - last.total)) / (atMs - last.atMs)) : undefined;
    this.#nodeRate = { atMs, total, nanoCores };
    return nanoCores;
  }

  async #podUsage(pod: Pod, record: PodRecord): Promise<PodStats> {
    const { cgroups } = this.#options.ports;
    const { name, namespace, uid } = pod.metadata;
    const containers = await Promise.all(
      runningContainers(record).map(async (container) => ({
        name: container.name,
        startTime: preciseTime(container.startedAtMs),
        ...usageOf(await cgroups.containerStats(uid, container.id)),
      })),
    );
    const stats = await cgroups.podStats(uid);
    const started = record.sandboxes[0]?.createdAtMs ?? 0;
    return {
      podRef: { name, namespace, uid },
      startTime: preciseTime(started),
      containers,
      ...usageOf(stats),
      ...(stats?.pids === undefined ? {} : { process_stats: { process_count: stats.pids } }),
    };
  }

  async #podStats(pod: Pod, record: PodRecord, disk: Disk): Promise<PodStats> {
    const { podLogsDirectory, clock } = this.#options;
    const time = preciseTime(clock.now());
    const usage = await this.#podUsage(pod, record);
    const logDirectory = podLogDirectory(podLogsDirectory, pod);
    const containers = await Promise.all(
      usage.containers.map(async (container): Promise<ContainerStats> => {
        const layer = disk.layers.get(latestContainer(record, container.name)?.id ?? "");
        const logs = await this.#trees.tree(`${logDirectory}/${container.name}`);
        return {
          ...container,
          logs: { ...fsStats(time, disk.node), ...logs },
          ...(layer
            ? {
                rootfs: {
                  ...fsStats(time, disk.image ?? disk.node),
                  usedBytes: layer.usedBytes,
                  inodesUsed: layer.inodesUsed,
                },
              }
            : {}),
        };
      }),
    );
    const volumes = await this.#volumes(pod, time);
    const network = networkStats(time, await this.podInterfaces(pod, record));
    return {
      ...usage,
      containers,
      ...(network ? { network } : {}),
      ...(volumes.length === 0 ? {} : { volume: volumes }),
      "ephemeral-storage": ephemeralStorage(pod, time, disk.node, containers, volumes),
    };
  }

  /** By container id. The runtime takes milliseconds per container for it, so nothing that runs often asks. */
  async #writableLayers(podUid?: string): Promise<ReadonlyMap<string, FilesystemUsage>> {
    const filter = podUid === undefined ? {} : { labelSelector: { [podUidLabel]: podUid } };
    const list = await this.#options.runtime.listContainerStats(filter);
    return new Map(list.flatMap(({ id, writableLayer }) => (writableLayer ? [[id, writableLayer]] : [])));
  }
}

interface Disk {
  readonly node: FileSystemUsage;
  readonly image?: FileSystemUsage;
  readonly layers: ReadonlyMap<string, FilesystemUsage>;
}

function runningContainers(record: PodRecord): readonly ContainerRecord[] {
  return record.containers.filter((c) => c.state === "running");
}

function usageOf(stats: PodCgroupStats | undefined): Usage {
  return {
    ...(stats?.cpu ? { cpu: timed<CpuUsage>(stats.cpu) } : {}),
    ...(stats?.memory ? { memory: timed<MemoryUsage>(stats.memory) } : {}),
  };
}

function timed<T extends { readonly timestampMs: number }>(
  usage: T,
): { readonly time: string } & Omit<T, "timestampMs"> {
  const { timestampMs, ...rest } = usage;
  return { time: preciseTime(timestampMs), ...rest };
}

/** Undefined without an interface. The default one is `eth0`, or else the first. */
function networkStats(time: string, interfaces: readonly InterfaceUsage[]): NetworkStats | undefined {
  const all = interfaces.map(({ name, rxBytes, rxErrors, txBytes, txErrors }) => ({
    name,
    rxBytes,
    rxErrors,
    txBytes,
    txErrors,
  }));
  const main = all.find(({ name }) => name === "eth0") ?? all[0];
  return main && { time, ...main, interfaces: all };
}

/** Layers, logs and volumes on the node's disk together. Volumes in memory or of a claim are not on it. */
function ephemeralStorage(
  pod: Pod,
  time: string,
  node: FileSystemUsage,
  containers: readonly ContainerStats[],
  volumes: readonly VolumeStats[],
): FsStats {
  const parts: (FsStats | undefined)[] = containers.flatMap(({ rootfs, logs }) => [rootfs, logs]);
  for (const stats of volumes) {
    const volume = pod.spec.volumes?.find(({ name }) => name === stats.name);
    const isLocal =
      volume &&
      !volume.persistentVolumeClaim &&
      !volume.ephemeral &&
      !volume.csi &&
      volume.emptyDir?.medium !== "Memory";
    if (isLocal) parts.push(stats);
  }
  const sum = (field: "usedBytes" | "inodesUsed"): number => parts.reduce((total, p) => total + (p?.[field] ?? 0), 0);
  return { ...fsStats(time, node), usedBytes: sum("usedBytes"), inodesUsed: sum("inodesUsed") };
}
