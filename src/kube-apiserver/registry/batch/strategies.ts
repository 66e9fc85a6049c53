import type { Mutable } from "../../../apimachinery/resource-type.ts";
import type { FieldError } from "../../../apimachinery/validation/field-error.ts";
import { fieldInvalid, fieldNotSupported, fieldRequired } from "../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import { parseSchedule, ScheduleError } from "../../../component-helpers/cron/schedule.ts";
import { isTimeZone, TimeZone } from "../../../component-helpers/cron/time-zone.ts";
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

function validateCronJob(cronJob: CronJob, old?: CronJob): readonly FieldError[] {
  const { schedule, timeZone, concurrencyPolicy, jobTemplate } = cronJob.spec;
  const errors: FieldError[] = [];
  // What has its name already must remain changeable.
  if (!old && cronJob.metadata.name.length > cronJobNameMax) {
    const why = `must be no more than ${cronJobNameMax} characters`;
    errors.push(fieldInvalid(FieldPath.of("metadata", "name"), cronJob.metadata.name, why));
  }
  if (schedule) errors.push(...validateSchedule(cronJob, old, spec.child("schedule")));
  else errors.push(fieldRequired(spec.child("schedule")));
  errors.push(...nonNegative(spec.child("startingDeadlineSeconds"), cronJob.spec.startingDeadlineSeconds));
  if (timeZone !== undefined && (!old || timeZone !== old.spec.timeZone))
    errors.push(...validateTimeZone(timeZone, spec.child("timeZone")));
  return [
    ...errors,
    ...oneOf(spec.child("concurrencyPolicy"), concurrencyPolicy, ["Allow", "Forbid", "Replace"]),
    ...validateJobSpec(jobTemplate.spec, spec.child("jobTemplate", "spec")),
    ...nonNegative(spec.child("successfulJobsHistoryLimit"), cronJob.spec.successfulJobsHistoryLimit),
    ...nonNegative(spec.child("failedJobsHistoryLimit"), cronJob.spec.failedJobsHistoryLimit),
  ];
}

const zonePrefix = /^(?:CRON_)?TZ=\S*\s+/;

/** By the parser of the controller that runs schedules. A zone within the text is of old, and stays where it is. */
function validateSchedule({ spec }: CronJob, old: CronJob | undefined, path: FieldPath): readonly FieldError[] {
  const { schedule, timeZone } = spec;
  const errors: FieldError[] = [];
  try {
    parseSchedule(schedule.replace(zonePrefix, ""), new TimeZone());
  } catch (error) {
    if (!(error instanceof ScheduleError)) throw error;
    errors.push(fieldInvalid(path, schedule, error.message));
  }
  if (!schedule.includes("TZ")) return errors;
  if (!old?.spec.schedule.includes("TZ"))
    errors.push(fieldInvalid(path, schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"));
  else if (timeZone !== undefined)
    errors.push(fieldInvalid(path, schedule, "cannot use both timeZone field and TZ or CRON_TZ in schedule"));
  return errors;
}

const zoneNamePart = /^[A-Za-z.\-_0-9+]{1,14}$/;

function validateTimeZone(name: string, path: FieldPath): readonly FieldError[] {
  if (name === "") return [fieldInvalid(path, name, "timeZone must be nil or non-empty string")];
  const unknown = fieldInvalid(path, name, `unknown time zone ${name}`);
  const isBadPart = (part: string): boolean =>
    part === "." || part === ".." || part.startsWith("-") || !zoneNamePart.test(part);
  if (name.split("/").some(isBadPart)) return [unknown];
  const errors: FieldError[] = [];
  if (name.toLowerCase() === "local") {
    const why = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
    errors.push(fieldInvalid(path, name, why));
  }
  // Upstream knows the zone of the machine, too.
  if (name !== "Local" && !isTimeZone(name)) errors.push(unknown);
  return errors;
}

export const cronJobStrategy: Strategy<CronJob> = {
  validateName: nameIsDnsSubdomain,
  validate: (cronJob: CronJob) => validateCronJob(cronJob),
  validateUpdate: validateCronJob,
  defaultGarbageCollectionPolicy: "Background",
  tableCells: cronJobCells,
};
