import type { FieldError } from "../../../apimachinery/validation/field-error.ts";
import {
  fieldDuplicate,
  fieldInvalid,
  fieldRequired,
  omittedValue,
} from "../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import type { Job, JobStatus, UncountedTerminatedPods } from "../../../api/batch/v1/types.gen.ts";
import { semanticEqual } from "../../../component-helpers/semantic-equal.ts";
import { validateCounts } from "../../validation/counts.ts";
import type { IndexRange } from "./index-ranges.ts";
import { IndexRangesError, parseIndexRanges } from "./index-ranges.ts";

const path = FieldPath.of("status");
const conditionsPath = path.child("conditions");

/** What the conditions of a job say of its end. */
function standing(status: JobStatus) {
  const isTrue = (type: string): boolean =>
    (status.conditions ?? []).some((condition) => condition.type === type && condition.status === "True");
  const isComplete = isTrue("Complete");
  const isFailed = isTrue("Failed");
  return {
    isComplete,
    isFailed,
    isFinished: isComplete || isFailed,
    isFailing: isTrue("FailureTarget"),
    isSucceeding: isTrue("SuccessCriteriaMet"),
    isSuspended: isTrue("Suspended"),
  };
}

/**
 * The status of a job as whoever manages it reports it: it never goes back on how the job ended. Most rules look only at
 * what the update changes, so that a status with an older fault can still be written.
 */
export function validateJobStatus(job: Job, old: Job): readonly FieldError[] {
  return [
    ...validateCounts({ ...countsOf(job.status) }, ["active", "succeeded", "failed", "ready", "terminating"]),
    ...validateUncounted(job.status.uncountedTerminatedPods),
    ...validateEnd(job, old),
    ...validateIndexes(job, old),
    ...validateLiveCounts(job, old),
    ...validateSuccess(job),
    ...validateHistory(job, old),
  ];
}

function countsOf({ active, succeeded, failed, ready, terminating }: JobStatus) {
  return { active, succeeded, failed, ready, terminating };
}

function validateUncounted(pods: UncountedTerminatedPods | undefined): readonly FieldError[] {
  const seen = new Set<string>();
  return (["succeeded", "failed"] as const).flatMap((field) =>
    (pods?.[field] ?? []).flatMap((uid, i) => {
      const at = path.child("uncountedTerminatedPods", field).index(i);
      if (uid === "") return [fieldInvalid(at, uid, "must not be empty")];
      if (seen.has(uid)) return [fieldDuplicate(at, uid)];
      seen.add(uid);
      return [];
    }),
  );
}

