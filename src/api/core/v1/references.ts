import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const referencesTypes: TypeSchemas = {
  Binding: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      target: { type: "ObjectReference", pb: 2, required: true },
    },
  },
  ObjectReference: {
    mapType: "atomic",
    fields: {
      kind: { type: "string", pb: 1 },
      namespace: { type: "string", pb: 2 },
      name: { type: "string", pb: 3 },
      uid: { type: "string", pb: 4 },
      apiVersion: { type: "string", pb: 5 },
      resourceVersion: { type: "string", pb: 6 },
      fieldPath: { type: "string", pb: 7 },
    },
  },
  RangeAllocation: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      range: { type: "string", pb: 2, required: true },
      data: { type: "bytes", pb: 3, required: true },
    },
  },
  SerializedReference: {
    typeMeta: true,
    fields: {
      reference: { type: "ObjectReference", pb: 1 },
    },
  },
  ConditionStatus: { known: ["False", "True", "Unknown"] },
  LocalObjectReference: {
    mapType: "atomic",
    fields: {
      name: { type: "string", pb: 1, default: "" },
    },
  },
  OSName: { known: ["linux", "windows"] },
  PodResizeStatus: { known: ["Deferred", "InProgress", "Infeasible"] },
  Preconditions: {
    fields: {
      uid: { type: "*string", pb: 1 },
    },
  },
  ResourceName: {
    known: [
      "configmaps",
      "cpu",
      "ephemeral-storage",
      "limits.cpu",
      "limits.ephemeral-storage",
      "limits.memory",
      "memory",
      "persistentvolumeclaims",
      "pods",
      "replicationcontrollers",
      "requests.cpu",
      "requests.ephemeral-storage",
      "requests.memory",
      "requests.storage",
      "resourcequotas",
      "secrets",
      "services",
      "services.loadbalancers",
      "services.nodeports",
      "storage",
    ],
  },
  SecretReference: {
    mapType: "atomic",
    fields: {
      name: { type: "string", pb: 1 },
      namespace: { type: "string", pb: 2 },
    },
  },
  TypedLocalObjectReference: {
    mapType: "atomic",
    fields: {
      apiGroup: { type: "*string", pb: 1, omit: false },
      kind: { type: "string", pb: 2, required: true },
      name: { type: "string", pb: 3, required: true },
    },
  },
  List: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]RawExtension", pb: 2, required: true },
    },
  },
};
