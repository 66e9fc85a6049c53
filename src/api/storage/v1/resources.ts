import type { ApiVersionSchema } from "../../../apimachinery/schema/resource-schema.ts";
import { ageColumn, nameColumn, statusSubresource } from "../../../apimachinery/schema/resource-schema.ts";
import { csiDriverTypes } from "./csi-driver.ts";
import { csiNodeTypes } from "./csi-node.ts";
import { csiStorageCapacityTypes } from "./csi-storage-capacity.ts";
import { storageClassTypes } from "./storage-class.ts";
import { volumeAttachmentTypes } from "./volume-attachment.ts";
import { volumeAttributesClassTypes } from "./volume-attributes-class.ts";

export const storageV1: ApiVersionSchema = {
  group: "storage.k8s.io",
  version: "v1",
  folder: "storage/v1",
  goPackage: "io.k8s.api.storage.v1",
  types: [
    csiDriverTypes,
    csiNodeTypes,
    csiStorageCapacityTypes,
    storageClassTypes,
    volumeAttachmentTypes,
    volumeAttributesClassTypes,
  ],
  resources: [
    {
      resource: "csidrivers",
      kind: "CSIDriver",
      namespaced: false,
      returnsDeletedObject: true,
      storageVersionHash: "hL6j/rwBV5w=",
      columns: [
        nameColumn,
        { name: "AttachRequired", type: "boolean", of: "CSIDriverSpec.attachRequired" },
        { name: "PodInfoOnMount", type: "boolean", of: "CSIDriverSpec.podInfoOnMount" },
        { name: "StorageCapacity", type: "boolean", description: "Whether pods wait for storage that has room." },
        { name: "TokenRequests", type: "string", description: "The tokens of service accounts the driver is given." },
        { name: "RequiresRepublish", type: "boolean", description: "Whether volumes are published again and again." },
        { name: "Modes", type: "string", description: "The kinds of volumes the driver has." },
        ageColumn,
      ],
    },
    {
      resource: "csinodes",
      kind: "CSINode",
      namespaced: false,
      returnsDeletedObject: true,
      storageVersionHash: "Pe62DkZtjuo=",
      columns: [
        nameColumn,
        { name: "Drivers", type: "integer", description: "How many drivers run on the node." },
        ageColumn,
      ],
    },
    {
      resource: "csistoragecapacities",
      kind: "CSIStorageCapacity",
      namespaced: true,
      storageVersionHash: "xeVl+2Ly1kE=",
      columns: [nameColumn, { name: "Created At", type: "date", of: "meta/v1.ObjectMeta.creationTimestamp" }],
    },
    {
      resource: "storageclasses",
      kind: "StorageClass",
      namespaced: false,
      returnsDeletedObject: true,
      shortNames: ["sc"],
      storageVersionHash: "K+m6uJwbjGY=",
      columns: [
        nameColumn,
        { name: "Provisioner", type: "string", of: "StorageClass.provisioner" },
        { name: "ReclaimPolicy", type: "string", of: "StorageClass.reclaimPolicy" },
        { name: "VolumeBindingMode", type: "string", of: "StorageClass.volumeBindingMode" },
        { name: "AllowVolumeExpansion", type: "string", of: "StorageClass.allowVolumeExpansion" },
        ageColumn,
      ],
    },
    {
      resource: "volumeattachments",
      kind: "VolumeAttachment",
      namespaced: false,
      returnsDeletedObject: true,
      storageVersionHash: "tJx/ezt6UDU=",
      subresources: [statusSubresource],
      columns: [
        nameColumn,
        { name: "Attacher", type: "string", format: "name", of: "VolumeAttachmentSpec.attacher" },
        { name: "PV", type: "string", of: "VolumeAttachmentSource.persistentVolumeName" },
        { name: "Node", type: "string", of: "VolumeAttachmentSpec.nodeName" },
        { name: "Attached", type: "boolean", of: "VolumeAttachmentStatus.attached" },
        ageColumn,
      ],
    },
    {
      resource: "volumeattributesclasses",
      kind: "VolumeAttributesClass",
      namespaced: false,
      returnsDeletedObject: true,
      shortNames: ["vac"],
      storageVersionHash: "tIjydgKBC5w=",
      columns: [nameColumn, { name: "DriverName", type: "string", of: "VolumeAttributesClass.driverName" }, ageColumn],
    },
  ],
};
