import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const apiServiceTypes: TypeSchemas = {
  APIService: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "APIServiceSpec", pb: 2 },
      status: { type: "APIServiceStatus", pb: 3 },
    },
  },
  APIServiceSpec: {
    fields: {
      service: { type: "*ServiceReference", pb: 1 },
      group: { type: "string", pb: 2 },
      version: { type: "string", pb: 3 },
      insecureSkipTLSVerify: { type: "bool", pb: 4 },
      caBundle: { type: "bytes", pb: 5, listType: "atomic" },
      groupPriorityMinimum: { type: "int32", pb: 7, required: true },
      versionPriority: { type: "int32", pb: 8, required: true },
    },
  },
  ServiceReference: {
    fields: {
      namespace: { type: "string", pb: 1 },
      name: { type: "string", pb: 2 },
      port: { type: "*int32", pb: 3 },
    },
    defaults: {
      port: 443,
    },
  },
  APIServiceStatus: {
    fields: {
      conditions: {
        type: "[]APIServiceCondition",
        pb: 1,
        listType: "map",
        listMapKeys: ["type"],
        patchStrategy: ["merge"],
        patchMergeKey: "type",
      },
    },
  },
  APIServiceCondition: {
    fields: {
      type: { type: "APIServiceConditionType", pb: 1, required: true },
      status: { type: "ConditionStatus", pb: 2, required: true },
      lastTransitionTime: { type: "Time", pb: 3 },
      reason: { type: "string", pb: 4 },
      message: { type: "string", pb: 5 },
    },
  },
  APIServiceConditionType: { known: ["Available"] },
  ConditionStatus: { known: ["False", "True", "Unknown"] },
  APIServiceList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]APIService", pb: 2, required: true },
    },
  },
};
