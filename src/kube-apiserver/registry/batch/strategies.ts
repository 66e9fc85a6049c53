import type { Mutable } from "../../../apimachinery/resource-type.ts";
import type { FieldError } from "../../../apimachinery/validation/field-error.ts";
import { fieldInvalid, fieldNotSupported, fieldRequired } from "../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import { parseSchedule, ScheduleError } from "../../../component-helpers/cron/schedule.ts";
import { isTimeZone, TimeZone } from "../../../component-helpers/cron/time-zone.ts";
import { nameIsDnsSubdomain, validateDns1123Label } from "../../../apimachinery/validation/names.ts";
import type { Container, PodTemplateSpec } from "../../../api/core/v1/types.gen.ts";
import type { CronJob, Job, JobSpec } from "../../../api/batch/v1/types.gen.ts";
import type { RequestContext, Strategy } from "../../../apiserver/registry/rest/strategy.ts";
import { cronJobCells, jobCells } from "../../printers/workloads.ts";
import { labelMatcher } from "../../../component-helpers/label-selector.ts";
import { semanticEqual } from "../../../component-helpers/semantic-equal.ts";
import { immutable, nonNegative, oneOf, sortedMap } from "../../validation/common.ts";
import type { LabelSelector } from "../../../apimachinery/meta/v1/types.gen.ts";
import { internalForm } from "../../../api/internal-form.ts";
import { validateLabelSelector } from "../../validation/label-selector.ts";
import { validateJobSpec } from "./validate-job-spec.ts";
import { validateJobStatus } from "./validate-job-status.ts";
import { validateTemplateMatches } from "../../validation/workload.ts";
import { hostnameWarnings, podWarnings } from "../../validation/pod-warnings.ts";

const spec = FieldPath.of("spec");
const jobNameLabels = ["batch.kubernetes.io/job-name", "job-name"];
const controllerUidLabel = "batch.kubernetes.io/controller-uid";
const prefixedLabels = [controllerUidLabel, "batch.kubernetes.io/job-name"];
const controllerUidLabels = [controllerUidLabel, "controller-uid"];

/** Unless told otherwise a job selects its pods by its own uid, so that two jobs never share one. */
function generateSelector(job: Mutable<Job>, { dryRun }: RequestContext): void {
  if (job.spec.manualSelector) return;
  const { name, uid } = job.metadata;
  const before = job.spec.template.metadata.labels;
  const labels: Record<string, string> = { ...before };
  for (const label of jobNameLabels) labels[label] ??= name;
  for (const label of controllerUidLabels) labels[label] ??= uid;
  job.spec.template.metadata.labels = labels;
  // A job without labels has its template's: by default, or, where that had none either, from when it is read back.
  const isShared = before !== undefined && job.metadata.labels === before;
  if (isShared || (job.metadata.labels === undefined && !dryRun)) job.metadata.labels = { ...labels };
  const selector = job.spec.selector ?? {};
  job.spec.selector = { ...selector, matchLabels: { ...selector.matchLabels, [controllerUidLabel]: uid } };
}

function validateJob(job: Job, old?: Job): readonly FieldError[] {
  const { completions, completionMode } = job.spec;
  const { name } = job.metadata;
  const errors: FieldError[] = [...validateGeneratedSelector(job, old), ...validateSelectingJobSpec(job.spec)];
  if (completionMode !== "Indexed" || !completions || completions <= 0) return errors;
  // Pods of an indexed job are named after it and their index.
  const hostname = `${name}-${completions - 1}`;
  if (validateDns1123Label(hostname).length === 0) return errors;
  const why = `will not able to create pod with invalid DNS label: ${hostname}`;
  return [...errors, fieldInvalid(FieldPath.of("metadata", "name"), name, why)];
}

/** The spec of a job, which selects its pods; that of a template has no selector yet. */
function validateSelectingJobSpec(job: JobSpec): readonly FieldError[] {
  const selectorErrors = validateLabelSelector(job.selector, spec.child("selector"));
  return [
    ...validateJobSpec(job, spec),
    ...(job.selector ? selectorErrors : [fieldRequired(spec.child("selector"))]),
    ...(selectorErrors.length > 0 ? [] : validateTemplateMatches(job.selector, job.template, spec)),
  ];
}

