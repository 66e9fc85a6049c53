import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const persistentVolumeClaimTypes: TypeSchemas = {
  PersistentVolumeClaim: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "PersistentVolumeClaimSpec", pb: 2 },
      status: { type: "PersistentVolumeClaimStatus", pb: 3 },
    },
    defaults: {
      "status.phase": "Pending",
    },
  },
  PersistentVolumeClaimSpec: {
    fields: {
      accessModes: { type: "[]PersistentVolumeAccessMode", pb: 1, listType: "atomic" },
      selector: { type: "*meta/v1.LabelSelector", pb: 4 },
      resources: { type: "VolumeResourceRequirements", pb: 2 },
      volumeName: { type: "string", pb: 3 },
      storageClassName: { type: "*string", pb: 5 },
      volumeMode: { type: "*PersistentVolumeMode", pb: 6 },
      dataSource: { type: "*TypedLocalObjectReference", pb: 7 },
      dataSourceRef: { type: "*TypedObjectReference", pb: 8 },
      volumeAttributesClassName: { type: "*string", pb: 9, gate: "VolumeAttributesClass" },
    },
    defaults: {
      volumeMode: "Filesystem",
    },
  },
  VolumeResourceRequirements: {
    fields: {
      limits: { type: "map[ResourceName]Quantity", pb: 1 },
      requests: { type: "map[ResourceName]Quantity", pb: 2 },
    },
  },
  TypedObjectReference: {
    fields: {
      apiGroup: { type: "*string", pb: 1, omit: false },
      kind: { type: "string", pb: 2, required: true },
      name: { type: "string", pb: 3, required: true },
      namespace: { type: "*string", pb: 4, gate: "CrossNamespaceVolumeDataSource" },
    },
  },
  PersistentVolumeClaimStatus: {
    fields: {
      phase: { type: "PersistentVolumeClaimPhase", pb: 1 },
      accessModes: { type: "[]PersistentVolumeAccessMode", pb: 2, listType: "atomic" },
      capacity: { type: "map[ResourceName]Quantity", pb: 3 },
      conditions: {
        type: "[]PersistentVolumeClaimCondition",
        pb: 4,
        listType: "map",
        listMapKeys: ["type"],
        patchStrategy: ["merge"],
        patchMergeKey: "type",
      },
      allocatedResources: { type: "map[ResourceName]Quantity", pb: 5 },
      allocatedResourceStatuses: { type: "map[ResourceName]ClaimResourceStatus", pb: 7, mapType: "granular" },
      currentVolumeAttributesClassName: { type: "*string", pb: 8, gate: "VolumeAttributesClass" },
      modifyVolumeStatus: { type: "*ModifyVolumeStatus", pb: 9, gate: "VolumeAttributesClass" },
    },
  },
  PersistentVolumeClaimPhase: { values: ["Bound", "Lost", "Pending"] },
  PersistentVolumeClaimCondition: {
    fields: {
      type: { type: "PersistentVolumeClaimConditionType", pb: 1, required: true },
      status: { type: "ConditionStatus", pb: 2, required: true },
      lastProbeTime: { type: "Time", pb: 3 },
      lastTransitionTime: { type: "Time", pb: 4 },
      reason: { type: "string", pb: 5 },
      message: { type: "string", pb: 6 },
    },
  },
  PersistentVolumeClaimConditionType: {
    known: [
      "ControllerResizeError",
      "FileSystemResizePending",
      "ModifyVolumeError",
      "ModifyingVolume",
      "NodeResizeError",
      "Resizing",
      "Unused",
    ],
  },
  ClaimResourceStatus: {
    values: [
      "ControllerResizeInProgress",
      "ControllerResizeInfeasible",
      "NodeResizeInProgress",
      "NodeResizeInfeasible",
      "NodeResizePending",
    ],
  },
  ModifyVolumeStatus: {
    fields: {
      targetVolumeAttributesClassName: { type: "string", pb: 1 },
      status: { type: "PersistentVolumeClaimModifyVolumeStatus", pb: 2, required: true },
    },
  },
  PersistentVolumeClaimModifyVolumeStatus: { values: ["InProgress", "Infeasible", "Pending"] },
  PersistentVolumeClaimTemplate: {
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "PersistentVolumeClaimSpec", pb: 2, required: true },
    },
  },
  PersistentVolumeClaimList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]PersistentVolumeClaim", pb: 2, required: true },
    },
  },
};
