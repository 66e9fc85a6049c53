import type { PersistentVolume, PersistentVolumeClaim, Pod } from "../../api/core/v1/types.gen.ts";
import type { StorageClass } from "../../api/storage/v1/types.gen.ts";
import { claimNameOf } from "../../component-helpers/storage/volume-claims.ts";
import type { SchedulerListers } from "../framework/listers.ts";

export const selectedNodeAnnotation = "volume.kubernetes.io/selected-node";
const bindCompletedAnnotation = "pv.kubernetes.io/bind-completed";
export const boundByControllerAnnotation = "pv.kubernetes.io/bound-by-controller";

/** A pod's claims by what has to happen to them. */
export interface PodClaims {
  readonly bound: readonly PersistentVolumeClaim[];
  /** To be bound once the pod has a node (WaitForFirstConsumer). */
  readonly delayed: readonly PersistentVolumeClaim[];
  /** Bound by the volume controller without regard to the pod. */
  readonly immediate: readonly PersistentVolumeClaim[];
}

/** The pod's claims, or upstream's text for the first one that cannot be used. */
export function podClaims(pod: Pod, listers: SchedulerListers): PodClaims | string {
  const { namespace, name: podName, uid } = pod.metadata;
  const bound: PersistentVolumeClaim[] = [];
  const delayed: PersistentVolumeClaim[] = [];
  const immediate: PersistentVolumeClaim[] = [];
  for (const volume of pod.spec.volumes ?? []) {
    const name = claimNameOf(pod, volume);
    if (name === undefined) continue;
    const claim = listers.persistentVolumeClaims.get(namespace, name);
    if (!claim) {
      return volume.ephemeral
        ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`
        : `persistentvolumeclaim "${name}" not found`;
    }
    if (claim.status.phase === "Lost") {
      return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec.volumeName ?? ""}"`;
    }
    if (claim.metadata.deletionTimestamp !== undefined) return `persistentvolumeclaim "${name}" is being deleted`;
    if (volume.ephemeral && !claim.metadata.ownerReferences?.some((o) => o.controller === true && o.uid === uid)) {
      return `PVC ${namespace}/${name} was not created for pod ${namespace}/${podName} (pod is not owner)`;
    }
    if (isClaimBound(claim)) bound.push(claim);
    else if (!claim.spec.volumeName && isDelayed(classOf(claim, listers))) delayed.push(claim);
    else immediate.push(claim);
  }
  return { bound, delayed, immediate };
}

/** The volume controller has finished with it. */
export function isClaimBound({ metadata, spec, status }: PersistentVolumeClaim): boolean {
  if (!spec.volumeName) return false;
  return status.phase === "Bound" || metadata.annotations?.[bindCompletedAnnotation] !== undefined;
}

function isDelayed(storageClass: StorageClass | undefined): boolean {
  return storageClass?.volumeBindingMode === "WaitForFirstConsumer";
}

export function classOf(claim: PersistentVolumeClaim, listers: SchedulerListers): StorageClass | undefined {
  const { storageClassName } = claim.spec;
  return storageClassName ? listers.storageClasses.get(undefined, storageClassName) : undefined;
}

/** The volumes of the pod's bound claims; claims that are missing or not bound are passed over. */
export function boundVolumes(pod: Pod, listers: SchedulerListers): readonly PersistentVolume[] {
  return (pod.spec.volumes ?? []).flatMap((volume) => {
    const name = claimNameOf(pod, volume);
    const claim = name === undefined ? undefined : listers.persistentVolumeClaims.get(pod.metadata.namespace, name);
    const volumeName = claim?.spec.volumeName;
    return (volumeName && listers.persistentVolumes.get(undefined, volumeName)) || [];
  });
}
