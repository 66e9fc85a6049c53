import type { Pod } from "../api/core/v1/types.gen.ts";
import type { SharedInformer } from "../client/cache/shared-informer.ts";
import { controllerOf, type Owned } from "../controller-runtime/controller-ref.ts";

/** Index of objects by the UID of their controller. */
export const byControllerUid = "controller-uid";
/** Index of objects without a controller, by namespace. */
export const orphansByNamespace = "orphans";

/** Adds both indexes: what an owner may claim is found without looking at the whole namespace. */
export function addControllerIndexes<T extends Owned>(informer: SharedInformer<T>): void {
  informer.addIndex(byControllerUid, (object) => {
    const ref = controllerOf(object);
    return ref ? [ref.uid] : [];
  });
  informer.addIndex(orphansByNamespace, (object) => (controllerOf(object) ? [] : [object.metadata.namespace ?? ""]));
}

/** What the owner controls, and what nobody does in its namespace. */
export function claimCandidates<T extends Owned>(informer: SharedInformer<T>, owner: Owned): readonly T[] {
  const { lister } = informer;
  return [
    ...lister.byIndex(byControllerUid, owner.metadata.uid ?? ""),
    ...lister.byIndex(orphansByNamespace, owner.metadata.namespace ?? ""),
  ];
}

/** The pods of several owners, by the owner's UID. */
export function podsOfOwners(informer: SharedInformer<Pod>, owners: readonly Owned[]): readonly Pod[] {
  return owners.flatMap((owner) => informer.lister.byIndex(byControllerUid, owner.metadata.uid ?? ""));
}
