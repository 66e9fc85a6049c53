import type { PersistentVolume, PersistentVolumeClaim, Pod } from "../../api/core/v1/types.gen.ts";
import { nodes, persistentVolumeClaims, persistentVolumes, pods, storageClasses } from "../../api/resources.gen.ts";
import type { StorageClass } from "../../api/storage/v1/types.gen.ts";
import type { SharedInformer } from "../../client/cache/shared-informer.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import {
  claimNamesOf,
  defaultStorageClass,
  hasStorageClass,
  isClaimedBy,
  legacyProvisionerAnnotation,
  provisionedByAnnotation,
  provisionerAnnotation,
  selectedNodeAnnotation,
  storageClassOf,
} from "../../component-helpers/storage/volume-claims.ts";
import { timestamp } from "../../component-helpers/time.ts";
import type { Controller, ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController } from "../../controller-runtime/reconcile-controller.ts";
import { findVolume, mismatch } from "./volume-matching.ts";

const bindCompleted = "pv.kubernetes.io/bind-completed";
const boundByController = "pv.kubernetes.io/bound-by-controller";
const noProvisioner = "kubernetes.io/no-provisioner";

export const persistentVolumeBinderController: ControllerDescriptor = {
  name: "persistentvolume-binder-controller",
  eventSource: "persistentvolume-controller",
  serviceAccount: "persistent-volume-binder",
  rules: [
    {
      verbs: ["get", "list", "watch", "update", "create", "delete"],
      apiGroups: [""],
      resources: ["persistentvolumes"],
    },
    { verbs: ["get", "list", "watch", "update"], apiGroups: [""], resources: ["persistentvolumeclaims"] },
    { verbs: ["update"], apiGroups: [""], resources: ["persistentvolumes/status", "persistentvolumeclaims/status"] },
    { verbs: ["list", "watch", "get"], apiGroups: [""], resources: ["pods", "nodes"] },
    { verbs: ["get", "list", "watch"], apiGroups: ["storage.k8s.io"], resources: ["storageclasses"] },
    { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
  ],
  create: (context) => new PersistentVolumeBinder(context),
};

/**
 * Binds claims to volumes. A binding is four writes, each of which may be the last before a crash; whoever looks next
 * carries on with what is missing:
 *
 *   volume.claimRef ─> volume Bound ─> claim.volumeName ─> claim Bound
 *
 * The write of claimRef is the decision: it carries the volume's resourceVersion, so that no two claims get one volume.
 * Provisioning is somebody else's: the claim is annotated with the class's provisioner, who creates a volume with
 * claimRef, and deletes it when it is released and to be deleted.
 *
 * Differs from upstream: a claim that waits for its first consumer follows a pod that was put on a node without the
 * scheduler's choice (`nodeName` set by its author), instead of waiting for ever.
 */
class PersistentVolumeBinder implements Controller {
  readonly #context: ControllerContext;
  readonly #claims: SharedInformer<PersistentVolumeClaim>;
  readonly #volumes: SharedInformer<PersistentVolume>;
  readonly #classes: SharedInformer<StorageClass>;
  readonly #pods: SharedInformer<Pod>;
  readonly #claimQueue: ReconcileController;
  readonly #volumeQueue: ReconcileController;

  constructor(context: ControllerContext) {
    const { informers } = context;
    this.#context = context;
    this.#claims = informers.for(persistentVolumeClaims);
    this.#volumes = informers.for(persistentVolumes);
    this.#classes = informers.for(storageClasses);
    this.#pods = informers.for(pods);
    informers.for(nodes);
    // One worker each: a volume given to one claim is not offered to the next.
    this.#claimQueue = new ReconcileController({
      ...context,
      name: "claims",
      workers: 1,
      reconcile: (key, signal) => this.#syncClaim(key, signal),
    });
    this.#volumeQueue = new ReconcileController({
      ...context,
      name: "volumes",
      workers: 1,
      reconcile: (name, signal) => this.#syncVolume(name, signal),
    });
    this.#claimQueue.watch(this.#claims);
    this.#volumeQueue.watch(this.#volumes);
    this.#volumeQueue.watch(this.#claims, ({ spec, metadata }) => [
      ...(spec.volumeName ? [spec.volumeName] : []),
      ...this.#volumes.lister.list().flatMap((volume) => {
        const { claimRef } = volume.spec;
        const isOurs = claimRef?.namespace === metadata.namespace && claimRef.name === metadata.name;
        return isOurs ? [volume.metadata.name] : [];
      }),
    ]);
    this.#claimQueue.watch(this.#volumes, (volume) => this.#claimsFor(volume));
    this.#claimQueue.watch(this.#classes, ({ metadata }) =>
      this.#pending((claim) => storageClassOf(claim) === metadata.name || !hasStorageClass(claim)),
    );
    this.#claimQueue.watch(
      this.#pods,
      (pod) => claimNamesOf(pod).map((name) => `${pod.metadata.namespace}/${name}`),
      (previous, current) => previous.spec.nodeName !== current.spec.nodeName,
    );
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#claimQueue.run(signal), this.#volumeQueue.run(signal)]);
  }

  /** Who may care about the change of a volume: its claim, or whoever waits for one. */
  #claimsFor({ spec: { claimRef }, status, metadata }: PersistentVolume): readonly string[] {
    if (claimRef) return [`${claimRef.namespace ?? ""}/${claimRef.name ?? ""}`];
    return status.phase === "Available"
      ? this.#pending((claim) => (claim.spec.volumeName ?? metadata.name) === metadata.name)
      : [];
  }

  #pending(concerns: (claim: PersistentVolumeClaim) => boolean): readonly string[] {
    return this.#claims.lister
      .list()
      .filter((claim) => claim.status.phase !== "Bound" && concerns(claim))
      .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
  }

  async #syncClaim(key: string, signal: AbortSignal): Promise<void> {
    const claim = this.#claims.lister.getByKey(key);
    if (!claim || (claim.metadata.deletionTimestamp && !claim.spec.volumeName)) return;
    if (claim.metadata.annotations?.[bindCompleted] === undefined) await this.#bindClaim(claim, signal);
    else await this.#checkBound(claim, signal);
  }

  async #bindClaim(claim: PersistentVolumeClaim, signal: AbortSignal): Promise<void> {
    if (claim.spec.volumeName) {
      const volume = this.#volumes.lister.getByKey(claim.spec.volumeName);
      if (!volume) return this.#setClaimPhase(claim, "Pending", signal);
      const problem = volume.spec.claimRef ? undefined : mismatch(volume, claim);
      if (problem !== undefined) {
        const why = `Cannot bind to requested volume "${volume.metadata.name}": ${problem}`;
        this.#context.recorder.event(claim, "Warning", "VolumeMismatch", why);
        return this.#setClaimPhase(claim, "Pending", signal);
      }
      if (!volume.spec.claimRef || isClaimedBy(volume, claim)) return this.#bind(volume, claim, signal);
      const why = `volume "${volume.metadata.name}" already bound to a different claim.`;
      this.#context.recorder.event(claim, "Warning", "FailedBinding", why);
      return this.#setClaimPhase(claim, "Pending", signal);
    }
    const storageClass = this.#classes.lister.getByKey(storageClassOf(claim));
    const waits = storageClass?.volumeBindingMode === "WaitForFirstConsumer";
    const selected = waits ? this.#selectedNode(claim) : undefined;
    const node = selected === undefined ? undefined : this.#context.informers.for(nodes).lister.getByKey(selected);
    const isDelayed = waits && selected === undefined;
    const volume = findVolume(this.#volumes.lister.list(), claim, { isDelayed, node });
    if (volume) return this.#bind(volume, claim, signal);
    if (!hasStorageClass(claim) && (await this.#assignDefaultClass(claim, signal))) return;
    if (isDelayed) this.#reportWaiting(claim);
    else if (storageClassOf(claim) !== "") {
      await this.#requestVolume(claim, storageClass, selected, signal);
      return;
    } else {
      const why = "no persistent volumes available for this claim and no storage class is set";
      this.#context.recorder.event(claim, "Normal", "FailedBinding", why);
    }
    await this.#setClaimPhase(claim, "Pending", signal);
  }

  /** Where the claim's first pod will run: what the scheduler says, or what has happened without it. */
  #selectedNode(claim: PersistentVolumeClaim): string | undefined {
    const chosen = claim.metadata.annotations?.[selectedNodeAnnotation];
    if (chosen) return chosen;
    return this.#podsOf(claim).find((pod) => pod.spec.nodeName)?.spec.nodeName;
  }

  #podsOf({ metadata }: PersistentVolumeClaim): readonly Pod[] {
    return this.#pods.lister.list(metadata.namespace).filter((pod) => claimNamesOf(pod).includes(metadata.name));
  }

  #reportWaiting(claim: PersistentVolumeClaim): void {
    const names = this.#podsOf(claim).map((pod) => pod.metadata.name);
    if (names.length === 0) {
      const why = "waiting for first consumer to be created before binding";
      this.#context.recorder.event(claim, "Normal", "WaitForFirstConsumer", why);
    } else {
      const why = `waiting for pod ${names.sort().join(",")} to be scheduled`;
      this.#context.recorder.event(claim, "Normal", "WaitForPodScheduled", why);
    }
  }

  /** A claim older than the default class gets it now. Its update brings the claim here again. */
  async #assignDefaultClass(claim: PersistentVolumeClaim, signal: AbortSignal): Promise<boolean> {
    const found = defaultStorageClass(this.#classes.lister.list());
    if (!found) return false;
    await this.#context.client
      .resource(persistentVolumeClaims, claim.metadata.namespace)
      .update({ ...claim, spec: { ...claim.spec, storageClassName: found.metadata.name } }, { signal });
    return true;
  }

  /** Tells the class's provisioner, by annotations, that it is its turn. */
  async #requestVolume(
    claim: PersistentVolumeClaim,
    storageClass: StorageClass | undefined,
    node: string | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { recorder, client } = this.#context;
    const name = storageClassOf(claim);
    if (!storageClass) {
      recorder.event(claim, "Warning", "ProvisioningFailed", `storageclass.storage.k8s.io "${name}" not found`);
      return this.#setClaimPhase(claim, "Pending", signal);
    }
    const { provisioner } = storageClass;
    if (provisioner === noProvisioner) return this.#setClaimPhase(claim, "Pending", signal);
    const annotations = {
      ...claim.metadata.annotations,
      [provisionerAnnotation]: provisioner,
      [legacyProvisionerAnnotation]: provisioner,
      ...(node === undefined ? {} : { [selectedNodeAnnotation]: node }),
    };
    if (!semanticEqual(annotations, claim.metadata.annotations)) {
      await client
        .resource(persistentVolumeClaims, claim.metadata.namespace)
        .update({ ...claim, metadata: { ...claim.metadata, annotations } }, { signal });
      return;
    }
    recorder.event(
      claim,
      "Normal",
      "ExternalProvisioning",
      `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`,
    );
    await this.#setClaimPhase(claim, "Pending", signal);
  }

  async #checkBound(claim: PersistentVolumeClaim, signal: AbortSignal): Promise<void> {
    const volume = claim.spec.volumeName ? this.#volumes.lister.getByKey(claim.spec.volumeName) : undefined;
    if (volume && (!volume.spec.claimRef || isClaimedBy(volume, claim))) return this.#bind(volume, claim, signal);
    if (claim.status.phase === "Lost") return;
    if (volume) {
      const why = "Two claims are bound to the same volume, this one is bound incorrectly";
      this.#context.recorder.event(claim, "Warning", "ClaimMisbound", why);
    } else {
      const what = claim.spec.volumeName ? "its PersistentVolume" : "reference to PersistentVolume";
      const why = `Bound claim has lost ${what}. Data on the volume is lost!`;
      this.#context.recorder.event(claim, "Warning", "ClaimLost", why);
    }
    await this.#setClaimPhase(claim, "Lost", signal);
  }

  /** Makes whichever of the four writes are missing. */
  async #bind(volume: PersistentVolume, claim: PersistentVolumeClaim, signal: AbortSignal): Promise<void> {
    const { client } = this.#context;
    const { namespace, name, uid } = claim.metadata;
    let bound = volume;
    if (volume.spec.claimRef?.uid !== uid) {
      const claimRef = {
        ...volume.spec.claimRef,
        kind: "PersistentVolumeClaim",
        apiVersion: "v1",
        namespace,
        name,
        uid,
        resourceVersion: claim.metadata.resourceVersion,
      };
      const metadata = volume.spec.claimRef
        ? volume.metadata
        : { ...volume.metadata, annotations: { ...volume.metadata.annotations, [boundByController]: "yes" } };
      bound = await client
        .resource(persistentVolumes)
        .update({ ...volume, metadata, spec: { ...volume.spec, claimRef } }, { signal });
    }
    await this.#setVolumePhase(bound, "Bound", signal);
    let current = claim;
    const volumeName = volume.metadata.name;
    if (claim.spec.volumeName !== volumeName || claim.metadata.annotations?.[bindCompleted] === undefined) {
      const annotations = {
        ...claim.metadata.annotations,
        [bindCompleted]: "yes",
        ...(claim.spec.volumeName ? {} : { [boundByController]: "yes" }),
      };
      current = await client
        .resource(persistentVolumeClaims, namespace)
        .update(
          { ...claim, metadata: { ...claim.metadata, annotations }, spec: { ...claim.spec, volumeName } },
          { signal },
        );
    }
    const { accessModes, capacity } = bound.spec;
    // A bound claim's capacity is told by whoever makes its volume larger, and not before its file system is.
    const isNew = current.status.phase !== "Bound";
    const status = {
      ...current.status,
      phase: "Bound" as const,
      ...(accessModes ? { accessModes } : {}),
      ...(capacity && isNew ? { capacity } : {}),
    };
    if (semanticEqual(status, current.status)) return;
    await client.resource(persistentVolumeClaims, namespace).updateStatus({ ...current, status }, { signal });
  }

  async #syncVolume(name: string, signal: AbortSignal): Promise<void> {
    const volume = this.#volumes.lister.getByKey(name);
    if (!volume) return;
    const { claimRef } = volume.spec;
    if (!claimRef?.uid) return this.#setVolumePhase(volume, "Available", signal);
    const key = `${claimRef.namespace ?? ""}/${claimRef.name ?? ""}`;
    const claim = this.#claims.lister.getByKey(key);
    if (claim?.metadata.uid === claimRef.uid) {
      if (claim.spec.volumeName === name) return this.#setVolumePhase(volume, "Bound", signal);
      if (!claim.spec.volumeName) return this.#claimQueue.enqueue(key);
      return this.#letGo(volume, signal);
    }
    if (!claim && (await this.#stillExists(claimRef.namespace ?? "", claimRef.name ?? "", claimRef.uid))) {
      return this.#claimQueue.enqueue(key);
    }
    await this.#release(volume, signal);
  }

  /** The cache may not know of a claim yet; what deletes data asks the server. */
  async #stillExists(namespace: string, name: string, uid: string): Promise<boolean> {
    const { items } = await this.#context.client
      .resource(persistentVolumeClaims, namespace)
      .list({ fieldSelector: `metadata.name=${name}` });
    return items.some(({ metadata }) => metadata.uid === uid);
  }

  /** The claim was bound to another volume meanwhile. */
  async #letGo(volume: PersistentVolume, signal: AbortSignal): Promise<void> {
    const { annotations = {} } = volume.metadata;
    if (annotations[provisionedByAnnotation] && volume.spec.persistentVolumeReclaimPolicy === "Delete") {
      return this.#release(volume, signal);
    }
    const { claimRef, ...spec } = volume.spec;
    const { [boundByController]: byController, ...kept } = annotations;
    const { uid: _uid, ...reserved } = claimRef ?? {};
    const next = byController === undefined ? { ...spec, claimRef: reserved } : spec;
    await this.#context.client
      .resource(persistentVolumes)
      .update({ ...volume, metadata: { ...volume.metadata, annotations: kept }, spec: next }, { signal });
  }

  async #release(volume: PersistentVolume, signal: AbortSignal): Promise<void> {
    const { persistentVolumeReclaimPolicy: policy = "Retain" } = volume.spec;
    const isProvisioned = volume.metadata.annotations?.[provisionedByAnnotation] !== undefined;
    // A provisioned volume is its provisioner's to delete, who waits for this phase.
    if (policy === "Retain" || (policy === "Delete" && isProvisioned)) {
      if (volume.status.phase !== "Failed") await this.#setVolumePhase(volume, "Released", signal);
      return;
    }
    const what = policy === "Delete" ? "deletable" : "recyclable";
    const message = `error getting ${policy === "Delete" ? "deleter" : "recycler"} volume plugin for volume "${volume.metadata.name}": no ${what} volume plugin matched`;
    if (volume.status.phase === "Failed") return;
    const reason = policy === "Delete" ? "VolumeFailedDelete" : "VolumeFailedRecycle";
    this.#context.recorder.event(volume, "Warning", reason, message);
    await this.#setVolumePhase(volume, "Failed", signal, message);
  }

  async #setVolumePhase(
    volume: PersistentVolume,
    phase: NonNullable<PersistentVolume["status"]["phase"]>,
    signal: AbortSignal,
    message = "",
  ): Promise<void> {
    if (volume.status.phase === phase && (volume.status.message ?? "") === message) return;
    const status = {
      phase,
      ...(message === "" ? {} : { message }),
      lastPhaseTransitionTime: timestamp(this.#context.clock),
    };
    await this.#context.client.resource(persistentVolumes).updateStatus({ ...volume, status }, { signal });
  }

  async #setClaimPhase(claim: PersistentVolumeClaim, phase: "Lost" | "Pending", signal: AbortSignal): Promise<void> {
    if (claim.status.phase === phase) return;
    await this.#context.client
      .resource(persistentVolumeClaims, claim.metadata.namespace)
      .updateStatus({ ...claim, status: { phase } }, { signal });
  }
}
