import type {
  AttachedVolume,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
} from "../../api/core/v1/types.gen.ts";
import {
  csiDrivers,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  volumeAttachments,
} from "../../api/resources.gen.ts";
import { isAlreadyExists, isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { CSIDriver, VolumeAttachment } from "../../api/storage/v1/types.gen.ts";
import type { SharedInformer } from "../../client/cache/shared-informer.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import { attachmentName, isMultiAttachable, uniqueVolumeName } from "../../component-helpers/storage/csi-volumes.ts";
import { claimNamesOf, isClaimedBy } from "../../component-helpers/storage/volume-claims.ts";
import type { Controller, ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController, type ReconcileResult } from "../../controller-runtime/reconcile-controller.ts";

const byNode = "attach-detach-node";
const byVolume = "attach-detach-volume";
const managedAnnotation = "volumes.kubernetes.io/controller-managed-attach-detach";
const outOfService = "node.kubernetes.io/out-of-service";
// Upstream's --attach-detach maxWaitForUnmountDuration: an unhealthy node has this long to unmount.
const unmountWaitMs = 6 * 60_000;

const read = ["get", "list", "watch"];

export const attachDetachController: ControllerDescriptor = {
  name: "persistentvolume-attach-detach-controller",
  eventSource: "attachdetach-controller",
  serviceAccount: "attachdetach-controller",
  rules: [
    { verbs: ["list", "watch"], apiGroups: [""], resources: ["persistentvolumes", "persistentvolumeclaims"] },
    { verbs: read, apiGroups: [""], resources: ["nodes"] },
    { verbs: ["patch", "update"], apiGroups: [""], resources: ["nodes/status"] },
    { verbs: ["list", "watch"], apiGroups: [""], resources: ["pods"] },
    { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
    { verbs: [...read, "create", "delete"], apiGroups: ["storage.k8s.io"], resources: ["volumeattachments"] },
    { verbs: read, apiGroups: ["storage.k8s.io"], resources: ["csidrivers", "csinodes"] },
  ],
  create: (context) => new AttachDetachController(context),
};

interface Desired {
  readonly volume: PersistentVolume;
  readonly pods: readonly Pod[];
}

/**
 * Has the volumes of pods attached to their nodes, by VolumeAttachments that the drivers' attachers carry out. One node
 * at a time: the pods there say what should be attached, the VolumeAttachments what is.
 *
 * A volume is detached once its node does not use it any more. Two parties write that down: the kubelet names a volume in
 * `volumesInUse` before it looks whether it is in `volumesAttached`; this controller takes it out of `volumesAttached`
 * before it looks, in the answer to that very write, whether it is in `volumesInUse`. Whichever write comes second sees
 * the other's. A node that is not healthy is waited for six minutes, one that is out of service not at all.
 */
class AttachDetachController implements Controller {
  readonly #context: ControllerContext;
  readonly #pods: SharedInformer<Pod>;
  readonly #nodes: SharedInformer<Node>;
  readonly #claims: SharedInformer<PersistentVolumeClaim>;
  readonly #volumes: SharedInformer<PersistentVolume>;
  readonly #drivers: SharedInformer<CSIDriver>;
  readonly #attachments: SharedInformer<VolumeAttachment>;
  readonly #queue: ReconcileController;
  /** When a volume that is in use was first not wanted any more, by attachment. */
  readonly #unwantedSinceMs = new Map<string, number>();
  /** The attachments whose success is still to be told, and what failure was told last. */
  readonly #untold = new Set<string>();
  readonly #toldErrors = new Map<string, string>();
  readonly #toldMultiAttach = new Set<string>();

  constructor(context: ControllerContext) {
    this.#context = context;
    const { informers } = context;
    this.#pods = informers.for(pods);
    this.#nodes = informers.for(nodes);
    this.#claims = informers.for(persistentVolumeClaims);
    this.#volumes = informers.for(persistentVolumes);
    this.#drivers = informers.for(csiDrivers);
    this.#attachments = informers.for(volumeAttachments);
    this.#pods.addIndex(byNode, ({ spec }) => (spec.nodeName ? [spec.nodeName] : []));
    this.#pods.addIndex(byVolume, (pod) => claimNamesOf(pod).map((name) => `${pod.metadata.namespace}/${name}`));
    this.#attachments.addIndex(byNode, ({ spec }) => [spec.nodeName]);
    this.#attachments.addIndex(byVolume, ({ spec }) => [spec.source.persistentVolumeName ?? ""]);
    this.#queue = new ReconcileController({
      ...context,
      name: "attach_detach",
      reconcile: (nodeName, signal) => this.#reconcile(nodeName, signal),
    });
    this.#queue.watch(this.#pods, (pod) => (claimNamesOf(pod).length > 0 ? nodeOf(pod) : []));
    this.#queue.watch(
      this.#nodes,
      ({ metadata }) => [metadata.name],
      (previous, current) =>
        !semanticEqual(previous.status?.volumesInUse, current.status?.volumesInUse) ||
        !semanticEqual(previous.status?.volumesAttached, current.status?.volumesAttached) ||
        !semanticEqual(previous.spec?.taints, current.spec?.taints),
    );
    this.#queue.watch(this.#claims, (claim) => this.#nodesOfClaim(claim.metadata));
    this.#queue.watch(this.#volumes, ({ spec: { claimRef } }) => (claimRef ? this.#nodesOfClaim(claimRef) : []));
    this.#queue.watch(this.#drivers, () => this.#nodes.lister.list().map(({ metadata }) => metadata.name));
    // The end of an attachment may be what another node waits for.
    this.#queue.watch(this.#attachments, ({ spec }) => {
      const claimRef = this.#volumes.lister.getByKey(spec.source.persistentVolumeName ?? "")?.spec.claimRef;
      return [spec.nodeName, ...(claimRef ? this.#nodesOfClaim(claimRef) : [])];
    });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#queue.run(signal);
  }

  #nodesOfClaim({
    namespace = "",
    name = "",
  }: {
    readonly namespace?: string;
    readonly name?: string;
  }): readonly string[] {
    return this.#pods.lister.byIndex(byVolume, `${namespace}/${name}`).flatMap(nodeOf);
  }

  async #reconcile(nodeName: string, signal: AbortSignal): Promise<ReconcileResult | void> {
    const node = this.#nodes.lister.getByKey(nodeName);
    const attachments = this.#attachments.lister.byIndex(byNode, nodeName).filter((each) => this.#isOurs(each));
    const isManaged = node?.metadata.annotations?.[managedAnnotation] === "true";
    const desired = node && isManaged ? this.#desired(nodeName) : new Map<string, Desired>();
    // A node that attaches for itself is none of our business.
    if (node && !isManaged) return;
    const unwanted = attachments.filter(
      ({ spec, metadata }) => !metadata.deletionTimestamp && !desired.has(spec.source.persistentVolumeName ?? ""),
    );
    const waitMs = await this.#detach(node, attachments, unwanted, signal);
    for (const each of desired.values()) await this.#attach(nodeName, each, signal);
    return waitMs === undefined ? undefined : { requeueAfterMs: waitMs };
  }

  /** The attachable volumes of the pods on the node, by name. A pod that has ended uses none. */
  #desired(nodeName: string): Map<string, Desired> {
    const found = new Map<string, { volume: PersistentVolume; pods: Pod[] }>();
    for (const pod of this.#pods.lister.byIndex(byNode, nodeName)) {
      if (pod.status.phase === "Succeeded" || pod.status.phase === "Failed") continue;
      for (const name of claimNamesOf(pod)) {
        const volume = this.#volumeOf(pod.metadata.namespace, name);
        if (!volume?.spec.csi || !this.#isAttachable(volume.spec.csi.driver)) continue;
        const entry = found.get(volume.metadata.name) ?? { volume, pods: [] };
        entry.pods.push(pod);
        found.set(volume.metadata.name, entry);
      }
    }
    return found;
  }

  #volumeOf(namespace: string, claimName: string): PersistentVolume | undefined {
    const claim = this.#claims.lister.get(namespace, claimName);
    const volume = claim?.spec.volumeName ? this.#volumes.lister.getByKey(claim.spec.volumeName) : undefined;
    return claim && volume && isClaimedBy(volume, claim) ? volume : undefined;
  }

  #isAttachable(driver: string): boolean {
    return this.#drivers.lister.getByKey(driver)?.spec.attachRequired !== false;
  }

  async #attach(nodeName: string, { volume, pods: users }: Desired, signal: AbortSignal): Promise<void> {
    const { client } = this.#context;
    const { driver = "", volumeHandle = "" } = volume.spec.csi ?? {};
    const name = attachmentName(volumeHandle, driver, nodeName);
    const existing = this.#attachments.lister.getByKey(name);
    this.#unwantedSinceMs.delete(name);
    if (existing) {
      this.#tell(existing, volume, users);
      return;
    }
    const others = this.#attachments.lister
      .byIndex(byVolume, volume.metadata.name)
      .filter(({ spec }) => spec.nodeName !== nodeName);
    if (others.length > 0 && !isMultiAttachable(volume)) {
      this.#tellMultiAttach(volume, users, new Set(others.map(({ spec }) => spec.nodeName)));
      return;
    }
    for (const pod of users) this.#toldMultiAttach.delete(`${pod.metadata.uid}/${volume.metadata.name}`);
    const source = { persistentVolumeName: volume.metadata.name };
    this.#untold.add(name);
    try {
      await client
        .resource(volumeAttachments)
        .create({ metadata: { name }, spec: { attacher: driver, nodeName, source } }, { signal });
    } catch (error) {
      // The cache is behind.
      if (!isAlreadyExists(error)) throw error;
    }
  }

  #tell({ metadata, status }: VolumeAttachment, volume: PersistentVolume, users: readonly Pod[]): void {
    const { recorder } = this.#context;
    const what = `for volume "${volume.metadata.name}"`;
    if (status.attached) {
      this.#toldErrors.delete(metadata.name);
      if (!this.#untold.delete(metadata.name)) return;
      const message = `AttachVolume.Attach succeeded ${what} `;
      for (const pod of users) recorder.event(pod, "Normal", "SuccessfulAttachVolume", message);
      return;
    }
    const error = status.attachError?.message;
    if (error === undefined || this.#toldErrors.get(metadata.name) === error) return;
    this.#toldErrors.set(metadata.name, error);
    for (const pod of users) {
      recorder.event(pod, "Warning", "FailedAttachVolume", `AttachVolume.Attach failed ${what} : ${error}`);
    }
  }

  /** Once per pod and volume; names of pods in other namespaces are not given away. */
  #tellMultiAttach(volume: PersistentVolume, waiting: readonly Pod[], otherNodes: ReadonlySet<string>): void {
    const { claimRef } = volume.spec;
    const users = this.#pods.lister
      .byIndex(byVolume, `${claimRef?.namespace ?? ""}/${claimRef?.name ?? ""}`)
      .filter((pod) => otherNodes.has(pod.spec.nodeName ?? ""));
    for (const pod of waiting) {
      const key = `${pod.metadata.uid}/${volume.metadata.name}`;
      if (this.#toldMultiAttach.has(key)) continue;
      this.#toldMultiAttach.add(key);
      const local = users.filter(({ metadata }) => metadata.namespace === pod.metadata.namespace);
      const remote = users.length - local.length;
      const elsewhere = `${remote} pod(s) in different namespaces`;
      const names = local.map(({ metadata }) => metadata.name).join(", ");
      let why = `Volume is already used by ${elsewhere}`;
      if (users.length === 0) {
        why = "Volume is already exclusively attached to one node and can't be attached to another";
      } else if (local.length > 0) {
        why = `Volume is already used by pod(s) ${names}${remote > 0 ? ` and ${elsewhere}` : ""}`;
      }
      const message = `Multi-Attach error for volume "${volume.metadata.name}" ${why}`;
      this.#context.recorder.event(pod, "Warning", "FailedAttachVolume", message);
    }
  }

  /** Resolves to how long a volume in use is still waited for, if one is. */
  async #detach(
    node: Node | undefined,
    attachments: readonly VolumeAttachment[],
    unwanted: readonly VolumeAttachment[],
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const { clock, logger } = this.#context;
    let waitMs: number | undefined;
    const leaving: VolumeAttachment[] = [];
    const forced = new Set<string>();
    for (const attachment of unwanted) {
      const { name } = attachment.metadata;
      if (!node || !isInUse(node, this.#uniqueName(attachment))) {
        leaving.push(attachment);
        continue;
      }
      const since = this.#unwantedSinceMs.get(name) ?? clock.monotonic();
      this.#unwantedSinceMs.set(name, since);
      const remainingMs = since + unmountWaitMs - clock.monotonic();
      const isAbandoned = hasTaint(node, outOfService);
      if (isAbandoned || (remainingMs <= 0 && !isReady(node))) {
        logger.warn("a volume is detached though its node may still use it", { node: node.metadata.name, name });
        forced.add(name);
        leaving.push(attachment);
      } else waitMs = Math.min(waitMs ?? Infinity, remainingMs > 0 ? remainingMs : unmountWaitMs);
    }
    const staying = attachments.filter(
      (attachment) =>
        !leaving.includes(attachment) && !attachment.metadata.deletionTimestamp && attachment.status.attached,
    );
    const current = node && (await this.#report(node, staying, signal));
    for (const attachment of leaving) {
      const { name } = attachment.metadata;
      // The kubelet began to use it before it could see that it must not.
      if (current && !forced.has(name) && isInUse(current, this.#uniqueName(attachment))) continue;
      await this.#remove(attachment, signal);
    }
    return waitMs;
  }

  async #remove({ metadata: { name, uid } }: VolumeAttachment, signal: AbortSignal): Promise<void> {
    try {
      await this.#context.client.resource(volumeAttachments).delete(name, { preconditions: { uid }, signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    this.#unwantedSinceMs.delete(name);
    this.#untold.delete(name);
    this.#toldErrors.delete(name);
  }

  /** Writes what is attached into the node's status; resolves to the node as it is after that. */
  async #report(node: Node, attached: readonly VolumeAttachment[], signal: AbortSignal): Promise<Node | undefined> {
    const volumesAttached: AttachedVolume[] = attached
      .map((attachment) => ({ name: this.#uniqueName(attachment), devicePath: "" }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    if (semanticEqual(node.status?.volumesAttached ?? [], volumesAttached)) return node;
    const status = { volumesAttached: volumesAttached.length === 0 ? null : volumesAttached };
    try {
      return await this.#context.client
        .resource(nodes)
        .patch(node.metadata.name, "merge", { status }, { subresource: "status", signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return undefined;
    }
  }

  /** What others attach by hand is theirs; ours have their name from what they attach. */
  #isOurs({ spec, metadata }: VolumeAttachment): boolean {
    const csi = this.#csiOf(spec);
    return csi !== undefined && metadata.name === attachmentName(csi.volumeHandle, csi.driver, spec.nodeName);
  }

  #uniqueName({ spec }: VolumeAttachment): string {
    return uniqueVolumeName(spec.attacher, this.#csiOf(spec)?.volumeHandle ?? "");
  }

  #csiOf({ source }: VolumeAttachment["spec"]): PersistentVolume["spec"]["csi"] {
    return this.#volumes.lister.getByKey(source.persistentVolumeName ?? "")?.spec.csi;
  }
}

function nodeOf({ spec: { nodeName } }: Pod): readonly string[] {
  return nodeName ? [nodeName] : [];
}

function isInUse({ status }: Node, name: string): boolean {
  return (status?.volumesInUse ?? []).includes(name);
}

function isReady({ status }: Node): boolean {
  return status?.conditions?.find(({ type }) => type === "Ready")?.status === "True";
}

function hasTaint({ spec }: Node, key: string): boolean {
  return (spec?.taints ?? []).some((taint) => taint.key === key);
}
