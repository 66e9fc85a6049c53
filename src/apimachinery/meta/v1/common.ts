import type { TypeSchemas } from "../../schema/type-schema.ts";

export const commonTypes: TypeSchemas = {
  WatchEvent: {
    fields: {
      type: { type: "string", pb: 1, required: true },
      object: { type: "RawExtension", pb: 2, required: true },
    },
  },
  GroupKind: {
    fields: {
      group: { type: "string", pb: 1, required: true },
      kind: { type: "string", pb: 2, required: true },
    },
  },
  GroupResource: {
    fields: {
      group: { type: "string", pb: 1, required: true },
      resource: { type: "string", pb: 2, required: true },
    },
  },
  GroupVersion: {
    fields: {
      group: { type: "string", pb: 1, required: true },
      version: { type: "string", pb: 2, required: true },
    },
  },
  GroupVersionKind: {
    fields: {
      group: { type: "string", pb: 1, required: true },
      version: { type: "string", pb: 2, required: true },
      kind: { type: "string", pb: 3, required: true },
    },
  },
  GroupVersionResource: {
    fields: {
      group: { type: "string", pb: 1, required: true },
      version: { type: "string", pb: 2, required: true },
      resource: { type: "string", pb: 3, required: true },
    },
  },
  Unknown: {
    typeMeta: true,
    openApiName: "io.k8s.apimachinery.pkg.runtime.Unknown",
    fields: {
      raw: { type: "bytes", json: false, pb: 2 },
      contentEncoding: { type: "string", json: false, pb: 3 },
      contentType: { type: "string", json: false, pb: 4 },
    },
  },
};
