import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const endpointsTypes: TypeSchemas = {
  Endpoints: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      subsets: { type: "[]EndpointSubset", pb: 2, listType: "atomic" },
    },
  },
  EndpointSubset: {
    fields: {
      addresses: { type: "[]EndpointAddress", pb: 1, listType: "atomic" },
      notReadyAddresses: { type: "[]EndpointAddress", pb: 2, listType: "atomic" },
      ports: { type: "[]EndpointPort", pb: 3, listType: "atomic" },
    },
  },
  EndpointAddress: {
    mapType: "atomic",
    fields: {
      ip: { type: "string", pb: 1, required: true },
      hostname: { type: "string", pb: 3 },
      nodeName: { type: "*string", pb: 4 },
      targetRef: { type: "*ObjectReference", pb: 2 },
    },
  },
  EndpointPort: {
    mapType: "atomic",
    fields: {
      name: { type: "string", pb: 1 },
      port: { type: "int32", pb: 2, required: true },
      protocol: { type: "Protocol", pb: 3 },
      appProtocol: { type: "*string", pb: 4 },
    },
    defaults: {
      protocol: "TCP",
    },
  },
  EndpointsList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]Endpoints", pb: 2, required: true },
    },
  },
};
