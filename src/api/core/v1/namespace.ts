import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";
import { namespaceNameLabel } from "./defaults.ts";

export const namespaceTypes: TypeSchemas = {
  Namespace: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "NamespaceSpec", pb: 2 },
      status: { type: "NamespaceStatus", pb: 3 },
    },
    defaulters: [namespaceNameLabel],
  },
  NamespaceSpec: {
    fields: {
      finalizers: { type: "[]FinalizerName", pb: 1, listType: "atomic" },
    },
  },
  FinalizerName: { known: ["kubernetes"] },
  NamespaceStatus: {
    fields: {
      phase: { type: "NamespacePhase", pb: 1 },
      conditions: {
        type: "[]NamespaceCondition",
        pb: 2,
        listType: "map",
        listMapKeys: ["type"],
        patchStrategy: ["merge"],
        patchMergeKey: "type",
      },
    },
    defaults: {
      phase: "Active",
    },
  },
  NamespacePhase: { values: ["Active", "Terminating"] },
  NamespaceCondition: {
    fields: {
      type: { type: "NamespaceConditionType", pb: 1, required: true },
      status: { type: "ConditionStatus", pb: 2, required: true },
      lastTransitionTime: { type: "Time", pb: 4 },
      reason: { type: "string", pb: 5 },
      message: { type: "string", pb: 6 },
    },
  },
  NamespaceConditionType: {
    known: [
      "NamespaceContentRemaining",
      "NamespaceDeletionContentFailure",
      "NamespaceDeletionDiscoveryFailure",
      "NamespaceDeletionGroupVersionParsingFailure",
      "NamespaceFinalizersRemaining",
    ],
  },
  NamespaceList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]Namespace", pb: 2, required: true },
    },
  },
};
