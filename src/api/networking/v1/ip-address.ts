import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const ipAddressTypes: TypeSchemas = {
  IPAddress: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "IPAddressSpec", pb: 2, required: true, omit: true },
    },
  },
  IPAddressSpec: {
    fields: {
      parentRef: { type: "*ParentReference", pb: 1, required: true, omit: true },
    },
  },
  ParentReference: {
    fields: {
      group: { type: "string", pb: 1 },
      resource: { type: "string", pb: 2, required: true, omit: true },
      namespace: { type: "string", pb: 3 },
      name: { type: "string", pb: 4, required: true, omit: true },
    },
  },
  IPAddressList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]IPAddress", pb: 2, required: true },
    },
  },
};
