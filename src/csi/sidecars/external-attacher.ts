import { csiNodes, persistentVolumes, volumeAttachments } from "../../api/resources.gen.ts";
import type { VolumeAttachment, VolumeAttachmentStatus } from "../../api/storage/v1/types.gen.ts";
import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import { timestamp } from "../../component-helpers/time.ts";
import type { Controller, ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController } from "../../controller-runtime/reconcile-controller.ts";
import { csiErrorText } from "../v1/csi-error.ts";
import { capabilityOf, type DriverDeployment } from "./driver-deployment.ts";

/** Carries out VolumeAttachments of a driver: upstream's external-attacher. */
export function externalAttacher(deployment: DriverDeployment): ControllerDescriptor {
  return {
    name: "csi-external-attacher",
    eventSource: deployment.name,
    serviceAccount: "csi-external-attacher",
    rules: [
      { verbs: ["get", "list", "watch"], apiGroups: [""], resources: ["persistentvolumes"] },
      { verbs: ["get", "list", "watch"], apiGroups: ["storage.k8s.io"], resources: ["csinodes"] },
      {
        verbs: ["get", "list", "watch", "update", "patch"],
        apiGroups: ["storage.k8s.io"],
        resources: ["volumeattachments", "volumeattachments/status"],
      },
    ],
    create: (context) => createAttacher(context, deployment),
  };
}

function createAttacher(context: ControllerContext, deployment: DriverDeployment): Controller {
  const { informers } = context;
  const attachments = informers.for(volumeAttachments);
  informers.for(persistentVolumes);
  const nodeInformer = informers.for(csiNodes);
  const controller = new ReconcileController({
    ...context,
    name: "csi_attacher",
    reconcile: (name, signal) => reconcile(context, deployment, name, signal),
  });
  controller.watch(attachments);
  // A node may tell of its driver after the attachment was asked for.
  controller.watch(nodeInformer, ({ metadata }) =>
    attachments.lister.list().flatMap((a) => (a.spec.nodeName === metadata.name ? [a.metadata.name] : [])),
  );
  return controller;
}

async function reconcile(
  context: ControllerContext,
  deployment: DriverDeployment,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const { informers, client } = context;
  const attachment = informers.for(volumeAttachments).lister.getByKey(name);
  if (!attachment || attachment.spec.attacher !== deployment.name) return;
  if (deployment.node && attachment.spec.nodeName !== deployment.node.name) return;
  const finalizer = `external-attacher/${deployment.name.replaceAll(".", "-")}`;
  const { finalizers = [], deletionTimestamp } = attachment.metadata;
  if (deletionTimestamp) {
    if (!finalizers.includes(finalizer)) return;
    await detach(context, deployment, attachment, signal);
    const rest = finalizers.filter((each) => each !== finalizer);
    const current = await client.resource(volumeAttachments).get(name, { signal });
    try {
      await client
        .resource(volumeAttachments)
        .update({ ...current, metadata: { ...current.metadata, finalizers: rest } }, { signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    return;
  }
  if (attachment.status.attached) return;
  let current = attachment;
  if (!finalizers.includes(finalizer)) {
    // Before the volume is attached: from then on it has to be detached.
    const metadata = { ...attachment.metadata, finalizers: [...finalizers, finalizer] };
    current = await client.resource(volumeAttachments).update({ ...attachment, metadata }, { signal });
  }
  await attach(context, deployment, current, signal);
}

async function attach(
  context: ControllerContext,
  deployment: DriverDeployment,
  attachment: VolumeAttachment,
  signal: AbortSignal,
): Promise<void> {
  try {
    const metadata = await publish(context, deployment, attachment);
    const attachmentMetadata = Object.keys(metadata).length === 0 ? {} : { attachmentMetadata: metadata };
    await setStatus(context, attachment, { attached: true, ...attachmentMetadata }, signal);
  } catch (error) {
    const attachError = { message: csiErrorText(error), time: timestamp(context.clock) };
    await setStatus(context, attachment, { attached: false, attachError }, signal);
    throw error;
  }
}

async function publish(
  context: ControllerContext,
  { driver, name, canPublish }: DriverDeployment,
  attachment: VolumeAttachment,
): Promise<Readonly<Record<string, string>>> {
  if (!canPublish) return {};
  const { volume, nodeId } = lookUp(context, name, attachment);
  if (!volume?.spec.csi) throw new Error(`PersistentVolume of ${attachment.metadata.name} not found`);
  const { csi, accessModes = [], volumeMode, mountOptions } = volume.spec;
  const isBlock = volumeMode === "Block";
  const { publishContext } = await driver.controllerPublishVolume({
    volumeId: csi.volumeHandle,
    nodeId,
    volumeCapability: capabilityOf({ accessMode: accessModes[0], isBlock, fsType: csi.fsType, mountOptions }),
    readonly: csi.readOnly ?? false,
    volumeContext: csi.volumeAttributes ?? {},
  });
  return publishContext;
}

async function detach(
  context: ControllerContext,
  { driver, name, canPublish }: DriverDeployment,
  attachment: VolumeAttachment,
  signal: AbortSignal,
): Promise<void> {
  if (!canPublish) return;
  try {
    const { volume, nodeId } = lookUp(context, name, attachment);
    // With its PersistentVolume gone, and so its volume, there is nothing that could be attached.
    if (volume?.spec.csi) await driver.controllerUnpublishVolume({ volumeId: volume.spec.csi.volumeHandle, nodeId });
  } catch (error) {
    const detachError = { message: csiErrorText(error), time: timestamp(context.clock) };
    await setStatus(context, attachment, { ...attachment.status, detachError }, signal);
    throw error;
  }
}

/** Rejects when the node does not have the driver. */
function lookUp({ informers }: ControllerContext, driverName: string, { spec }: VolumeAttachment) {
  const volume = informers.for(persistentVolumes).lister.getByKey(spec.source.persistentVolumeName ?? "");
  const drivers = informers.for(csiNodes).lister.getByKey(spec.nodeName)?.spec.drivers ?? [];
  const found = drivers.find(({ name }) => name === driverName);
  if (!found) throw new Error(`CSINode ${spec.nodeName} does not contain driver ${driverName}`);
  return { volume, nodeId: found.nodeID };
}

async function setStatus(
  { client }: ControllerContext,
  { metadata: { name } }: VolumeAttachment,
  status: VolumeAttachmentStatus,
  signal: AbortSignal,
): Promise<void> {
  const current = await client.resource(volumeAttachments).get(name, { signal });
  await client.resource(volumeAttachments).updateStatus({ ...current, status }, { signal });
}
