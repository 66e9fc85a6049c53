import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const cronJobTypes: TypeSchemas = {
  CronJob: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "CronJobSpec", pb: 2, required: true, omit: true },
      status: { type: "CronJobStatus", pb: 3 },
    },
    defaults: {
      "spec.concurrencyPolicy": "Allow",
      "spec.suspend": false,
      "spec.successfulJobsHistoryLimit": 3,
      "spec.failedJobsHistoryLimit": 1,
    },
  },
  CronJobSpec: {
    fields: {
      schedule: { type: "string", pb: 1, required: true },
      timeZone: { type: "*string", pb: 8 },
      startingDeadlineSeconds: { type: "*int64", pb: 2 },
      concurrencyPolicy: { type: "ConcurrencyPolicy", pb: 3 },
      suspend: { type: "*bool", pb: 4 },
      jobTemplate: { type: "JobTemplateSpec", pb: 5, required: true },
      successfulJobsHistoryLimit: { type: "*int32", pb: 6 },
      failedJobsHistoryLimit: { type: "*int32", pb: 7 },
    },
  },
  ConcurrencyPolicy: { values: ["Allow", "Forbid", "Replace"] },
  JobTemplateSpec: {
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "JobSpec", pb: 2 },
    },
  },
  CronJobStatus: {
    fields: {
      active: { type: "[]core/v1.ObjectReference", pb: 1, listType: "atomic" },
      lastScheduleTime: { type: "*Time", pb: 4 },
      lastSuccessfulTime: { type: "*Time", pb: 5 },
    },
  },
  CronJobList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]CronJob", pb: 2, required: true },
    },
  },
};
