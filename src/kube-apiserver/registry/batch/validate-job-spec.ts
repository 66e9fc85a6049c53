import type { FieldError } from "../../../apimachinery/validation/field-error.ts";
import {
  fieldDuplicate,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  fieldTooLong,
  fieldTooMany,
  omittedValue,
} from "../../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import { utf8Length, validateQualifiedName } from "../../../apimachinery/validation/names.ts";
import type {
  JobSpec,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyOnPodConditionsPattern,
  PodFailurePolicyRule,
  SuccessPolicyRule,
} from "../../../api/batch/v1/types.gen.ts";
import { nonNegative, syntax } from "../../validation/common.ts";
import { validateDomainPrefixedPath } from "../../validation/domain-prefixed-path.ts";
import { internalForm } from "../../../api/internal-form.ts";
import { validatePodTemplateSpec } from "../../validation/pod-spec.ts";
import { countIndexes, IndexRangesError, parseIndexRanges } from "./index-ranges.ts";

const managedByBytesMax = 63;
const indexedParallelismMax = 100_000;
const failedIndexesMax = 100_000;
/** Above so many completions what is said of single indexes must stay small. */
const manyCompletions = 100_000;
const parallelismOfManyMax = 10_000;
const failedIndexesOfManyMax = 10_000;
const rulesMax = 20;
const successRulesMax = 20;
const exitCodesMax = 255;
const patternsMax = 20;
const succeededIndexesBytesMax = 64 * 1024;

const failureActions = ["Count", "FailIndex", "FailJob", "Ignore"];
const exitCodeOperators = ["In", "NotIn"];
const conditionStatuses = ["False", "True", "Unknown"];
const replacementPolicies = ["Failed", "TerminatingOrFailed"];

/** The rules of a job's spec, in a job and in a template for jobs. */
export function validateJobSpec(job: JobSpec, path: FieldPath): readonly FieldError[] {
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
  if (job.maxFailedIndexes !== undefined && job.backoffLimitPerIndex === undefined) {
    errors.push(fieldRequired(path.child("backoffLimitPerIndex"), "when maxFailedIndexes is specified"));
  }
  if (job.managedBy !== undefined) {
    const at = path.child("managedBy");
    errors.push(...validateDomainPrefixedPath(at, job.managedBy));
    if (utf8Length(job.managedBy) > managedByBytesMax) errors.push(fieldTooLong(at, managedByBytesMax));
  }
  return [
    ...errors,
    ...validateCompletionMode(job, path),
    ...validateFailurePolicy(job, path.child("podFailurePolicy")),
    ...validateSuccessPolicy(job, path.child("successPolicy")),
    ...validateReplacementPolicy(job, path.child("podReplacementPolicy")),
    ...validatePodTemplateSpec(job.template, path.child("template")),
    ...validateRestartPolicy(job, path.child("template", "spec", "restartPolicy")),
  ];
}

function validateCompletionMode(job: JobSpec, path: FieldPath): readonly FieldError[] {
  const { completionMode: mode } = job;
  if (mode === "Indexed") return validateIndexed(job, path);
  if (mode !== undefined && mode !== "NonIndexed") {
    return [fieldNotSupported(path.child("completionMode"), mode, ["NonIndexed", "Indexed"])];
  }
  return (["backoffLimitPerIndex", "maxFailedIndexes"] as const)
    .filter((field) => job[field] !== undefined)
    .map((field) => fieldInvalid(path.child(field), job[field], "requires indexed completion mode"));
}

