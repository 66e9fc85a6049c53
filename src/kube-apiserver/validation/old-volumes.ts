import type { FieldPath } from "../../apimachinery/validation/field-path.ts";

const oldVolumes: readonly (readonly [kind: string, why: string])[] = [
  ["photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"],
  ["gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"],
  ["scaleIO", "deprecated in v1.16, non-functional in v1.22+"],
  ["flocker", "deprecated in v1.22, non-functional in v1.25+"],
  ["storageos", "deprecated in v1.22, non-functional in v1.25+"],
  ["quobyte", "deprecated in v1.22, non-functional in v1.25+"],
  ["glusterfs", "deprecated in v1.25, non-functional in v1.26+"],
  ["cephfs", "deprecated in v1.28, non-functional in v1.31+"],
  ["rbd", "deprecated in v1.28, non-functional in v1.31+"],
];

/** Upstream's names of two of them in its texts. */
const volumeFieldNames: Readonly<Record<string, string>> = { storageos: "storageOS" };

/** What is told of kinds of volumes that are no longer, or will not stay, of a pod or a persistent volume. */
export function oldVolumeWarnings(volume: object, at: FieldPath): readonly string[] {
  return oldVolumes
    .filter(([kind]) => kind in volume)
    .map(([kind, why]) => `${at.child(volumeFieldNames[kind] ?? kind).toString()}: ${why}`);
}
