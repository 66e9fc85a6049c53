import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const csiDriverTypes: TypeSchemas = {
  CSIDriver: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "CSIDriverSpec", pb: 2, required: true },
    },
    defaults: {
      "spec.attachRequired": true,
      "spec.podInfoOnMount": false,
      "spec.storageCapacity": false,
      "spec.fsGroupPolicy": "ReadWriteOnceWithFSType",
      "spec.volumeLifecycleModes": ["Persistent"],
      "spec.requiresRepublish": false,
      "spec.seLinuxMount": false,
    },
  },
  CSIDriverSpec: {
    fields: {
      attachRequired: { type: "*bool", pb: 1 },
      podInfoOnMount: { type: "*bool", pb: 2 },
      volumeLifecycleModes: { type: "[]VolumeLifecycleMode", pb: 3, listType: "set" },
      storageCapacity: { type: "*bool", pb: 4, gate: "CSIStorageCapacity" },
      fsGroupPolicy: { type: "*FSGroupPolicy", pb: 5 },
      tokenRequests: { type: "[]TokenRequest", pb: 6, listType: "atomic" },
      requiresRepublish: { type: "*bool", pb: 7 },
      seLinuxMount: { type: "*bool", pb: 8, gate: "SELinuxMountReadWriteOncePod" },
      nodeAllocatableUpdatePeriodSeconds: { type: "*int64", pb: 9, gate: "MutableCSINodeAllocatableCount" },
      serviceAccountTokenInSecrets: { type: "*bool", pb: 10, gate: "CSIServiceAccountTokenSecrets" },
      preventPodSchedulingIfMissing: { type: "*bool", pb: 11, gate: "VolumeLimitScaling" },
    },
  },
  VolumeLifecycleMode: { known: ["Ephemeral", "Persistent"] },
  FSGroupPolicy: { known: ["File", "None", "ReadWriteOnceWithFSType"] },
  TokenRequest: {
    fields: {
      audience: { type: "string", pb: 1, required: true },
      expirationSeconds: { type: "*int64", pb: 2 },
    },
  },
  CSIDriverList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]CSIDriver", pb: 2, required: true },
    },
  },
};
