import type { TypeSchemas } from "../../schema/type-schema.ts";

export const optionsTypes: TypeSchemas = {
  ApplyOptions: {
    typeMeta: true,
    fields: {
      dryRun: { type: "[]string", pb: 1, listType: "atomic" },
      force: { type: "bool", pb: 2, required: true },
      fieldManager: { type: "string", pb: 3, required: true },
    },
  },
  CreateOptions: {
    typeMeta: true,
    fields: {
      dryRun: { type: "[]string", pb: 1, listType: "atomic" },
      fieldManager: { type: "string", pb: 3 },
      fieldValidation: { type: "string", pb: 4 },
    },
  },
  DeleteOptions: {
    typeMeta: true,
    fields: {
      gracePeriodSeconds: { type: "*int64", pb: 1 },
      preconditions: { type: "*Preconditions", pb: 2 },
      orphanDependents: { type: "*bool", pb: 3 },
      propagationPolicy: { type: "*DeletionPropagation", pb: 4 },
      dryRun: { type: "[]string", pb: 5, listType: "atomic" },
      ignoreStoreReadErrorWithClusterBreakingPotential: { type: "*bool", pb: 6 },
    },
  },
  Preconditions: {
    fields: {
      uid: { type: "*string", pb: 1 },
      resourceVersion: { type: "*string", pb: 2 },
    },
  },
  DeletionPropagation: { known: ["Background", "Foreground", "Orphan"] },
  GetOptions: {
    typeMeta: true,
    fields: {
      resourceVersion: { type: "string", pb: 1 },
    },
  },
  ListOptions: {
    typeMeta: true,
    fields: {
      labelSelector: { type: "string", pb: 1 },
      fieldSelector: { type: "string", pb: 2 },
      watch: { type: "bool", pb: 3 },
      allowWatchBookmarks: { type: "bool", pb: 9 },
      resourceVersion: { type: "string", pb: 4 },
      resourceVersionMatch: { type: "ResourceVersionMatch", pb: 10 },
      timeoutSeconds: { type: "*int64", pb: 5 },
      limit: { type: "int64", pb: 7 },
      continue: { type: "string", pb: 8 },
      sendInitialEvents: { type: "*bool", pb: 11 },
      shardSelector: { type: "string", pb: 15, gate: "ShardedListAndWatch" },
    },
  },
  ResourceVersionMatch: { known: ["Exact", "NotOlderThan"] },
  PatchOptions: {
    typeMeta: true,
    fields: {
      dryRun: { type: "[]string", pb: 1, listType: "atomic" },
      force: { type: "*bool", pb: 2 },
      fieldManager: { type: "string", pb: 3 },
      fieldValidation: { type: "string", pb: 4 },
    },
  },
  TableOptions: {
    typeMeta: true,
    fields: {
      includeObject: { type: "IncludeObjectPolicy", pb: 1 },
    },
  },
  IncludeObjectPolicy: { known: ["Metadata", "None", "Object"] },
  UpdateOptions: {
    typeMeta: true,
    fields: {
      dryRun: { type: "[]string", pb: 1, listType: "atomic" },
      fieldManager: { type: "string", pb: 2 },
      fieldValidation: { type: "string", pb: 3 },
    },
  },
  Patch: {
    fields: {},
  },
};
