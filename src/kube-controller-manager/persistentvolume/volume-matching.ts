import type { Node, PersistentVolume, PersistentVolumeClaim } from "../../api/core/v1/types.gen.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import { labelMatcher } from "../../component-helpers/label-selector.ts";
import { nodeSelectorMatcher } from "../../component-helpers/scheduling/node-affinity.ts";
import { isClaimedBy, storageClassOf } from "../../component-helpers/storage/volume-claims.ts";

/**
 * The volume a claim should be bound to: one reserved for it, or else the smallest that satisfies it, and, when a node was
 * selected, can be used there. Ties go to the first by name. `isDelayed` leaves all but reserved ones alone.
 */
export function findVolume(
  volumes: readonly PersistentVolume[],
  claim: PersistentVolumeClaim,
  options: { readonly isDelayed: boolean; readonly node: Node | undefined },
): PersistentVolume | undefined {
  const asked = requestOf(claim);
  const matchesLabels = claim.spec.selector ? labelMatcher(claim.spec.selector) : () => true;
  const fits = (volume: PersistentVolume): boolean =>
    !volume.spec.claimRef &&
    volume.status.phase === "Available" &&
    volume.metadata.deletionTimestamp === undefined &&
    storageClassOf(volume) === storageClassOf(claim) &&
    mismatch(volume, claim) === undefined &&
    matchesLabels(volume.metadata.labels) &&
    isReachable(volume, options.node);
  const reserved = volumes.find((volume) => volume.spec.claimRef && isClaimedBy(volume, claim));
  if (reserved && capacityOf(reserved).compare(asked) >= 0) return reserved;
  if (options.isDelayed) return undefined;
  const [best] = volumes
    .filter(fits)
    .sort((a, b) => capacityOf(a).compare(capacityOf(b)) || (a.metadata.name < b.metadata.name ? -1 : 1));
  return best;
}

/** Why the volume cannot serve the claim, in the event's words; undefined when it can. */
export function mismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  if (capacityOf(volume).compare(requestOf(claim)) < 0) return "requested PV is too small";
  if (storageClassOf(volume) !== storageClassOf(claim)) return "storageClassName does not match";
  const mode = (of: PersistentVolume | PersistentVolumeClaim): string => of.spec.volumeMode ?? "Filesystem";
  if (mode(volume) !== mode(claim)) return "incompatible volumeMode";
  const offered = new Set<string>(volume.spec.accessModes);
  return (claim.spec.accessModes ?? []).every((each) => offered.has(each)) ? undefined : "incompatible accessMode";
}

function isReachable({ spec }: PersistentVolume, node: Node | undefined): boolean {
  const required = spec.nodeAffinity?.required;
  return !node || !required || nodeSelectorMatcher(required)(node);
}

function capacityOf({ spec }: PersistentVolume): Quantity {
  return Quantity.parse(spec.capacity?.["storage"] ?? "0");
}

function requestOf({ spec }: PersistentVolumeClaim): Quantity {
  return Quantity.parse(spec.resources?.requests?.["storage"] ?? "0");
}
