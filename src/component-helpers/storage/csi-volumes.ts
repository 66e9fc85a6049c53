import type { PersistentVolume } from "../../api/core/v1/types.gen.ts";
import { sha256Hex } from "../../component-base/sha256.ts";

/** The name of the VolumeAttachment of a CSI volume to a node. */
export function attachmentName(volumeHandle: string, driver: string, nodeName: string): string {
  return `csi-${sha256Hex(`${volumeHandle}${driver}${nodeName}`)}`;
}

/** The handle of a pod's inline volume. */
export function inlineVolumeHandle(podUid: string, volumeName: string): string {
  return `csi-${sha256Hex(`${podUid}${volumeName}`)}`;
}

/** How a node's status names a CSI volume. */
export function uniqueVolumeName(driver: string, volumeHandle: string): string {
  return `kubernetes.io/csi/${driver}^${volumeHandle}`;
}

/** Whether the volume may be on several nodes at a time. */
export function isMultiAttachable({ spec: { accessModes = [] } }: PersistentVolume): boolean {
  return accessModes.some((mode) => mode === "ReadWriteMany" || mode === "ReadOnlyMany");
}
