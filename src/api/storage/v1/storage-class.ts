import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const storageClassTypes: TypeSchemas = {
  StorageClass: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      provisioner: { type: "string", pb: 2, required: true },
      parameters: { type: "map[string]string", pb: 3 },
      reclaimPolicy: { type: "*core/v1.PersistentVolumeReclaimPolicy", pb: 4 },
      mountOptions: { type: "[]string", pb: 5, listType: "atomic" },
      allowVolumeExpansion: { type: "*bool", pb: 6 },
      volumeBindingMode: { type: "*VolumeBindingMode", pb: 7 },
      allowedTopologies: { type: "[]core/v1.TopologySelectorTerm", pb: 8, listType: "atomic" },
    },
    defaults: {
      reclaimPolicy: "Delete",
      volumeBindingMode: "Immediate",
    },
  },
  VolumeBindingMode: { values: ["Immediate", "WaitForFirstConsumer"] },
  StorageClassList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]StorageClass", pb: 2, required: true },
    },
  },
};
