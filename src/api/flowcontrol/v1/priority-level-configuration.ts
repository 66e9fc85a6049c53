import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const priorityLevelConfigurationTypes: TypeSchemas = {
  PriorityLevelConfiguration: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "PriorityLevelConfigurationSpec", pb: 2 },
      status: { type: "PriorityLevelConfigurationStatus", pb: 3 },
    },
  },
  PriorityLevelConfigurationSpec: {
    union: { discriminator: "type", fields: { exempt: "Exempt", limited: "Limited" } },
    fields: {
      type: { type: "PriorityLevelEnablement", pb: 1, required: true },
      limited: { type: "*LimitedPriorityLevelConfiguration", pb: 2 },
      exempt: { type: "*ExemptPriorityLevelConfiguration", pb: 3 },
    },
  },
  PriorityLevelEnablement: { known: ["Exempt", "Limited"] },
  LimitedPriorityLevelConfiguration: {
    fields: {
      nominalConcurrencyShares: { type: "*int32", pb: 1, omit: false },
      limitResponse: { type: "LimitResponse", pb: 2 },
      lendablePercent: { type: "*int32", pb: 3 },
      borrowingLimitPercent: { type: "*int32", pb: 4 },
    },
    defaults: {
      nominalConcurrencyShares: 30,
      lendablePercent: 0,
    },
  },
  LimitResponse: {
    union: { discriminator: "type", fields: { queuing: "Queuing" } },
    fields: {
      type: { type: "LimitResponseType", pb: 1, required: true },
      queuing: { type: "*QueuingConfiguration", pb: 2 },
    },
  },
  LimitResponseType: { known: ["Queue", "Reject"] },
  QueuingConfiguration: {
    fields: {
      queues: { type: "int32", pb: 1, omit: false },
      handSize: { type: "int32", pb: 2, omit: false },
      queueLengthLimit: { type: "int32", pb: 3, omit: false },
    },
    defaults: {
      handSize: 8,
      queues: 64,
      queueLengthLimit: 50,
    },
  },
  ExemptPriorityLevelConfiguration: {
    fields: {
      nominalConcurrencyShares: { type: "*int32", pb: 1 },
      lendablePercent: { type: "*int32", pb: 2 },
    },
    defaults: {
      nominalConcurrencyShares: 0,
      lendablePercent: 0,
    },
  },
  PriorityLevelConfigurationStatus: {
    fields: {
      conditions: {
        type: "[]PriorityLevelConfigurationCondition",
        pb: 1,
        listType: "map",
        listMapKeys: ["type"],
        patchStrategy: ["merge"],
        patchMergeKey: "type",
      },
    },
  },
  PriorityLevelConfigurationCondition: {
    fields: {
      type: { type: "string", pb: 1 },
      status: { type: "ConditionStatus", pb: 2 },
      lastTransitionTime: { type: "Time", pb: 3 },
      reason: { type: "string", pb: 4 },
      message: { type: "string", pb: 5 },
    },
  },
  ConditionStatus: { known: ["False", "True", "Unknown"] },
  PriorityLevelConfigurationReference: {
    fields: {
      name: { type: "string", pb: 1, required: true },
    },
  },
  PriorityLevelConfigurationList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]PriorityLevelConfiguration", pb: 2, required: true },
    },
  },
};