function validateIndexed(job: JobSpec, path: FieldPath): readonly FieldError[] {
  const { completions, parallelism, maxFailedIndexes: failed, backoffLimitPerIndex } = job;
  const errors: FieldError[] = [];
  const atMost = (field: "parallelism" | "maxFailedIndexes", max: number, when: string): void => {
    const value = job[field];
    if (value === undefined || value <= max) return;
    errors.push(fieldInvalid(path.child(field), value, `must be less than or equal to ${max}${when}`));
  };
  if (completions === undefined) {
    errors.push(fieldRequired(path.child("completions"), "when completion mode is Indexed"));
  }
  atMost("parallelism", indexedParallelismMax, " when completion mode is Indexed");
  if (completions !== undefined && failed !== undefined && failed > completions) {
    errors.push(fieldInvalid(path.child("maxFailedIndexes"), failed, "must be less than or equal to completions"));
  }
  atMost("maxFailedIndexes", failedIndexesMax, "");
  if ((completions ?? 0) <= manyCompletions || backoffLimitPerIndex === undefined) return errors;
  if (failed === undefined) {
    const why = `must be specified when completions is above ${manyCompletions}`;
    errors.push(fieldRequired(path.child("maxFailedIndexes"), why));
  }
  const when = ` when completions are above ${manyCompletions} and used with backoff limit per index`;
  if (parallelism !== undefined) atMost("parallelism", parallelismOfManyMax, when);
  atMost("maxFailedIndexes", failedIndexesOfManyMax, when);
  return errors;
}

function validateFailurePolicy(job: JobSpec, path: FieldPath): readonly FieldError[] {
  if (!job.podFailurePolicy) return [];
  const at = path.child("rules");
  // A list the client left out is null.
  const rules = job.podFailurePolicy.rules ?? [];
  const { containers, initContainers } = job.template.spec;
  const names = new Set([...(containers ?? []), ...(initContainers ?? [])].map(({ name }) => name));
  return [
    ...(rules.length > rulesMax ? [fieldTooMany(at, rules.length, rulesMax)] : []),
    ...rules.flatMap((rule, i) => validateFailureRule(rule, job, names, at.index(i))),
  ];
}

function validateFailureRule(
  { action, onExitCodes, onPodConditions = [] }: PodFailurePolicyRule,
  job: JobSpec,
  containers: ReadonlySet<string>,
  path: FieldPath,
): readonly FieldError[] {
  const at = path.child("action");
  const errors: FieldError[] = [];
  if (!action) errors.push(fieldRequired(at, validValues(failureActions)));
  else if (!failureActions.includes(action)) errors.push(fieldNotSupported(at, action, failureActions));
  else if (action === "FailIndex" && job.backoffLimitPerIndex === undefined) {
    errors.push(fieldInvalid(at, action, "requires the backoffLimitPerIndex to be set"));
  }
  if (onExitCodes) errors.push(...validateExitCodes(onExitCodes, containers, path.child("onExitCodes")));
  errors.push(...validatePatterns(onPodConditions, path.child("onPodConditions")));
  if (onExitCodes && onPodConditions.length > 0) {
    const why = "specifying both OnExitCodes and OnPodConditions is not supported";
    errors.push(fieldInvalid(path, omittedValue, why));
  }
  if (!onExitCodes && onPodConditions.length === 0) {
    const why = "specifying one of OnExitCodes and OnPodConditions is required";
    errors.push(fieldInvalid(path, omittedValue, why));
  }
  return errors;
}

function validValues(values: readonly string[]): string {
  return `valid values: [${values.map((value) => `"${value}"`).join(" ")}]`;
}

function validateExitCodes(
  { operator, containerName, values }: PodFailurePolicyOnExitCodesRequirement,
  containers: ReadonlySet<string>,
  path: FieldPath,
): readonly FieldError[] {
  const errors: FieldError[] = [];
  const operatorAt = path.child("operator");
  if (!operator) errors.push(fieldRequired(operatorAt, validValues(exitCodeOperators)));
  else if (!exitCodeOperators.includes(operator)) {
    errors.push(fieldNotSupported(operatorAt, operator, exitCodeOperators));
  }
  if (containerName !== undefined && !containers.has(containerName)) {
    const why = "must be one of the container or initContainer names in the pod template";
    errors.push(fieldInvalid(path.child("containerName"), containerName, why));
  }
  const at = path.child("values");
  // A list the client left out is null.
  const codes = values ?? [];
  if (codes.length === 0) errors.push(fieldInvalid(at, values, "at least one value is required"));
  else if (codes.length > exitCodesMax) errors.push(fieldTooMany(at, codes.length, exitCodesMax));
  for (const [i, code] of codes.entries()) {
    if (operator === "In" && code === 0) {
      errors.push(fieldInvalid(at.index(i), code, "must not be 0 for the In operator"));
    }
    if (codes.indexOf(code) < i) errors.push(fieldDuplicate(at.index(i), code));
  }
  if (codes.some((code, i) => i > 0 && (codes[i - 1] ?? code) > code)) {
    errors.push(fieldInvalid(at, values, "must be ordered"));
  }
  return errors;
}

