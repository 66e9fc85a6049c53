import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const volumeAttachmentTypes: TypeSchemas = {
  VolumeAttachment: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "VolumeAttachmentSpec", pb: 2, required: true },
      status: { type: "VolumeAttachmentStatus", pb: 3 },
    },
  },
  VolumeAttachmentSpec: {
    fields: {
      attacher: { type: "string", pb: 1, required: true },
      source: { type: "VolumeAttachmentSource", pb: 2, required: true },
      nodeName: { type: "string", pb: 3, required: true },
    },
  },
  VolumeAttachmentSource: {
    fields: {
      persistentVolumeName: { type: "*string", pb: 1 },
      inlineVolumeSpec: { type: "*core/v1.PersistentVolumeSpec", pb: 2 },
    },
  },
  VolumeAttachmentStatus: {
    fields: {
      attached: { type: "bool", pb: 1, required: true },
      attachmentMetadata: { type: "map[string]string", pb: 2 },
      attachError: { type: "*VolumeError", pb: 3 },
      detachError: { type: "*VolumeError", pb: 4 },
    },
  },
  VolumeError: {
    fields: {
      time: { type: "Time", pb: 1 },
      message: { type: "string", pb: 2 },
      errorCode: { type: "*int32", pb: 3, gate: "MutableCSINodeAllocatableCount" },
    },
  },
  VolumeAttachmentList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]VolumeAttachment", pb: 2, required: true },
    },
  },
};
