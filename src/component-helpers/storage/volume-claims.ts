import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from "../../api/core/v1/types.gen.ts";
import type { StorageClass } from "../../api/storage/v1/types.gen.ts";
import { newestDefault } from "../newest-default.ts";

export const claimProtection = "kubernetes.io/pvc-protection";
export const volumeProtection = "kubernetes.io/pv-protection";
export const attributesClassProtection = "kubernetes.io/vac-protection";

/** Set by the scheduler: the node a claim that waits for its first consumer is to be provisioned for. */
export const selectedNodeAnnotation = "volume.kubernetes.io/selected-node";
/** On a claim: who is to provision it. */
export const provisionerAnnotation = "volume.kubernetes.io/storage-provisioner";
export const legacyProvisionerAnnotation = "volume.beta.kubernetes.io/storage-provisioner";
/** On a volume: who provisioned it, and so deletes it. */
export const provisionedByAnnotation = "pv.kubernetes.io/provisioned-by";

/** Names the class where `spec.storageClassName` does not: older than that field. */
export const storageClassAnnotation = "volume.beta.kubernetes.io/storage-class";
const defaultAnnotations = [
  "storageclass.kubernetes.io/is-default-class",
  "storageclass.beta.kubernetes.io/is-default-class",
];

/** The class for claims that name none. */
export function defaultStorageClass(classes: readonly StorageClass[]): StorageClass | undefined {
  return newestDefault(classes, defaultAnnotations);
}

/** The class a claim or a volume belongs to; "" for none. */
export function storageClassOf({ metadata, spec }: PersistentVolumeClaim | PersistentVolume): string {
  return metadata.annotations?.[storageClassAnnotation] ?? spec.storageClassName ?? "";
}

/** Whether a class is named, be it the empty one; a claim that names none may be given the default. */
export function hasStorageClass({ metadata, spec }: PersistentVolumeClaim): boolean {
  return metadata.annotations?.[storageClassAnnotation] !== undefined || spec.storageClassName !== undefined;
}

/** The claim that is made for a generic ephemeral volume of the pod. */
export function ephemeralClaimName({ metadata }: Pod, { name }: Volume): string {
  return `${metadata.name}-${name}`;
}

/** The claim a volume of the pod stands for, in the pod's namespace; undefined when it needs none. */
export function claimNameOf(pod: Pod, volume: Volume): string | undefined {
  if (volume.persistentVolumeClaim) return volume.persistentVolumeClaim.claimName;
  return volume.ephemeral ? ephemeralClaimName(pod, volume) : undefined;
}

/** The names of the claims a pod uses, in its namespace. */
export function claimNamesOf(pod: Pod): readonly string[] {
  return (pod.spec.volumes ?? []).flatMap((volume) => claimNameOf(pod, volume) ?? []);
}

/** Whether the volume is this claim's, or reserved for a claim of its name. */
export function isClaimedBy({ spec: { claimRef } }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
  if (!claimRef || claimRef.namespace !== metadata.namespace || claimRef.name !== metadata.name) return false;
  return !claimRef.uid || claimRef.uid === metadata.uid;
}
