import type { TypeSchemas } from "../../schema/type-schema.ts";

export const objectMetaTypes: TypeSchemas = {
  PartialObjectMetadata: {
    typeMeta: true,
    fields: {
      metadata: { type: "ObjectMeta", pb: 1 },
    },
  },
  TypeMeta: {
    fields: {
      kind: { type: "string", pb: 1 },
      apiVersion: { type: "string", pb: 2 },
    },
  },
  ObjectMeta: {
    fields: {
      name: { type: "string", pb: 1 },
      generateName: { type: "string", pb: 2 },
      namespace: { type: "string", pb: 3 },
      selfLink: { type: "string", pb: 4 },
      uid: { type: "string", pb: 5 },
      resourceVersion: { type: "string", pb: 6 },
      generation: { type: "int64", pb: 7 },
      creationTimestamp: { type: "Time", pb: 8, omitZero: true },
      deletionTimestamp: { type: "*Time", pb: 9 },
      deletionGracePeriodSeconds: { type: "*int64", pb: 10 },
      labels: { type: "map[string]string", pb: 11 },
      annotations: { type: "map[string]string", pb: 12 },
      ownerReferences: {
        type: "[]OwnerReference",
        pb: 13,
        listType: "map",
        listMapKeys: ["uid"],
        patchStrategy: ["merge"],
        patchMergeKey: "uid",
      },
      finalizers: { type: "[]string", pb: 14, listType: "set", patchStrategy: ["merge"] },
      managedFields: { type: "[]ManagedFieldsEntry", pb: 17, listType: "atomic" },
    },
  },
  OwnerReference: {
    mapType: "atomic",
    fields: {
      apiVersion: { type: "string", pb: 5, required: true },
      kind: { type: "string", pb: 1, required: true },
      name: { type: "string", pb: 3, required: true },
      uid: { type: "string", pb: 4, required: true },
      controller: { type: "*bool", pb: 6 },
      blockOwnerDeletion: { type: "*bool", pb: 7 },
    },
  },
  ManagedFieldsEntry: {
    fields: {
      manager: { type: "string", pb: 1 },
      operation: { type: "ManagedFieldsOperationType", pb: 2 },
      apiVersion: { type: "string", pb: 3 },
      time: { type: "*Time", pb: 4 },
      fieldsType: { type: "string", pb: 6 },
      fieldsV1: { type: "*FieldsV1", pb: 7 },
      subresource: { type: "string", pb: 8 },
    },
  },
  ManagedFieldsOperationType: { known: ["Apply", "Update"] },
  Condition: {
    fields: {
      type: { type: "string", pb: 1, required: true },
      status: { type: "ConditionStatus", pb: 2, required: true },
      observedGeneration: { type: "int64", pb: 3 },
      lastTransitionTime: { type: "Time", pb: 4, required: true },
      reason: { type: "string", pb: 5, required: true },
      message: { type: "string", pb: 6, required: true },
    },
  },
  ConditionStatus: { known: ["False", "True", "Unknown"] },
  FieldSelectorRequirement: {
    fields: {
      key: { type: "string", pb: 1, required: true },
      operator: { type: "FieldSelectorOperator", pb: 2, required: true },
      values: { type: "[]string", pb: 3, listType: "atomic" },
    },
  },
  FieldSelectorOperator: { known: ["DoesNotExist", "Exists", "In", "NotIn"] },
  LabelSelector: {
    mapType: "atomic",
    fields: {
      matchLabels: { type: "map[string]string", pb: 1 },
      matchExpressions: { type: "[]LabelSelectorRequirement", pb: 2, listType: "atomic" },
    },
  },
  LabelSelectorRequirement: {
    fields: {
      key: { type: "string", pb: 1, required: true },
      operator: { type: "LabelSelectorOperator", pb: 2, required: true },
      values: { type: "[]string", pb: 3, listType: "atomic" },
    },
  },
  LabelSelectorOperator: { known: ["DoesNotExist", "Exists", "In", "NotIn"] },
  ListMeta: {
    fields: {
      selfLink: { type: "string", pb: 1 },
      resourceVersion: { type: "string", pb: 2 },
      continue: { type: "string", pb: 3 },
      remainingItemCount: { type: "*int64", pb: 4 },
      shardInfo: { type: "*ShardInfo", pb: 5, gate: "ShardedListAndWatch" },
    },
  },
  ShardInfo: {
    fields: {
      selector: { type: "string", pb: 1, required: true },
    },
  },
  List: {
    typeMeta: true,
    fields: {
      metadata: { type: "ListMeta", pb: 1 },
      items: { type: "[]RawExtension", pb: 2, required: true },
    },
  },
  PartialObjectMetadataList: {
    typeMeta: true,
    fields: {
      metadata: { type: "ListMeta", pb: 1 },
      items: { type: "[]PartialObjectMetadata", pb: 2, required: true },
    },
  },
};
