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
        { name: "Schedule", type: "string" },
        { name: "Timezone", type: "string" },
        { name: "Suspend", type: "boolean" },
        { name: "Active", type: "integer" },
        { name: "Last Schedule", type: "string" },
        ageColumn,
        { name: "Containers", type: "string", wide: true },
        { name: "Images", type: "string", wide: true },
        { name: "Selector", type: "string", wide: true },
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
        { name: "Status", type: "string" },
        { name: "Completions", type: "string" },
        { name: "Duration", type: "string" },
        ageColumn,
        { name: "Containers", type: "string", wide: true },
        { name: "Images", type: "string", wide: true },
        { name: "Selector", type: "string", wide: true },
      ],
    },
  ],
};
