import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const csiStorageCapacityTypes: TypeSchemas = {
  CSIStorageCapacity: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      nodeTopology: { type: "*meta/v1.LabelSelector", pb: 2 },
      storageClassName: { type: "string", pb: 3, required: true },
      capacity: { type: "*Quantity", pb: 4 },
      maximumVolumeSize: { type: "*Quantity", pb: 5 },
    },
  },
  CSIStorageCapacityList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]CSIStorageCapacity", pb: 2, required: true },
    },
  },
};
