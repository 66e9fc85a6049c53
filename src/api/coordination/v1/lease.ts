import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const leaseTypes: TypeSchemas = {
  Lease: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "LeaseSpec", pb: 2 },
    },
  },
  LeaseSpec: {
    fields: {
      holderIdentity: { type: "*string", pb: 1 },
      leaseDurationSeconds: { type: "*int32", pb: 2 },
      acquireTime: { type: "*MicroTime", pb: 3 },
      renewTime: { type: "*MicroTime", pb: 4 },
      leaseTransitions: { type: "*int32", pb: 5 },
      strategy: { type: "*CoordinatedLeaseStrategy", pb: 6, gate: "CoordinatedLeaderElection" },
      preferredHolder: { type: "*string", pb: 7, gate: "CoordinatedLeaderElection" },
    },
  },
  CoordinatedLeaseStrategy: { known: ["OldestEmulationVersion"] },
  LeaseList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]Lease", pb: 2, required: true },
    },
  },
};
