import type { PersistentVolume, PersistentVolumeClaim, Pod } from "../../api/core/v1/types.gen.ts";
import type { VolumeAttributesClass } from "../../api/storage/v1/types.gen.ts";
import { persistentVolumeClaims, persistentVolumes, pods, volumeAttributesClasses } from "../../api/resources.gen.ts";
import type { StoredMeta } from "../../apimachinery/meta/stored-meta.ts";
import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { Input, ResourceType } from "../../apimachinery/resource-type.ts";
import {
  attributesClassProtection,
  claimNameOf,
  claimNamesOf,
  claimProtection,
  volumeProtection,
} from "../../component-helpers/storage/volume-claims.ts";
import type { ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController } from "../../controller-runtime/reconcile-controller.ts";

const events = { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] };

/** Keeps a claim that is deleted until no scheduled pod uses it. */
export const claimProtectionController: ControllerDescriptor = {
  name: "persistentvolumeclaim-protection-controller",
  serviceAccount: "pvc-protection-controller",
  rules: [
    { verbs: ["get", "list", "watch", "update"], apiGroups: [""], resources: ["persistentvolumeclaims"] },
    { verbs: ["get", "list", "watch"], apiGroups: [""], resources: ["pods"] },
    events,
  ],
  create(context) {
    const podInformer = context.informers.for(pods);
    const isUsed = ({ metadata: { namespace, name } }: PersistentVolumeClaim): boolean =>
      podInformer.lister
        .list(namespace)
        // A pod on no node yet holds nothing: kubelets do not start pods whose claims are being deleted.
        .some((pod) => pod.spec.nodeName && heldBy(pod).includes(name));
    const controller = createProtection(context, {
      name: "pvc_protection",
      type: persistentVolumeClaims,
      finalizer: claimProtection,
      isUsed,
    });
    // A pod that ends keeps its claims, as upstream: only its deletion lets go.
    const enqueueClaims = (pod: Pod): void => {
      for (const name of claimNamesOf(pod)) controller.enqueue(`${pod.metadata.namespace}/${name}`);
    };
    podInformer.addEventHandler({
      onUpdate: (previous, pod) => {
        if (isShutDown(pod) && !isShutDown(previous)) enqueueClaims(pod);
      },
      onDelete: enqueueClaims,
    });
    return controller;
  },
};

/**
 * The claims a pod on a node holds. One that its kubelet is done with, and that only finalizers keep, holds those it made
 * no longer: deleted in the foreground, it waits for them to go.
 */
function heldBy(pod: Pod): readonly string[] {
  const volumes = (pod.spec.volumes ?? []).filter((volume) => !(volume.ephemeral && isShutDown(pod)));
  return volumes.flatMap((volume) => claimNameOf(pod, volume) ?? []);
}

function isShutDown({ metadata }: Pod): boolean {
  return metadata.deletionTimestamp !== undefined && metadata.deletionGracePeriodSeconds === 0;
}

/** Keeps a volume that is deleted until no claim is bound to it. */
export const volumeProtectionController: ControllerDescriptor = {
  name: "persistentvolume-protection-controller",
  serviceAccount: "pv-protection-controller",
  rules: [{ verbs: ["get", "list", "watch", "update"], apiGroups: [""], resources: ["persistentvolumes"] }, events],
  create: (context) =>
    createProtection(context, {
      name: "pv_protection",
      type: persistentVolumes,
      finalizer: volumeProtection,
      isUsed: ({ status }) => status.phase === "Bound",
    }),
};

/** Keeps a class of volume attributes that is deleted until no claim and no volume is of it, or on its way to it. */
export const attributesClassProtectionController: ControllerDescriptor = {
  name: "volumeattributesclass-protection-controller",
  serviceAccount: "volumeattributesclass-protection-controller",
  rules: [
    { verbs: ["get", "list", "watch"], apiGroups: [""], resources: ["persistentvolumeclaims"] },
    { verbs: ["get", "list", "watch"], apiGroups: [""], resources: ["persistentvolumes"] },
    {
      verbs: ["get", "list", "watch", "update"],
      apiGroups: ["storage.k8s.io"],
      resources: ["volumeattributesclasses"],
    },
    events,
  ],
  create(context) {
    const claims = context.informers.for(persistentVolumeClaims);
    const volumes = context.informers.for(persistentVolumes);
    const isUsed = ({ metadata: { name } }: VolumeAttributesClass): boolean =>
      claims.lister.list().some((claim) => classesOfClaim(claim).includes(name)) ||
      volumes.lister.list().some((volume) => classesOfVolume(volume).includes(name));
    const controller = createProtection(context, {
      name: "vac_protection",
      type: volumeAttributesClasses,
      finalizer: attributesClassProtection,
      isUsed,
    });
    const enqueue = (names: readonly string[]): void => {
      for (const name of names) controller.enqueue(name);
    };
    claims.addEventHandler({
      onUpdate: (previous) => enqueue(classesOfClaim(previous)),
      onDelete: (claim) => enqueue(classesOfClaim(claim)),
    });
    volumes.addEventHandler({
      onUpdate: (previous) => enqueue(classesOfVolume(previous)),
      onDelete: (volume) => enqueue(classesOfVolume(volume)),
    });
    return controller;
  },
};

function classesOfClaim({ spec, status }: PersistentVolumeClaim): readonly string[] {
  const { currentVolumeAttributesClassName, modifyVolumeStatus } = status;
  return [
    spec.volumeAttributesClassName,
    currentVolumeAttributesClassName,
    modifyVolumeStatus?.targetVolumeAttributesClassName,
  ].filter((name) => name !== undefined);
}

function classesOfVolume({ spec }: PersistentVolume): readonly string[] {
  return spec.volumeAttributesClassName === undefined ? [] : [spec.volumeAttributesClassName];
}

/** Puts the finalizer on what lives, and takes it off what is deleted and not used. */
function createProtection<T extends { readonly metadata: StoredMeta }>(
  context: ControllerContext,
  options: {
    readonly name: string;
    readonly type: ResourceType<T>;
    readonly finalizer: string;
    readonly isUsed: (object: T) => boolean;
  },
): ReconcileController {
  const { type, finalizer, isUsed } = options;
  const informer = context.informers.for(type);
  const reconcile = async (key: string, signal: AbortSignal): Promise<void> => {
    const object = informer.lister.getByKey(key);
    if (!object) return;
    const { finalizers = [], deletionTimestamp, namespace } = object.metadata;
    const has = finalizers.includes(finalizer);
    if (deletionTimestamp ? !has || isUsed(object) : has) return;
    const next = deletionTimestamp ? finalizers.filter((each) => each !== finalizer) : [...finalizers, finalizer];
    // As it was read but for the finalizers, and so complete.
    const changed = { ...object, metadata: { ...object.metadata, finalizers: next } } as unknown as Input<T>;
    try {
      await context.client.resource(type, namespace).update(changed, { signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  };
  const controller = new ReconcileController({ ...context, name: options.name, reconcile });
  controller.watch(informer);
  return controller;
}
