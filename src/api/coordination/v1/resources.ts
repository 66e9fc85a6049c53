import type { ApiVersionSchema } from "../../../apimachinery/schema/resource-schema.ts";
import { ageColumn, nameColumn } from "../../../apimachinery/schema/resource-schema.ts";
import { leaseTypes } from "./lease.ts";

export const coordinationV1: ApiVersionSchema = {
  group: "coordination.k8s.io",
  version: "v1",
  folder: "coordination/v1",
  goPackage: "io.k8s.api.coordination.v1",
  types: [leaseTypes],
  resources: [
    {
      resource: "leases",
      kind: "Lease",
      namespaced: true,
      storageVersionHash: "gqkMMb/YqFM=",
      columns: [nameColumn, { name: "Holder", type: "string", of: "LeaseSpec.holderIdentity" }, ageColumn],
    },
  ],
};
