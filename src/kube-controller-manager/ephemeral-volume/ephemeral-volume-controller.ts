import type { Pod, Volume } from "../../api/core/v1/types.gen.ts";
import { persistentVolumeClaims, pods } from "../../api/resources.gen.ts";
import { objectKey } from "../../client/cache/object-key.ts";
import { errorText } from "../../component-base/logger.ts";
import { claimNamesOf, ephemeralClaimName } from "../../component-helpers/storage/volume-claims.ts";
import { isControlledBy, newControllerRef } from "../../controller-runtime/controller-ref.ts";
import type { ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController } from "../../controller-runtime/reconcile-controller.ts";

export const ephemeralVolumeController: ControllerDescriptor = {
  name: "ephemeral-volume-controller",
  serviceAccount: "ephemeral-volume-controller",
  rules: [
    { verbs: ["get", "list", "watch"], apiGroups: [""], resources: ["pods"] },
    { verbs: ["update"], apiGroups: [""], resources: ["pods/finalizers"] },
    { verbs: ["get", "list", "watch", "create"], apiGroups: [""], resources: ["persistentvolumeclaims"] },
    { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
  ],
  create: createEphemeralVolumeController,
};

const byClaim = "claim";

/** Makes the claims of pods' generic ephemeral volumes, owned by the pod, so that they go with it. Keys are pods. */
function createEphemeralVolumeController(context: ControllerContext): ReconcileController {
  const podInformer = context.informers.for(pods);
  const claimInformer = context.informers.for(persistentVolumeClaims);
  podInformer.addIndex(byClaim, (pod) =>
    hasEphemeral(pod) ? claimNamesOf(pod).map((name) => `${pod.metadata.namespace}/${name}`) : [],
  );

  const makeClaim = async (pod: Pod, volume: Volume, signal: AbortSignal): Promise<void> => {
    const template = volume.ephemeral?.volumeClaimTemplate;
    if (!template) return;
    const { namespace, name: podName } = pod.metadata;
    const name = ephemeralClaimName(pod, volume);
    const present = claimInformer.lister.get(namespace, name);
    if (present) {
      if (isControlledBy(present, pod)) return;
      throw new Error(`PVC ${namespace}/${name} was not created for pod ${namespace}/${podName} (pod is not owner)`);
    }
    const { labels, annotations } = template.metadata ?? {};
    const metadata = {
      name,
      ...(labels ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
      ownerReferences: [newControllerRef(pods, pod)],
    };
    try {
      await context.client
        .resource(persistentVolumeClaims, namespace)
        .create({ metadata, spec: template.spec }, { signal });
    } catch (error) {
      throw new Error(`create PVC ${name}: ${errorText(error)}`, { cause: error });
    }
  };

  const reconcile = async (key: string, signal: AbortSignal): Promise<void> => {
    const pod = podInformer.lister.getByKey(key);
    if (!pod || pod.metadata.deletionTimestamp) return;
    for (const volume of pod.spec.volumes ?? []) {
      try {
        await makeClaim(pod, volume, signal);
      } catch (error) {
        if (!signal.aborted) {
          const message = `ephemeral volume ${volume.name}: ${errorText(error)}`;
          context.recorder.event(pod, "Warning", "FailedBinding", message);
        }
        throw error;
      }
    }
  };

  const controller = new ReconcileController({ ...context, name: "ephemeral_volume", reconcile });
  // Volumes never change: what matters is that the pod is there.
  controller.watch(
    podInformer,
    (pod) => (hasEphemeral(pod) ? [objectKey(pod)] : []),
    () => false,
  );
  claimInformer.addEventHandler({
    onDelete: ({ metadata: { namespace, name } }) => {
      for (const pod of podInformer.lister.byIndex(byClaim, `${namespace}/${name}`)) controller.enqueue(objectKey(pod));
    },
  });
  return controller;
}

function hasEphemeral({ spec: { volumes } }: Pod): boolean {
  return volumes?.some((volume) => volume.ephemeral) ?? false;
}
