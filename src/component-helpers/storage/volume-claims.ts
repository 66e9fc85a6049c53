import type { PersistentVolume, PersistentVolumeClaim, Pod } from "../../api/core/v1/types.gen.ts";
import type { StorageClass } from "../../api/storage/v1/types.gen.ts";

export const claimProtection = "kubernetes.io/pvc-protection";
export const volumeProtection = "kubernetes.io/pv-protection";

/** Set by the scheduler: the node a claim that waits for its first consumer is to be provisioned for. */
export const selectedNodeAnnotation = "volume.kubernetes.io/selected-node";
/** On a claim: who is to provision it. */
export const provisionerAnnotation = "volume.kubernetes.io/storage-provisioner";
export const legacyProvisionerAnnotation = "volume.beta.kubernetes.io/storage-provisioner";
/** On a volume: who provisioned it, and so deletes it. */
export const provisionedByAnnotation = "pv.kubernetes.io/provisioned-by";

const classAnnotation = "volume.beta.kubernetes.io/storage-class";
const defaultAnnotations = [
  "storageclass.kubernetes.io/is-default-class",
  "storageclass.beta.kubernetes.io/is-default-class",
];

/** Of several defaults the newest, then the first by name. */
export function defaultStorageClass(classes: readonly StorageClass[]): StorageClass | undefined {
  const age = ({ metadata }: StorageClass): number => Date.parse(metadata.creationTimestamp ?? "") || 0;
  const [first] = classes
    .filter(({ metadata }) => defaultAnnotations.some((key) => metadata.annotations?.[key] === "true"))
    .sort((a, b) => age(b) - age(a) || (a.metadata.name < b.metadata.name ? -1 : 1));
  return first;
}

/** The class a claim or a volume belongs to; "" for none. */
export function storageClassOf({ metadata, spec }: PersistentVolumeClaim | PersistentVolume): string {
  return metadata.annotations?.[classAnnotation] ?? spec.storageClassName ?? "";
}

/** The names of the claims a pod uses, in its namespace. Those of ephemeral volumes are named after pod and volume. */
export function claimNamesOf({ metadata, spec }: Pod): readonly string[] {
  return (spec.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim) return [persistentVolumeClaim.claimName];
    return ephemeral ? [`${metadata.name}-${name}`] : [];
  });
}

/** Whether the volume is this claim's, or reserved for a claim of its name. */
export function isClaimedBy({ spec: { claimRef } }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
  if (!claimRef || claimRef.namespace !== metadata.namespace || claimRef.name !== metadata.name) return false;
  return !claimRef.uid || claimRef.uid === metadata.uid;
}
