import type { LabelSelector } from "../apimachinery/meta/v1/types.gen.ts";
import type { KubeObject, ResourceType } from "../apimachinery/resource-type.ts";
import type { Pod } from "../api/core/v1/types.gen.ts";
import { objectKey } from "../client/cache/object-key.ts";
import type { SharedInformer } from "../client/cache/shared-informer.ts";
import { labelMatcher } from "../component-helpers/label-selector.ts";
import { semanticEqual } from "../component-helpers/semantic-equal.ts";
import { controllerOf } from "../controller-runtime/controller-ref.ts";
import type { Expectations } from "../controller-runtime/expectations.ts";
import type { ReconcileController } from "../controller-runtime/reconcile-controller.ts";

export interface OwnedPodsOptions<O extends KubeObject> {
  readonly controller: ReconcileController;
  readonly ownerType: ResourceType<O>;
  readonly owners: SharedInformer<O>;
  readonly pods: SharedInformer<Pod>;
  /** Told of creations and deletions as they are seen, by the owner's key. */
  readonly expectations?: Expectations;
  readonly selectorOf: (owner: O) => LabelSelector | null | undefined;
}

/**
 * Enqueues the owner of every pod that changes, and the owners that might adopt a pod without one. A pod counts as
 * deleted from when it is asked to go: its owner need not wait for the kubelet to replace it.
 */
export function watchOwnedPods<O extends KubeObject>(options: OwnedPodsOptions<O>): void {
  const { controller, ownerType, pods, expectations } = options;
  const ownerOf = (pod: Pod): O | undefined => cachedOwner(options.owners, ownerType, pod);
  const enqueueMatching = (orphan: Pod): void => {
    for (const owner of options.owners.lister.list(orphan.metadata.namespace))
      if (labelMatcher(options.selectorOf(owner))(orphan.metadata.labels)) controller.enqueue(objectKey(owner));
  };
  const added = (pod: Pod): void => {
    const owner = ownerOf(pod);
    if (owner) {
      expectations?.creationObserved(objectKey(owner));
      controller.enqueue(objectKey(owner));
    } else if (!controllerOf(pod)) {
      enqueueMatching(pod);
    }
  };
  const deleted = (pod: Pod): void => {
    const owner = ownerOf(pod);
    if (!owner) return;
    expectations?.deletionObserved(objectKey(owner), pod.metadata.uid);
    controller.enqueue(objectKey(owner));
  };
  const updated = (previous: Pod, current: Pod): void => {
    if (current.metadata.deletionTimestamp) {
      deleted(current);
      return;
    }
    const owner = ownerOf(current);
    const before = ownerOf(previous);
    if (before && before !== owner) controller.enqueue(objectKey(before));
    if (owner) {
      controller.enqueue(objectKey(owner));
      return;
    }
    const isRelabelled = !semanticEqual(previous.metadata.labels, current.metadata.labels);
    if (!controllerOf(current) && (isRelabelled || controllerOf(previous))) enqueueMatching(current);
  };
  pods.addEventHandler({
    onAdd: (pod) => (pod.metadata.deletionTimestamp ? deleted(pod) : added(pod)),
    onUpdate: updated,
    onDelete: deleted,
  });
}

/** The cached owner that controls the pod; none when an owner of that name has another UID. */
export function cachedOwner<O extends KubeObject>(
  owners: SharedInformer<O>,
  ownerType: ResourceType<O>,
  pod: Pod,
): O | undefined {
  const ref = controllerOf(pod);
  if (ref?.kind !== ownerType.kind) return undefined;
  const owner = owners.lister.get(pod.metadata.namespace, ref.name);
  return owner?.metadata.uid === ref.uid ? owner : undefined;
}
