import { isAlreadyExists, isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { PersistentVolume, PersistentVolumeClaim } from "../../api/core/v1/types.gen.ts";
import { nodes, persistentVolumeClaims, persistentVolumes, storageClasses } from "../../api/resources.gen.ts";
import type { SharedInformer } from "../../client/cache/shared-informer.ts";
import {
  provisionedByAnnotation,
  provisionerAnnotation,
  selectedNodeAnnotation,
  storageClassOf,
} from "../../component-helpers/storage/volume-claims.ts";
import type { Controller, ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController } from "../../controller-runtime/reconcile-controller.ts";

export const localPathProvisioner = "k8ts.dev/local-path";
const className = "local-path";
const hostNameLabel = "kubernetes.io/hostname";

/**
 * Gives claims of the class `local-path`, the default class of a new cluster, a directory on the node their first pod runs
 * on. The kubelet makes the directory when it mounts it, and removes it when its volume is gone.
 */
export function localPathProvisionerController(directory: string): ControllerDescriptor {
  return {
    name: "local-path-provisioner-controller",
    serviceAccount: "local-path-provisioner",
    rules: [
      { verbs: ["get", "list", "watch", "create", "delete"], apiGroups: [""], resources: ["persistentvolumes"] },
      { verbs: ["get", "list", "watch"], apiGroups: [""], resources: ["persistentvolumeclaims", "nodes"] },
      { verbs: ["get", "list", "watch", "create"], apiGroups: ["storage.k8s.io"], resources: ["storageclasses"] },
      { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
    ],
    create: (context) => new LocalPathProvisioner(context, directory),
  };
}

/** An ordinary provisioner: it sees what the binder says on claims and volumes, as one from outside would. */
class LocalPathProvisioner implements Controller {
  readonly #context: ControllerContext;
  readonly #directory: string;
  readonly #claims: SharedInformer<PersistentVolumeClaim>;
  readonly #volumes: SharedInformer<PersistentVolume>;
  readonly #provisions: ReconcileController;
  readonly #deletions: ReconcileController;

  constructor(context: ControllerContext, directory: string) {
    this.#context = context;
    this.#directory = directory;
    this.#claims = context.informers.for(persistentVolumeClaims);
    this.#volumes = context.informers.for(persistentVolumes);
    context.informers.for(nodes);
    context.informers.for(storageClasses);
    this.#provisions = new ReconcileController({
      ...context,
      name: "local_path_provision",
      reconcile: (key, signal) => this.#provision(key, signal),
    });
    this.#deletions = new ReconcileController({
      ...context,
      name: "local_path_delete",
      reconcile: (name, signal) => this.#delete(name, signal),
    });
    this.#provisions.watch(this.#claims);
    this.#deletions.watch(this.#volumes);
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#ensureClass(signal);
    await Promise.all([this.#provisions.run(signal), this.#deletions.run(signal)]);
  }

  /** Once a start: an administrator may make another class the default, or delete this one until then. */
  async #ensureClass(signal: AbortSignal): Promise<void> {
    const { informers, client, logger } = this.#context;
    if (informers.for(storageClasses).lister.getByKey(className)) return;
    const annotations = { "storageclass.kubernetes.io/is-default-class": "true" };
    try {
      await client.resource(storageClasses).create(
        {
          metadata: { name: className, annotations },
          provisioner: localPathProvisioner,
          reclaimPolicy: "Delete",
          volumeBindingMode: "WaitForFirstConsumer",
        },
        { signal },
      );
    } catch (error) {
      // Claims of other classes need it not, and the next start tries again.
      if (!isAlreadyExists(error) && !signal.aborted) logger.error("the class local-path was not created", { error });
    }
  }

  async #provision(key: string, signal: AbortSignal): Promise<void> {
    const claim = this.#claims.lister.getByKey(key);
    if (!claim || claim.spec.volumeName || claim.metadata.deletionTimestamp) return;
    const { annotations = {}, namespace, name, uid } = claim.metadata;
    if (annotations[provisionerAnnotation] !== localPathProvisioner) return;
    const { informers, client, recorder } = this.#context;
    const fail = (why: string): void => {
      const message = `failed to provision volume with StorageClass "${storageClassOf(claim)}": ${why}`;
      recorder.event(claim, "Warning", "ProvisioningFailed", message);
    };
    const nodeName = annotations[selectedNodeAnnotation];
    if (!nodeName) return fail("configuration error, no node was specified");
    if (claim.spec.volumeMode === "Block") return fail("block volumes are not supported");
    const modes = claim.spec.accessModes ?? [];
    if (!modes.every((mode) => mode === "ReadWriteOnce" || mode === "ReadWriteOncePod")) {
      return fail("Only support ReadWriteOnce access mode");
    }
    const volumeName = `pvc-${uid}`;
    if (this.#volumes.lister.getByKey(volumeName)) return;
    const storageClass = informers.for(storageClasses).lister.getByKey(storageClassOf(claim));
    const hostName = informers.for(nodes).lister.getByKey(nodeName)?.metadata.labels?.[hostNameLabel] ?? nodeName;
    const path = `${this.#directory}/${volumeName}_${namespace}_${name}`;
    try {
      await client.resource(persistentVolumes).create(
        {
          metadata: { name: volumeName, annotations: { [provisionedByAnnotation]: localPathProvisioner } },
          spec: {
            capacity: { storage: claim.spec.resources.requests?.["storage"] ?? "0" },
            accessModes: modes,
            claimRef: { apiVersion: "v1", kind: "PersistentVolumeClaim", namespace, name, uid },
            persistentVolumeReclaimPolicy: storageClass?.reclaimPolicy ?? "Delete",
            storageClassName: storageClassOf(claim),
            volumeMode: "Filesystem",
            hostPath: { path, type: "DirectoryOrCreate" },
            nodeAffinity: {
              required: {
                nodeSelectorTerms: [{ matchExpressions: [{ key: hostNameLabel, operator: "In", values: [hostName] }] }],
              },
            },
          },
        },
        { signal },
      );
    } catch (error) {
      if (isAlreadyExists(error)) return;
      throw error;
    }
    recorder.event(claim, "Normal", "ProvisioningSucceeded", `Successfully provisioned volume ${volumeName}`);
  }

  async #delete(name: string, signal: AbortSignal): Promise<void> {
    const volume = this.#volumes.lister.getByKey(name);
    if (!volume || volume.metadata.deletionTimestamp || volume.status.phase !== "Released") return;
    if (volume.metadata.annotations?.[provisionedByAnnotation] !== localPathProvisioner) return;
    if (volume.spec.persistentVolumeReclaimPolicy !== "Delete") return;
    const { uid, resourceVersion } = volume.metadata;
    try {
      // Only as it was seen: it must not have been given to a claim meanwhile.
      await this.#context.client
        .resource(persistentVolumes)
        .delete(name, { preconditions: { uid, resourceVersion }, signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}
