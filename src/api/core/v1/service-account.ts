import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const serviceAccountTypes: TypeSchemas = {
  ServiceAccount: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      secrets: {
        type: "[]ObjectReference",
        pb: 2,
        listType: "map",
        listMapKeys: ["name"],
        patchStrategy: ["merge"],
        patchMergeKey: "name",
      },
      imagePullSecrets: { type: "[]LocalObjectReference", pb: 3, listType: "atomic" },
      automountServiceAccountToken: { type: "*bool", pb: 4 },
    },
  },
  ServiceAccountList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]ServiceAccount", pb: 2, required: true },
    },
  },
};