function validatePatterns(
  patterns: readonly PodFailurePolicyOnPodConditionsPattern[],
  path: FieldPath,
): readonly FieldError[] {
  return [
    ...(patterns.length > patternsMax ? [fieldTooMany(path, patterns.length, patternsMax)] : []),
    ...patterns.flatMap(({ type, status }, i) => {
      const at = path.index(i).child("status");
      const errors: FieldError[] = [...syntax(path.index(i).child("type"), type, validateQualifiedName(type))];
      if (!status) errors.push(fieldRequired(at, validValues(conditionStatuses)));
      else if (!conditionStatuses.includes(status)) errors.push(fieldNotSupported(at, status, conditionStatuses));
      return errors;
    }),
  ];
}

function validateSuccessPolicy(job: JobSpec, path: FieldPath): readonly FieldError[] {
  const { successPolicy: policy, completions = 0 } = job;
  if (!policy) return [];
  if (job.completionMode !== "Indexed") {
    return [fieldInvalid(path, internalForm(policy, "batch/v1.SuccessPolicy"), "requires indexed completion mode")];
  }
  const at = path.child("rules");
  // A list the client left out is null.
  const rules = policy.rules ?? [];
  return [
    ...(rules.length === 0
      ? [fieldRequired(at, "at least one rules must be specified when the successPolicy is specified")]
      : []),
    ...(rules.length > successRulesMax ? [fieldTooMany(at, rules.length, successRulesMax)] : []),
    ...rules.flatMap((rule, i) => validateSuccessRule(rule, completions, at.index(i))),
  ];
}

function validateSuccessRule(
  { succeededCount: count, succeededIndexes: indexes }: SuccessPolicyRule,
  completions: number,
  path: FieldPath,
): readonly FieldError[] {
  const errors: FieldError[] = [];
  if (count === undefined && indexes === undefined) {
    errors.push(fieldRequired(path, "at least one of succeededCount or succeededIndexes must be specified"));
  }
  let total = 0;
  if (indexes !== undefined) {
    const at = path.child("succeededIndexes");
    if (utf8Length(indexes) > succeededIndexesBytesMax) errors.push(fieldTooLong(at, succeededIndexesBytesMax));
    try {
      total = countIndexes(parseIndexRanges(indexes, completions));
    } catch (error) {
      if (!(error instanceof IndexRangesError)) throw error;
      errors.push(fieldInvalid(at, indexes, `error parsing succeededIndexes: ${error.message}`));
    }
  }
  if (count === undefined) return errors;
  const at = path.child("succeededCount");
  errors.push(...nonNegative(at, count));
  const atMost = (max: number, what: string): void => {
    if (count > max)
      errors.push(fieldInvalid(at, count, `must be less than or equal to ${max} (the number of ${what})`));
  };
  atMost(completions, "specified completions");
  if (indexes !== undefined) atMost(total, "indexes in the specified succeededIndexes field");
  return errors;
}

/** Pods that a failure policy has to judge are replaced only once it can. */
function validateReplacementPolicy(job: JobSpec, path: FieldPath): readonly FieldError[] {
  const { podReplacementPolicy: policy } = job;
  const values = job.podFailurePolicy ? ["Failed"] : replacementPolicies;
  return policy === undefined || values.includes(policy) ? [] : [fieldNotSupported(path, policy, values)];
}

function validateRestartPolicy(job: JobSpec, path: FieldPath): readonly FieldError[] {
  const { restartPolicy = "" } = job.template.spec;
  if (restartPolicy === "Always" || restartPolicy === "") {
    return [fieldRequired(path, 'valid values: "OnFailure", "Never"')];
  }
  if (restartPolicy !== "OnFailure" && restartPolicy !== "Never") {
    return [fieldNotSupported(path, restartPolicy, ["OnFailure", "Never"])];
  }
  if (!job.podFailurePolicy || restartPolicy === "Never") return [];
  return [fieldInvalid(path, restartPolicy, 'only "Never" is supported when podFailurePolicy is specified')];
}
