import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const csiNodeTypes: TypeSchemas = {
  CSINode: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "CSINodeSpec", pb: 2, required: true },
    },
  },
  CSINodeSpec: {
    fields: {
      drivers: {
        type: "[]CSINodeDriver",
        pb: 1,
        required: true,
        listType: "map",
        listMapKeys: ["name"],
        patchStrategy: ["merge"],
        patchMergeKey: "name",
      },
    },
  },
  CSINodeDriver: {
    fields: {
      name: { type: "string", pb: 1, required: true },
      nodeID: { type: "string", pb: 2, required: true },
      topologyKeys: { type: "[]string", pb: 3, omit: false, listType: "atomic" },
      allocatable: { type: "*VolumeNodeResources", pb: 4 },
    },
  },
  VolumeNodeResources: {
    fields: {
      count: { type: "*int32", pb: 1 },
    },
  },
  CSINodeList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]CSINode", pb: 2, required: true },
    },
  },
};