/** `old` is there for an update: jobs from before the labels with a prefix need not have them. */
function validateGeneratedSelector({ metadata, spec: job }: Job, old?: Job): readonly FieldError[] {
  if (job.manualSelector || !job.selector) return [];
  const { name, uid } = metadata;
  const path = spec.child("template", "metadata", "labels");
  const oldLabels = old?.spec.template.metadata.labels ?? {};
  const isOld = old !== undefined && !prefixedLabels.every((label) => label in oldLabels);
  const generated: Readonly<Record<string, string>> = {
    "controller-uid": uid,
    "job-name": name,
    ...(isOld ? {} : { [controllerUidLabel]: uid, "batch.kubernetes.io/job-name": name }),
  };
  const labels = job.template.metadata.labels ?? {};
  const errors = Object.entries(generated).flatMap(([label, wanted]) => {
    const actual = labels[label];
    if (actual === wanted) return [];
    if (actual === undefined) return [fieldRequired(path.key(label), `must be '${wanted}'`)];
    return [fieldInvalid(path.key(label), sortedMap(labels), `must be '${wanted}'`)];
  });
  const isWellFormed = validateLabelSelector(job.selector, spec).length === 0;
  if (!isWellFormed || labelMatcher(job.selector)(generated)) return errors;
  return [...errors, fieldInvalid(spec.child("selector"), job.selector, "`selector` not auto-generated")];
}

/** As messages show it, whose maps are sorted. */
function withSortedLabels(selector: LabelSelector | undefined): LabelSelector | undefined {
  const labels = sortedMap(selector?.matchLabels);
  return selector && labels ? { ...selector, matchLabels: labels } : selector;
}

function validateJobUpdate(job: Job, old: Job): readonly FieldError[] {
  const [next, before] = [job.spec, old.spec];
  const fixed = (field: "podFailurePolicy" | "successPolicy", type: string): readonly FieldError[] =>
    semanticEqualParts(next[field], before[field])
      ? []
      : [fieldInvalid(spec.child(field), internalForm(next[field], type), "field is immutable")];
  return [
    ...validateJob(job, old),
    ...validateCompletionsUpdate(next, before),
    ...immutable(spec.child("selector"), withSortedLabels(next.selector), before.selector),
    ...validateTemplateUpdate(job, old),
    ...immutable(spec.child("completionMode"), next.completionMode, before.completionMode),
    ...fixed("podFailurePolicy", "batch/v1.PodFailurePolicy"),
    ...immutable(spec.child("backoffLimitPerIndex"), next.backoffLimitPerIndex, before.backoffLimitPerIndex),
    ...immutable(spec.child("managedBy"), next.managedBy, before.managedBy),
    ...fixed("successPolicy", "batch/v1.SuccessPolicy"),
  ];
}

/** Of a job at rest, where its pods may run and what they ask for may change, and nothing else of the template. */
function validateTemplateUpdate({ spec: { template } }: Job, old: Job): readonly FieldError[] {
  const path = spec.child("template");
  if (!isAtRest(old)) {
    return semanticEqual(template, old.spec.template)
      ? []
      : [fieldInvalid(path, internalForm(template, "core/v1.PodTemplateSpec"), "field is immutable")];
  }
  const fixed = ({ spec: pod }: PodTemplateSpec): unknown => {
    const { nodeSelector: _selector, tolerations: _tolerations, schedulingGates: _gates, affinity, ...rest } = pod;
    const { nodeAffinity: _nodes, ...affinities } = affinity ?? {};
    const placed = (containers: readonly Container[] | undefined): unknown =>
      (containers ?? []).map((container) => ({ ...container, resources: {} }));
    const { containers, initContainers } = pod;
    return { ...rest, affinities, containers: placed(containers), initContainers: placed(initContainers) };
  };
  if (semanticEqual(fixed(template), fixed(old.spec.template))) return [];
  const shown = internalForm(template.spec, "core/v1.PodSpec");
  return [fieldInvalid(path.child("spec"), shown, "field is immutable")];
}

/** Suspended, with no pod left of when it ran. */
function isAtRest({ spec: job, status }: Job): boolean {
  const isSuspended = (status.conditions ?? []).some(({ type, status: is }) => type === "Suspended" && is === "True");
  return job.suspend === true && (status.startTime === undefined || isSuspended) && (status.active ?? 0) === 0;
}

