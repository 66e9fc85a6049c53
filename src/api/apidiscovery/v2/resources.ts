import type { ApiVersionSchema } from "../../../apimachinery/schema/resource-schema.ts";
import { apiGroupDiscoveryTypes } from "./api-group-discovery.ts";

export const apidiscoveryV2: ApiVersionSchema = {
  group: "apidiscovery.k8s.io",
  version: "v2",
  folder: "apidiscovery/v2",
  goPackage: "io.k8s.api.apidiscovery.v2",
  types: [apiGroupDiscoveryTypes],
  resources: [],
};