/** Conditions and times of the end fit together. */
function validateEnd({ spec, status }: Job, { status: old }: Job): readonly FieldError[] {
  const [now, before] = [standing(status), standing(old)];
  const { startTime, completionTime } = status;
  const isChanged = (field: "isComplete" | "isFailed" | "isFinished" | "isFailing" | "isSucceeding"): boolean =>
    now[field] !== before[field];
  const isStartChanged = !semanticEqual(startTime, old.startTime);
  const isCompletionChanged = !semanticEqual(completionTime, old.completionTime);
  const isUncountedChanged = !semanticEqual(status.uncountedTerminatedPods, old.uncountedTerminatedPods);
  const errors: FieldError[] = [];
  const refuse = (isWrong: boolean, why: string): void => {
    if (isWrong) errors.push(fieldInvalid(conditionsPath, omittedValue, why));
  };
  const endChanged = isChanged("isComplete") || isChanged("isFailed");
  refuse(endChanged && now.isComplete && now.isFailed, "cannot set Complete=True and Failed=true conditions");
  refuse(
    (isChanged("isComplete") || isChanged("isFailing")) && now.isComplete && now.isFailing,
    "cannot set Complete=True and FailureTarget=true conditions",
  );
  const completionAt = path.child("completionTime");
  if (isChanged("isComplete") || isCompletionChanged) {
    if (completionTime !== undefined && !now.isComplete) {
      const why = "cannot set completionTime when there is no Complete=True condition";
      errors.push(fieldInvalid(completionAt, completionTime, why));
    }
    if (completionTime === undefined && now.isComplete) {
      errors.push(fieldRequired(completionAt, "completionTime is required for Complete jobs"));
    }
  }
  const isReversed = startTime !== undefined && completionTime !== undefined && isEarlier(completionTime, startTime);
  if ((isStartChanged || isCompletionChanged) && isReversed) {
    errors.push(fieldInvalid(completionAt, completionTime, "must be equal to or after `startTime`"));
  }
  refuse(
    (isChanged("isFailed") || status.failedIndexes !== old.failedIndexes) && now.isFailed && !now.isFailing,
    "cannot set Failed=True condition without the FailureTarget=true condition",
  );
  refuse(
    (isChanged("isComplete") || isChanged("isSucceeding")) && now.isComplete && !now.isSucceeding,
    "cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
  );
  const { active = 0 } = status;
  if ((isChanged("isFinished") || active !== (old.active ?? 0)) && active > 0 && now.isFinished) {
    errors.push(fieldInvalid(path.child("active"), active, "active>0 is invalid for finished job"));
  }
  const isEmptyAndSuspended = spec.suspend === true && spec.completions === 0;
  const mustHaveStarted = (isChanged("isFinished") || isStartChanged) && !isEmptyAndSuspended;
  if (mustHaveStarted && startTime === undefined && now.isFinished) {
    errors.push(fieldRequired(path.child("startTime"), "startTime is required for finished job"));
  }
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  if ((isChanged("isFinished") || isUncountedChanged) && now.isFinished && succeeded.length + failed.length > 0) {
    const at = path.child("uncountedTerminatedPods");
    errors.push(fieldInvalid(at, status.uncountedTerminatedPods, "must be empty for finished job"));
  }
  return errors;
}

function isEarlier(a: string, b: string): boolean {
  return Date.parse(a) < Date.parse(b);
}

function validateIndexes({ spec, status }: Job, { status: old }: Job): readonly FieldError[] {
  const { completions } = spec;
  const { completedIndexes = "", failedIndexes } = status;
  const isCompletedChanged = completedIndexes !== (old.completedIndexes ?? "");
  const isFailedChanged = failedIndexes !== old.failedIndexes;
  const errors: FieldError[] = [];
  const parse = (field: "completedIndexes" | "failedIndexes", text: string): void => {
    const ranges = rangesOf(text, completions ?? 0);
    if (typeof ranges !== "string") return;
    errors.push(fieldInvalid(path.child(field), text, `error parsing ${field}: ${ranges}`));
  };
  if (isCompletedChanged && completions !== undefined) parse("completedIndexes", completedIndexes);
  const hasLimit = spec.backoffLimitPerIndex !== undefined;
  if (isFailedChanged && completions !== undefined && hasLimit && failedIndexes !== undefined) {
    parse("failedIndexes", failedIndexes);
  }
  if (isCompletedChanged && completedIndexes !== "" && spec.completionMode !== "Indexed") {
    const why = "cannot set non-empty completedIndexes when non-indexed completion mode";
    errors.push(fieldInvalid(path.child("completedIndexes"), completedIndexes, why));
  }
  if (isFailedChanged && failedIndexes !== undefined && !hasLimit) {
    const why = "cannot set non-null failedIndexes when backoffLimitPerIndex is null";
    errors.push(fieldInvalid(path.child("failedIndexes"), failedIndexes, why));
  }
  if ((isFailedChanged || isCompletedChanged) && completions !== undefined && failedIndexes !== undefined) {
    const overlap = overlapOf(validRanges(completedIndexes, completions), validRanges(failedIndexes, completions));
    if (overlap !== undefined) {
      const why = `failedIndexes and completedIndexes overlap at index: ${overlap}`;
      errors.push(fieldInvalid(path.child("failedIndexes"), failedIndexes, why));
    }
  }
  return errors;
}

/** The ranges, or what is wrong with the text. */
function rangesOf(text: string, completions: number): readonly IndexRange[] | string {
  try {
    return parseIndexRanges(text, completions);
  } catch (error) {
    if (!(error instanceof IndexRangesError)) throw error;
    return error.message;
  }
}

