import { renderSamples } from "../../component-base/metrics.ts";
import type { VolumeStats } from "../stats/summary.ts";

const families = [
  ["capacity_bytes", "Capacity in bytes of the volume", "capacityBytes"],
  ["available_bytes", "Number of available bytes in the volume", "availableBytes"],
  ["used_bytes", "Number of used bytes in the volume", "usedBytes"],
  ["inodes", "Maximum number of inodes in the volume", "inodes"],
  ["inodes_free", "Number of free inodes in the volume", "inodesFree"],
  ["inodes_used", "Number of used inodes in the volume", "inodesUsed"],
] as const;

/** The part of `/metrics` that tells of the volumes of claims; of one that several pods have once. */
export function volumeMetrics(volumes: readonly VolumeStats[]): string {
  const byClaim = new Map(volumes.flatMap((v) => (v.pvcRef ? [[`${v.pvcRef.namespace}/${v.pvcRef.name}`, v]] : [])));
  return families
    .map(([suffix, help, field]) => {
      const samples = [...byClaim.values()].flatMap(({ pvcRef, [field]: value }) =>
        pvcRef && value !== undefined
          ? [{ labels: { namespace: pvcRef.namespace, persistentvolumeclaim: pvcRef.name }, value }]
          : [],
      );
      return samples.length === 0
        ? ""
        : renderSamples("gauge", `kubelet_volume_stats_${suffix}`, `[ALPHA] ${help}`, samples);
    })
    .join("");
}
