import type { ApiVersionSchema } from "../../../apimachinery/schema/resource-schema.ts";
import { ageColumn, nameColumn, statusSubresource } from "../../../apimachinery/schema/resource-schema.ts";
import { descriptions } from "./descriptions.ts";
import { cronJobTypes } from "./cron-job.ts";
import { jobTypes } from "./job.ts";

export const batchV1: ApiVersionSchema = {
  group: "batch",
  version: "v1",
  folder: "batch/v1",
  goPackage: "io.k8s.api.batch.v1",
  types: [cronJobTypes, jobTypes],
  descriptions,
  resources: [
    {
      resource: "cronjobs",
      kind: "CronJob",
      namespaced: true,
      shortNames: ["cj"],
      categories: ["all"],
      storageVersionHash: "sd5LIXh4Fjs=",
      subresources: [statusSubresource],
      columns: [
        nameColumn,
        { name: "Schedule", type: "string", of: "CronJobSpec.schedule" },
        { name: "Timezone", type: "string", of: "CronJobSpec.timeZone" },
        { name: "Suspend", type: "boolean", of: "CronJobSpec.suspend" },
        { name: "Active", type: "integer", of: "CronJobStatus.active" },
        { name: "Last Schedule", type: "string", of: "CronJobStatus.lastScheduleTime" },
        ageColumn,
        { name: "Containers", type: "string", description: "The names of the containers in the template.", wide: true },
        { name: "Images", type: "string", description: "The images of the containers in the template.", wide: true },
        { name: "Selector", type: "string", description: "The labels of the pods it is about.", wide: true },
      ],
    },
    {
      resource: "jobs",
      kind: "Job",
      namespaced: true,
      categories: ["all"],
      storageVersionHash: "mudhfqk/qZY=",
      fieldSelectors: ["metadata.name", "metadata.namespace", "status.successful"],
      subresources: [statusSubresource],
      columns: [
        nameColumn,
        { name: "Status", type: "string", description: "How far it is, in one word." },
        { name: "Completions", type: "string", of: "JobStatus.succeeded" },
        { name: "Duration", type: "string", description: "How long it took, or has been running." },
        ageColumn,
        { name: "Containers", type: "string", description: "The names of the containers in the template.", wide: true },
        { name: "Images", type: "string", description: "The images of the containers in the template.", wide: true },
        { name: "Selector", type: "string", description: "The labels of the pods it is about.", wide: true },
      ],
    },
  ],
};
