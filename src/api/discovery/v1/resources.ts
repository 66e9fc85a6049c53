import type { ApiVersionSchema } from "../../../apimachinery/schema/resource-schema.ts";
import { ageColumn, nameColumn } from "../../../apimachinery/schema/resource-schema.ts";
import { endpointSliceTypes } from "./endpoint-slice.ts";

export const discoveryV1: ApiVersionSchema = {
  group: "discovery.k8s.io",
  version: "v1",
  folder: "discovery/v1",
  goPackage: "io.k8s.api.discovery.v1",
  types: [endpointSliceTypes],
  resources: [
    {
      resource: "endpointslices",
      kind: "EndpointSlice",
      namespaced: true,
      storageVersionHash: "qgS0xkrxYAI=",
      columns: [
        nameColumn,
        { name: "AddressType", type: "string", of: "EndpointSlice.addressType" },
        { name: "Ports", type: "string", of: "EndpointSlice.ports" },
        { name: "Endpoints", type: "string", of: "EndpointSlice.endpoints" },
        ageColumn,
      ],
    },
  ],
};