/** A policy that is there and says nothing is not the same as none. */
function semanticEqualParts(a: object | undefined, b: object | undefined): boolean {
  return (a === undefined) === (b === undefined) && semanticEqual(a, b);
}

/** Only an indexed job may change how many pods it is to complete, and only with how many run at once. */
function validateCompletionsUpdate(next: JobSpec, old: JobSpec): readonly FieldError[] {
  const path = spec.child("completions");
  const { completions, parallelism } = next;
  if (next.completionMode !== "Indexed") return immutable(path, completions, old.completions);
  if (completions === undefined || completions === old.completions || completions === parallelism) return [];
  return [fieldInvalid(path, completions, "can only be modified in tandem with spec.parallelism")];
}

const podsStay =
  "child pods are preserved by default when jobs are deleted; " +
  "set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning";

const completionsMax = 100_000;
const parallelismMax = 10_000;

function jobSpecWarnings(job: JobSpec, path: FieldPath): readonly string[] {
  const isHuge =
    job.completionMode === "Indexed" &&
    (job.completions ?? 0) > completionsMax &&
    (job.parallelism ?? 0) > parallelismMax;
  const why =
    "In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, " +
    "Kubernetes might not be able to track completedIndexes when a big number of indexes fail";
  return [...(isHuge ? [`${path.toString()}: ${why}`] : []), ...podWarnings(job.template, path.child("template"))];
}

export const jobStrategy: Strategy<Job> = {
  checksNameOnUpdate: true,
  prepareForCreate: generateSelector,
  validate: (job: Job) => validateJob(job),
  validateUpdate: validateJobUpdate,
  validateStatus: validateJobStatus,
  warningsOnCreate: (job) => [
    ...hostnameWarnings(job.metadata.name, "Pod names and hostnames"),
    ...jobSpecWarnings(job.spec, spec),
  ],
  warningsOnUpdate: (job, old) =>
    job.metadata.generation === old.metadata.generation ? [] : jobSpecWarnings(job.spec, spec),
  defaultGarbageCollectionPolicy: "Orphan",
  warningsOnDelete: ({ propagationPolicy, orphanDependents }) =>
    propagationPolicy === undefined && orphanDependents === undefined ? [podsStay] : [],
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
    ...validateJobTemplate(jobTemplate.spec, spec.child("jobTemplate", "spec")),
    ...nonNegative(spec.child("successfulJobsHistoryLimit"), cronJob.spec.successfulJobsHistoryLimit),
    ...nonNegative(spec.child("failedJobsHistoryLimit"), cronJob.spec.failedJobsHistoryLimit),
  ];
}

/** Jobs that are made again and again select their pods by what the server gives each. */
function validateJobTemplate(job: JobSpec, path: FieldPath): readonly FieldError[] {
  const errors = [...validateJobSpec(job, path)];
  if (job.selector) {
    errors.push(fieldInvalid(path.child("selector"), job.selector, "`selector` will be auto-generated"));
  }
  if (job.manualSelector) {
    errors.push(fieldNotSupported(path.child("manualSelector"), job.manualSelector, ["nil", "false"]));
  }
  return errors;
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

const zoneInSchedule =
  "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see " +
  "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details";

export const cronJobStrategy: Strategy<CronJob> = {
  validateName: nameIsDnsSubdomain,
  validate: (cronJob: CronJob) => validateCronJob(cronJob),
  validateUpdate: validateCronJob,
  warningsOnCreate: (cronJob) => [
    ...hostnameWarnings(cronJob.metadata.name, "Pod names and hostnames"),
    ...jobSpecWarnings(cronJob.spec.jobTemplate.spec, spec.child("jobTemplate", "spec")),
  ],
  warningsOnUpdate: (cronJob, old) => [
    ...(cronJob.metadata.generation === old.metadata.generation
      ? []
      : jobSpecWarnings(cronJob.spec.jobTemplate.spec, spec.child("jobTemplate", "spec"))),
    ...(cronJob.spec.schedule.includes("TZ") ? [zoneInSchedule] : []),
  ],
  defaultGarbageCollectionPolicy: "Background",
  tableCells: cronJobCells,
};
