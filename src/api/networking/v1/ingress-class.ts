import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";
import { parametersScope } from "./defaults.ts";

export const ingressClassTypes: TypeSchemas = {
  IngressClass: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "IngressClassSpec", pb: 2 },
    },
    defaulters: [parametersScope],
  },
  IngressClassSpec: {
    fields: {
      controller: { type: "string", pb: 1 },
      parameters: { type: "*IngressClassParametersReference", pb: 2 },
    },
  },
  IngressClassParametersReference: {
    fields: {
      apiGroup: { type: "*string", pb: 1, pbName: "aPIGroup" },
      kind: { type: "string", pb: 2, required: true },
      name: { type: "string", pb: 3, required: true },
      scope: { type: "*string", pb: 4, omit: false },
      namespace: { type: "*string", pb: 5 },
    },
  },
  IngressClassList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]IngressClass", pb: 2, required: true },
    },
  },
};
