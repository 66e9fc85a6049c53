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
        { name: "AttachRequired", type: "boolean" },
        { name: "PodInfoOnMount", type: "boolean" },
        { name: "StorageCapacity", type: "boolean" },
        { name: "TokenRequests", type: "string" },
        { name: "RequiresRepublish", type: "boolean" },
        { name: "Modes", type: "string" },
        ageColumn,
      ],
    },
    {
      resource: "csinodes",
      kind: "CSINode",
      namespaced: false,
      returnsDeletedObject: true,
      storageVersionHash: "Pe62DkZtjuo=",
      columns: [nameColumn, { name: "Drivers", type: "integer" }, ageColumn],
    },
    {
      resource: "csistoragecapacities",
      kind: "CSIStorageCapacity",
      namespaced: true,
      storageVersionHash: "xeVl+2Ly1kE=",
      columns: [nameColumn, { name: "Created At", type: "date" }],
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
        { name: "Provisioner", type: "string" },
        { name: "ReclaimPolicy", type: "string" },
        { name: "VolumeBindingMode", type: "string" },
        { name: "AllowVolumeExpansion", type: "string" },
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
        { name: "Attacher", type: "string", format: "name" },
        { name: "PV", type: "string" },
        { name: "Node", type: "string" },
        { name: "Attached", type: "boolean" },
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
      columns: [nameColumn, { name: "DriverName", type: "string" }, ageColumn],
    },
  ],
};
