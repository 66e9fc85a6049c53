import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const serviceCidrTypes: TypeSchemas = {
  ServiceCIDR: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "ServiceCIDRSpec", pb: 2 },
      status: { type: "ServiceCIDRStatus", pb: 3 },
    },
  },
  ServiceCIDRSpec: {
    fields: {
      cidrs: { type: "[]string", pb: 1, listType: "atomic" },
    },
  },
  ServiceCIDRStatus: {
    fields: {
      conditions: {
        type: "[]meta/v1.Condition",
        pb: 1,
        listType: "map",
        listMapKeys: ["type"],
        patchStrategy: ["merge"],
        patchMergeKey: "type",
      },
    },
  },
  ServiceCIDRList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]ServiceCIDR", pb: 2, required: true },
    },
  },
};