/** Each range of the text that can be read by itself. */
function validRanges(text: string, completions: number): readonly IndexRange[] {
  return text.split(",").flatMap((part) => {
    const ranges = rangesOf(part, completions);
    return typeof ranges === "string" ? [] : ranges;
  });
}

function overlapOf(some: readonly IndexRange[], others: readonly IndexRange[]): number | undefined {
  for (const [first, last] of some) {
    for (const [from, to] of others) if (first <= to && from <= last) return Math.max(first, from);
  }
  return undefined;
}

function validateLiveCounts({ status }: Job, { status: old }: Job): readonly FieldError[] {
  const { active = 0, ready, terminating } = status;
  const [now, before] = [standing(status), standing(old)];
  const errors: FieldError[] = [];
  const isTerminatingJudged = now.isFinished !== before.isFinished || terminating !== old.terminating;
  if (isTerminatingJudged && (terminating ?? 0) > 0 && now.isFinished) {
    errors.push(fieldInvalid(path.child("terminating"), terminating, "terminating>0 is invalid for finished job"));
  }
  if ((ready !== old.ready || active !== (old.active ?? 0)) && (ready ?? 0) > active) {
    errors.push(fieldInvalid(path.child("ready"), ready, "cannot set more ready pods than active"));
  }
  return errors;
}

function validateSuccess({ spec, status }: Job): readonly FieldError[] {
  const { isSucceeding, isFailed, isFailing, isComplete } = standing(status);
  const wrong: readonly (readonly [boolean, string])[] = [
    [isSucceeding && isFailed, "cannot set SuccessCriteriaMet=True and Failed=true conditions"],
    [isSucceeding && isFailing, "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions"],
    [
      spec.successPolicy !== undefined && !isSucceeding && isComplete,
      "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True",
    ],
  ];
  return wrong.filter(([isWrong]) => isWrong).map(([, why]) => fieldInvalid(conditionsPath, omittedValue, why));
}

/** What has been said stays said. */
function validateHistory({ spec, status }: Job, { status: old }: Job): readonly FieldError[] {
  const [now, before] = [standing(status), standing(old)];
  const errors: FieldError[] = [];
  const refuse = (isWrong: boolean, why: string): void => {
    if (isWrong) errors.push(fieldInvalid(conditionsPath, omittedValue, why));
  };
  refuse(before.isFailed && !now.isFailed, "cannot disable the terminal Failed=True condition");
  refuse(before.isComplete && !now.isComplete, "cannot disable the terminal Complete=True condition");
  refuse(before.isFailing && !now.isFailing, "cannot disable the terminal FailureTarget=True condition");
  // An indexed job that is scaled down forgets what succeeded.
  const maySucceedLess = spec.completionMode === "Indexed" && spec.completions === spec.parallelism;
  for (const field of maySucceedLess ? (["failed"] as const) : (["failed", "succeeded"] as const)) {
    if ((status[field] ?? 0) < (old[field] ?? 0)) {
      errors.push(fieldInvalid(path.child(field), status[field] ?? 0, `cannot decrease the ${field} counter`));
    }
  }
  const { completionTime, startTime } = status;
  const isMoved = completionTime !== undefined && old.completionTime !== undefined;
  if (isMoved && completionTime !== old.completionTime) {
    errors.push(fieldInvalid(path.child("completionTime"), completionTime, "field is immutable"));
  }
  const isResuming = before.isSuspended && isFalse(status, "Suspended");
  if (old.startTime !== undefined && startTime !== old.startTime && !spec.suspend && !isResuming) {
    const why = "field is immutable for unsuspended job once set";
    errors.push(fieldInvalid(path.child("startTime"), startTime ?? null, why));
  }
  refuse(before.isSucceeding && !now.isSucceeding, "cannot disable the SuccessCriteriaMet=True condition");
  refuse(
    before.isComplete && !before.isSucceeding && now.isSucceeding,
    "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions",
  );
  return errors;
}

function isFalse(status: JobStatus, type: string): boolean {
  return (status.conditions ?? []).some((condition) => condition.type === type && condition.status === "False");
}
