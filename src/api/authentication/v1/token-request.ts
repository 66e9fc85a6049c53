import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const tokenRequestTypes: TypeSchemas = {
  TokenRequest: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "TokenRequestSpec", pb: 2, omit: false },
      status: { type: "TokenRequestStatus", pb: 3 },
    },
  },
  TokenRequestSpec: {
    fields: {
      audiences: { type: "[]string", pb: 1, omit: false, listType: "atomic" },
      expirationSeconds: { type: "*int64", pb: 4, omit: false },
      boundObjectRef: { type: "*BoundObjectReference", pb: 3, omit: false },
    },
    defaults: {
      expirationSeconds: 3600,
    },
  },
  BoundObjectReference: {
    fields: {
      kind: { type: "string", pb: 1 },
      apiVersion: { type: "string", pb: 2 },
      name: { type: "string", pb: 3 },
      uid: { type: "string", pb: 4, pbName: "uID" },
    },
  },
  TokenRequestStatus: {
    fields: {
      token: { type: "string", pb: 1, omit: false },
      expirationTimestamp: { type: "Time", pb: 2, omit: false },
    },
  },
};
