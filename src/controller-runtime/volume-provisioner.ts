import type { PersistentVolume, PersistentVolumeClaim, PersistentVolumeSpec } from "../api/core/v1/types.gen.ts";
import { nodes, persistentVolumeClaims, persistentVolumes, storageClasses } from "../api/resources.gen.ts";
import type { StorageClass } from "../api/storage/v1/types.gen.ts";
import { isAlreadyExists, isNotFound } from "../apimachinery/errors/status-error.ts";
import type { Input } from "../apimachinery/resource-type.ts";
import type { SharedInformer } from "../client/cache/shared-informer.ts";
import {
  provisionedByAnnotation,
  provisionerAnnotation,
  selectedNodeAnnotation,
  storageClassOf,
} from "../component-helpers/storage/volume-claims.ts";
import type { Controller, ControllerContext } from "./controller.ts";
import { ReconcileController } from "./reconcile-controller.ts";

/** Why a volume cannot be provisioned; the message is the event's. */
export class ProvisioningError extends Error {
  override readonly name = "ProvisioningError";
  /** Whether trying the same again may help. */
  readonly isTransient: boolean;

  constructor(message: string, options: ErrorOptions & { readonly isTransient?: boolean } = {}) {
    super(message, options);
    this.isTransient = options.isTransient ?? false;
  }
}

export interface ProvisionRequest {
  readonly claim: PersistentVolumeClaim;
  readonly storageClass: StorageClass | undefined;
  /** The node the claim's first pod goes to, where the class waits for that. */
  readonly nodeName: string | undefined;
  /** What the volume is to be called. */
  readonly volumeName: string;
}

export interface VolumeProvisionerOptions {
  /** Who it is on claims and volumes. */
  readonly provisioner: string;
  /** Names its queues. */
  readonly name: string;
  /** Resolves to what differs between provisioners; undefined when the claim is another's. Idempotent. Rejects with ProvisioningError. */
  readonly provision: (request: ProvisionRequest) => Promise<Omit<Input<PersistentVolumeSpec>, "claimRef"> | undefined>;
  /** Resolves to whether the data is gone, so that the volume may go. Idempotent. Without it there is nothing to be done. */
  readonly remove?: (volume: PersistentVolume) => Promise<boolean>;
  /** Called when another provisioner of the same name was first. */
  readonly onLost?: (volume: PersistentVolume) => Promise<void>;
}

/**
 * A provisioner of volumes, as one from outside the cluster would be: it sees what the binder says on claims and volumes.
 * Whoever makes one asks for the informers it needs in addition.
 */
export class VolumeProvisioner implements Controller {
  readonly #context: ControllerContext;
  readonly #options: VolumeProvisionerOptions;
  readonly #claims: SharedInformer<PersistentVolumeClaim>;
  readonly #volumes: SharedInformer<PersistentVolume>;
  readonly #classes: SharedInformer<StorageClass>;
  readonly #provisions: ReconcileController;
  readonly #deletions: ReconcileController;

  constructor(context: ControllerContext, options: VolumeProvisionerOptions) {
    this.#context = context;
    this.#options = options;
    this.#claims = context.informers.for(persistentVolumeClaims);
    this.#volumes = context.informers.for(persistentVolumes);
    this.#classes = context.informers.for(storageClasses);
    context.informers.for(nodes);
    this.#provisions = new ReconcileController({
      ...context,
      name: `${options.name}_provision`,
      reconcile: (key, signal) => this.#provision(key, signal),
    });
    this.#deletions = new ReconcileController({
      ...context,
      name: `${options.name}_delete`,
      reconcile: (name, signal) => this.#delete(name, signal),
    });
    this.#provisions.watch(this.#claims);
    this.#deletions.watch(this.#volumes);
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#provisions.run(signal), this.#deletions.run(signal)]);
  }

  async #provision(key: string, signal: AbortSignal): Promise<void> {
    const claim = this.#claims.lister.getByKey(key);
    if (!claim || claim.spec.volumeName || claim.metadata.deletionTimestamp) return;
    const { annotations = {}, namespace, name, uid } = claim.metadata;
    const { provisioner, provision, onLost } = this.#options;
    if (annotations[provisionerAnnotation] !== provisioner) return;
    const { client, recorder } = this.#context;
    const volumeName = `pvc-${uid}`;
    if (this.#volumes.lister.getByKey(volumeName)) return;
    const storageClass = this.#classes.lister.getByKey(storageClassOf(claim));
    const nodeName = annotations[selectedNodeAnnotation];
    let spec: Omit<Input<PersistentVolumeSpec>, "claimRef"> | undefined;
    try {
      spec = await provision({ claim, storageClass, nodeName, volumeName });
    } catch (error) {
      if (!(error instanceof ProvisioningError)) throw error;
      const message = `failed to provision volume with StorageClass "${storageClassOf(claim)}": ${error.message}`;
      recorder.event(claim, "Warning", "ProvisioningFailed", message);
      if (error.isTransient) throw error;
      return;
    }
    if (!spec) return;
    const volume: Input<PersistentVolume> = {
      metadata: { name: volumeName, annotations: { [provisionedByAnnotation]: provisioner } },
      spec: {
        persistentVolumeReclaimPolicy: storageClass?.reclaimPolicy ?? "Delete",
        storageClassName: storageClassOf(claim),
        volumeMode: "Filesystem",
        ...spec,
        claimRef: { apiVersion: "v1", kind: "PersistentVolumeClaim", namespace, name, uid },
      },
    };
    try {
      await client.resource(persistentVolumes).create(volume, { signal });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      await onLost?.(await client.resource(persistentVolumes).get(volumeName, { signal }));
      return;
    }
    recorder.event(claim, "Normal", "ProvisioningSucceeded", `Successfully provisioned volume ${volumeName}`);
  }

  async #delete(name: string, signal: AbortSignal): Promise<void> {
    const volume = this.#volumes.lister.getByKey(name);
    if (!volume || volume.metadata.deletionTimestamp || volume.status.phase !== "Released") return;
    if (volume.metadata.annotations?.[provisionedByAnnotation] !== this.#options.provisioner) return;
    if (volume.spec.persistentVolumeReclaimPolicy !== "Delete") return;
    const { client, recorder } = this.#context;
    try {
      if (this.#options.remove && !(await this.#options.remove(volume))) return;
    } catch (error) {
      if (error instanceof ProvisioningError) recorder.event(volume, "Warning", "VolumeFailedDelete", error.message);
      throw error;
    }
    const { uid, resourceVersion } = volume.metadata;
    try {
      // Only as it was seen: it must not have been given to a claim meanwhile.
      await client.resource(persistentVolumes).delete(name, { preconditions: { uid, resourceVersion }, signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}
