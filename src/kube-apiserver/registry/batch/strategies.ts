import type { Mutable } from "../../../apimachinery/resource-type.ts";
import type { FieldError } from "../../../apimachinery/validation/field-error.ts";
import { fieldInvalid, fieldNotSupported, fieldRequired } from "../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import { nameIsDnsSubdomain } from "../../../apimachinery/validation/names.ts";
import type { CronJob, Job, JobSpec } from "../../../api/batch/v1/types.gen.ts";
import type { Strategy } from "../../../apiserver/registry/rest/strategy.ts";
import { cronJobCells, jobCells } from "../../printers/workloads.ts";
import { immutable, nonNegative, oneOf } from "../../validation/common.ts";
import { validateLabelSelector } from "../../validation/label-selector.ts";
import { validatePodTemplateSpec } from "../../validation/pod-spec.ts";
import { validateTemplateMatches } from "../../validation/workload.ts";

const spec = FieldPath.of("spec");
const jobNameLabels = ["batch.kubernetes.io/job-name", "job-name"];
const controllerUidLabel = "batch.kubernetes.io/controller-uid";
const controllerUidLabels = [controllerUidLabel, "controller-uid"];

/** Unless told otherwise a job selects its pods by its own uid, so that two jobs never share one. */
function generateSelector(job: Mutable<Job>): void {
  if (job.spec.manualSelector) return;
  const { name, uid } = job.metadata;
  const labels: Record<string, string> = { ...job.spec.template.metadata.labels };
  for (const label of jobNameLabels) labels[label] ??= name;
  for (const label of controllerUidLabels) labels[label] ??= uid;
  job.spec.template.metadata.labels = labels;
  const selector = job.spec.selector ?? {};
  job.spec.selector = { ...selector, matchLabels: { ...selector.matchLabels, [controllerUidLabel]: uid } };
}

function validateJobSpec(job: JobSpec, path: FieldPath): readonly FieldError[] {
  const template = path.child("template");
  const restartPolicy = job.template.spec.restartPolicy ?? "";
  const at = template.child("spec", "restartPolicy");
  const errors: FieldError[] = [];
  for (const field of [
    "parallelism",
    "completions",
    "activeDeadlineSeconds",
    "backoffLimit",
    "ttlSecondsAfterFinished",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
  ] as const) {
    errors.push(...nonNegative(path.child(field), job[field]));
  }
  errors.push(...validatePodTemplateSpec(job.template, template));
  if (restartPolicy === "Always") errors.push(fieldRequired(at, 'valid values: "OnFailure", "Never"'));
  else if (restartPolicy !== "OnFailure" && restartPolicy !== "Never") {
    errors.push(fieldNotSupported(at, restartPolicy, ["OnFailure", "Never"]));
  }
  if (job.completionMode === "Indexed" && job.completions === undefined) {
    errors.push(fieldRequired(path.child("completions"), "when completion mode is Indexed"));
  }
  errors.push(...oneOf(path.child("completionMode"), job.completionMode, ["NonIndexed", "Indexed"], true));
  return errors;
}

function validateJob(job: Job): readonly FieldError[] {
  const errors = [...validateJobSpec(job.spec, spec)];
  if (job.spec.selector) errors.push(...validateLabelSelector(job.spec.selector, spec.child("selector")));
  else errors.push(fieldRequired(spec.child("selector")));
  if (!job.spec.manualSelector && job.spec.selector?.matchLabels?.[controllerUidLabel] !== job.metadata.uid) {
    errors.push(fieldInvalid(spec.child("selector"), job.spec.selector, "`selector` not auto-generated"));
  }
  return [...errors, ...validateTemplateMatches(job.spec.selector, job.spec.template, spec.child("template"))];
}

export const jobStrategy: Strategy<Job> = {
  prepareForCreate: generateSelector,
  validate: validateJob,
  validateUpdate: (job: Job, old: Job) => [
    ...validateJob(job),
    ...immutable(spec.child("selector"), job.spec.selector, old.spec.selector),
    ...immutable(spec.child("completionMode"), job.spec.completionMode, old.spec.completionMode),
    ...(job.spec.completionMode === "Indexed"
      ? []
      : immutable(spec.child("completions"), job.spec.completions, old.spec.completions)),
    // A job that has not started may still be placed elsewhere; the whole template is then open here.
    ...(old.spec.suspend && !old.status.startTime
      ? []
      : immutable(spec.child("template"), job.spec.template, old.spec.template)),
    ...immutable(spec.child("podFailurePolicy"), job.spec.podFailurePolicy, old.spec.podFailurePolicy),
    ...immutable(spec.child("successPolicy"), job.spec.successPolicy, old.spec.successPolicy),
    ...immutable(spec.child("managedBy"), job.spec.managedBy, old.spec.managedBy),
  ],
  defaultGarbageCollectionPolicy: "Background",
  selectableFields: ({ status }: Job) => ({ "status.successful": String(status.succeeded ?? 0) }),
  tableCells: jobCells,
};

// A job's name is the cron job's plus 11 characters, and itself becomes part of a 63 character label.
const cronJobNameMax = 52;

function validateCronJob(cronJob: CronJob): readonly FieldError[] {
  const { schedule, concurrencyPolicy, jobTemplate } = cronJob.spec;
  const errors: FieldError[] = [];
  if (cronJob.metadata.name.length > cronJobNameMax) {
    const why = `must be no more than ${cronJobNameMax} characters`;
    errors.push(fieldInvalid(FieldPath.of("metadata", "name"), cronJob.metadata.name, why));
  }
  if (!schedule) errors.push(fieldRequired(spec.child("schedule")));
  else errors.push(...validateSchedule(schedule, spec.child("schedule")));
  return [
    ...errors,
    ...nonNegative(spec.child("startingDeadlineSeconds"), cronJob.spec.startingDeadlineSeconds),
    ...oneOf(spec.child("concurrencyPolicy"), concurrencyPolicy, ["Allow", "Forbid", "Replace"]),
    ...validateJobSpec(jobTemplate.spec, spec.child("jobTemplate", "spec")),
    ...nonNegative(spec.child("successfulJobsHistoryLimit"), cronJob.spec.successfulJobsHistoryLimit),
    ...nonNegative(spec.child("failedJobsHistoryLimit"), cronJob.spec.failedJobsHistoryLimit),
  ];
}

/** The form only: five fields or a descriptor. The controller, which runs schedules, knows their meaning. */
function validateSchedule(schedule: string, path: FieldPath): readonly FieldError[] {
  if (schedule.includes("TZ")) {
    return [fieldInvalid(path, schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead")];
  }
  if (schedule.startsWith("@")) {
    const isKnown = /^@(yearly|annually|monthly|weekly|daily|midnight|hourly|every .+)$/.test(schedule);
    return isKnown ? [] : [fieldInvalid(path, schedule, `unrecognized descriptor: ${schedule}`)];
  }
  const fields = schedule.trim().split(/\s+/);
  if (fields.length !== 5) {
    const why = `expected exactly 5 fields, found ${fields.length}: [${fields.join(" ")}]`;
    return [fieldInvalid(path, schedule, why)];
  }
  const bad = fields.find((field) => !/^[0-9A-Za-z*?/,-]+$/.test(field));
  return bad === undefined ? [] : [fieldInvalid(path, schedule, `failed to parse int from ${bad}`)];
}

export const cronJobStrategy: Strategy<CronJob> = {
  validateName: nameIsDnsSubdomain,
  validate: validateCronJob,
  validateUpdate: validateCronJob,
  defaultGarbageCollectionPolicy: "Background",
  tableCells: cronJobCells,
};
