import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const endpointSliceTypes: TypeSchemas = {
  EndpointSlice: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      addressType: { type: "AddressType", pb: 4, required: true },
      endpoints: { type: "[]Endpoint", pb: 2, omit: false, listType: "atomic" },
      ports: { type: "[]EndpointPort", pb: 3, omit: false, listType: "atomic" },
    },
  },
  AddressType: { values: ["FQDN", "IPv4", "IPv6"] },
  Endpoint: {
    fields: {
      addresses: { type: "[]string", pb: 1, required: true, listType: "set" },
      conditions: { type: "EndpointConditions", pb: 2 },
      hostname: { type: "*string", pb: 3 },
      targetRef: { type: "*core/v1.ObjectReference", pb: 4 },
      deprecatedTopology: { type: "map[string]string", pb: 5 },
      nodeName: { type: "*string", pb: 6 },
      zone: { type: "*string", pb: 7 },
      hints: { type: "*EndpointHints", pb: 8 },
    },
  },
  EndpointConditions: {
    fields: {
      ready: { type: "*bool", pb: 1 },
      serving: { type: "*bool", pb: 2 },
      terminating: { type: "*bool", pb: 3 },
    },
  },
  EndpointHints: {
    fields: {
      forZones: { type: "[]ForZone", pb: 1, listType: "atomic" },
      forNodes: { type: "[]ForNode", pb: 2, listType: "atomic" },
    },
  },
  ForZone: {
    fields: {
      name: { type: "string", pb: 1, required: true },
    },
  },
  ForNode: {
    fields: {
      name: { type: "string", pb: 1, required: true },
    },
  },
  EndpointPort: {
    mapType: "atomic",
    fields: {
      name: { type: "*string", pb: 1 },
      protocol: { type: "*core/v1.Protocol", pb: 2 },
      port: { type: "*int32", pb: 3 },
      appProtocol: { type: "*string", pb: 4 },
    },
    defaults: {
      name: "",
      protocol: "TCP",
    },
  },
  EndpointSliceList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]EndpointSlice", pb: 2, required: true },
    },
  },
};
