import type { Node, PersistentVolume, PersistentVolumeClaim } from "../../api/core/v1/types.gen.ts";
import type { CSIDriver, CSIStorageCapacity, StorageClass } from "../../api/storage/v1/types.gen.ts";
import type { Lister } from "../../client/cache/shared-informer.ts";
import { resourceAmount } from "../../component-helpers/resource/pod-requests.ts";
import { nodeSelectorMatcher } from "../../component-helpers/scheduling/node-affinity.ts";
import { selectorOrNothing } from "../cache/pod-affinity-terms.ts";

/** The node can reach the volume. */
export function volumeReachable(volume: PersistentVolume, node: Node): boolean {
  const required = volume.spec.nodeAffinity?.required;
  return !required || nodeSelectorMatcher(required)(node);
}

/**
 * The smallest free volume that serves the claim on the node; one already reserved for the claim (by its claimRef) wins.
 * `isTaken` tells of volumes promised to others in this process.
 */
export function findVolume(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
  node: Node,
  isTaken: (volume: PersistentVolume) => boolean,
): PersistentVolume | undefined {
  let best: PersistentVolume | undefined;
  for (const volume of volumes) {
    if (!serves(volume, claim) || !volumeReachable(volume, node) || isTaken(volume)) continue;
    const { claimRef } = volume.spec;
    if (claimRef) {
      const isOurs = claimRef.namespace === claim.metadata.namespace && claimRef.name === claim.metadata.name;
      if (isOurs && (!claimRef.uid || claimRef.uid === claim.metadata.uid)) return volume;
      continue;
    }
    if (volume.status.phase !== undefined && volume.status.phase !== "Available") continue;
    if (!best || capacityOf(volume) < capacityOf(best)) best = volume;
  }
  return best;
}

/** A volume for the claim can be made for the node by the class's provisioner. */
export function canProvision(storageClass: StorageClass | undefined, node: Node): boolean {
  if (!storageClass?.provisioner || storageClass.provisioner === "kubernetes.io/no-provisioner") return false;
  const { allowedTopologies = [] } = storageClass;
  if (allowedTopologies.length === 0) return true;
  return allowedTopologies.some(({ matchLabelExpressions = [] }) =>
    matchLabelExpressions.every(({ key, values }) => (values ?? []).includes(node.metadata.labels?.[key] ?? "")),
  );
}

/**
 * The node's part of the storage has room for the claim. Storage of a driver that does not say how much it has is
 * endless. O(published capacities).
 */
export function hasRoom(
  claim: PersistentVolumeClaim,
  storageClass: StorageClass,
  node: Node,
  {
    csiDrivers,
    csiStorageCapacities,
  }: { readonly csiDrivers: Lister<CSIDriver>; readonly csiStorageCapacities: Lister<CSIStorageCapacity> },
): boolean {
  const wanted = claim.spec.resources.requests?.["storage"];
  if (wanted === undefined) return true;
  if (csiDrivers.get(undefined, storageClass.provisioner)?.spec.storageCapacity !== true) return true;
  const bytes = amountOf(wanted);
  return csiStorageCapacities
    .list()
    .some(
      (published) =>
        published.storageClassName === storageClass.metadata.name &&
        amountOf(volumeLimit(published)) >= bytes &&
        published.nodeTopology !== undefined &&
        selectorOrNothing(published.nodeTopology).matches(node.metadata.labels),
    );
}

/** How large a volume can be at most; undefined when nothing is said. */
export function volumeLimit({ capacity, maximumVolumeSize }: CSIStorageCapacity): string | undefined {
  return maximumVolumeSize ?? capacity;
}

function serves({ metadata, spec }: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const wanted = claim.spec;
  if (metadata.deletionTimestamp !== undefined) return false;
  if ((spec.storageClassName ?? "") !== (wanted.storageClassName ?? "")) return false;
  if ((spec.volumeMode ?? "Filesystem") !== (wanted.volumeMode ?? "Filesystem")) return false;
  if ((spec.volumeAttributesClassName ?? "") !== (wanted.volumeAttributesClassName ?? "")) return false;
  if (!(wanted.accessModes ?? []).every((mode) => (spec.accessModes ?? []).includes(mode))) return false;
  if (wanted.selector && !selectorOrNothing(wanted.selector).matches(metadata.labels)) return false;
  return amountOf(spec.capacity?.["storage"]) >= amountOf(wanted.resources.requests?.["storage"]);
}

function capacityOf({ spec }: PersistentVolume): number {
  return amountOf(spec.capacity?.["storage"]);
}

export function amountOf(quantity: string | undefined): number {
  return quantity === undefined ? 0 : resourceAmount("storage", quantity);
}
