import type { Pod, Volume } from "../../api/core/v1/types.gen.ts";
import type { VolumeUsage } from "../../csi/v1/types.ts";
import type { FileSystem } from "../../component-base/file-system.ts";
import type { KubeletPorts } from "../ports.ts";
import type { DiskUsageCache } from "./disk-usage-cache.ts";
import { fsStats } from "./fs-stats.ts";
import type { VolumeStats } from "./summary.ts";

export interface VolumeStatsOptions {
  /** The pod's, which holds `volumes/<plugin>/<volume>`. */
  readonly directory: string;
  readonly time: string;
  readonly ports: Pick<KubeletPorts, "disks" | "fileSystem" | "mounter">;
  readonly trees: DiskUsageCache;
  /** Of a volume of a storage driver, as that tells; undefined for others. */
  readonly driverUsage: (podUid: string, volumeName: string) => Promise<readonly VolumeUsage[] | undefined>;
}

/**
 * What each volume of the pod holds. One that is a file system of its own tells how full that is, any other what its
 * files take up. `hostPath` volumes are the host's, and are not counted.
 */
export async function volumeStats(pod: Pod, options: VolumeStatsOptions): Promise<readonly VolumeStats[]> {
  const volumes = (pod.spec.volumes ?? []).filter((volume) => !volume.hostPath);
  if (volumes.length === 0) return [];
  const paths = await volumePaths(options.ports.fileSystem, `${options.directory}/volumes`);
  const stats = await Promise.all(
    volumes.map(async (volume): Promise<VolumeStats | undefined> => {
      const path = paths.get(volume.name);
      if (path === undefined) return undefined;
      const told = await options.driverUsage(pod.metadata.uid, volume.name);
      const stats = told ? driverStats(options.time, told) : await oneVolume(path, options);
      return { ...stats, ...identity(pod, volume) };
    }),
  );
  return stats.filter((s) => s !== undefined);
}

/** By volume name: names are unique in a pod, and each volume lies below the directory of its plugin. */
async function volumePaths(fileSystem: FileSystem, root: string): Promise<ReadonlyMap<string, string>> {
  const paths = new Map<string, string>();
  if ((await fileSystem.stat(root)) === undefined) return paths;
  for (const plugin of await fileSystem.list(root)) {
    for (const name of await fileSystem.list(`${root}/${plugin}`)) paths.set(name, `${root}/${plugin}/${name}`);
  }
  return paths;
}

async function oneVolume(path: string, { time, ports, trees }: VolumeStatsOptions): Promise<Omit<VolumeStats, "name">> {
  const usage = fsStats(time, await ports.disks.fileSystem(path));
  return (await ports.mounter.isMounted(path)) ? usage : { ...usage, ...(await trees.tree(path)) };
}

function driverStats(time: string, usage: readonly VolumeUsage[]): Omit<VolumeStats, "name"> {
  const bytes = usage.find(({ unit }) => unit === "BYTES");
  const inodes = usage.find(({ unit }) => unit === "INODES");
  return {
    time,
    ...(bytes ? { availableBytes: bytes.available, capacityBytes: bytes.total, usedBytes: bytes.used } : {}),
    ...(inodes ? { inodesFree: inodes.available, inodes: inodes.total, inodesUsed: inodes.used } : {}),
  };
}

function identity(pod: Pod, { name, persistentVolumeClaim, ephemeral }: Volume): Pick<VolumeStats, "name" | "pvcRef"> {
  const claim = persistentVolumeClaim?.claimName ?? (ephemeral ? `${pod.metadata.name}-${name}` : undefined);
  const { namespace } = pod.metadata;
  return { name, ...(claim === undefined ? {} : { pvcRef: { name: claim, namespace } }) };
}
