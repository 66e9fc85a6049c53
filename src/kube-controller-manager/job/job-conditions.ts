import type { Job, JobCondition, JobStatus, SuccessPolicy } from "../../api/batch/v1/types.gen.ts";
import { formatTime } from "../../component-helpers/time.ts";
import { parseIndexes } from "./index-set.ts";

export function conditionOf(status: JobStatus, type: string): JobCondition | undefined {
  return status.conditions?.find((c) => c.type === type);
}

function holds(status: JobStatus, type: string): JobCondition | undefined {
  const condition = conditionOf(status, type);
  return condition?.status === "True" ? condition : undefined;
}

/** The condition that ended the job, if it has. */
export function finishedCondition(job: Job): JobCondition | undefined {
  return holds(job.status, "Complete") ?? holds(job.status, "Failed");
}

export function isFinished(job: Job): boolean {
  return finishedCondition(job) !== undefined;
}

/** What is decided but not yet final, because pods have still to end or to be counted. */
export function decidedCondition(job: Job): JobCondition | undefined {
  return holds(job.status, "SuccessCriteriaMet") ?? holds(job.status, "FailureTarget");
}

export function newCondition(type: string, reason: string, message: string, nowMs: number): JobCondition {
  const now = formatTime(nowMs);
  return { type, status: "True", lastProbeTime: now, lastTransitionTime: now, reason, message };
}

/** Complete after SuccessCriteriaMet, Failed after FailureTarget. */
export function finalCondition(decided: JobCondition, nowMs: number): JobCondition {
  const type = decided.type === "SuccessCriteriaMet" ? "Complete" : "Failed";
  return newCondition(type, decided.reason ?? "", decided.message ?? "", nowMs);
}

/** The conditions with this one in its place. One that is false is not added when it was never there. */
export function withCondition(
  conditions: readonly JobCondition[] | undefined,
  condition: JobCondition,
): readonly JobCondition[] {
  const all = conditions ?? [];
  const current = all.find((c) => c.type === condition.type);
  if (!current) return condition.status === "False" ? all : [...all, condition];
  const { status, reason, message } = current;
  if (status === condition.status && reason === condition.reason && message === condition.message) return all;
  return all.map((c) => (c === current ? condition : c));
}

/** The message of the first success rule the succeeded indexes fulfil. */
export function matchSuccessPolicy(
  policy: SuccessPolicy | undefined,
  completions: number,
  succeeded: ReadonlySet<number>,
): string | undefined {
  if (!policy || succeeded.size === 0) return undefined;
  for (const [index, rule] of policy.rules.entries()) {
    const { succeededIndexes, succeededCount } = rule;
    const wanted = succeededIndexes === undefined ? undefined : parseIndexes(succeededIndexes, completions);
    const have = wanted ? [...wanted].filter((i) => succeeded.has(i)).length : succeeded.size;
    const needed = succeededCount ?? wanted?.size;
    if (needed !== undefined && have >= needed) return `Matched rules at index ${index}`;
  }
  return undefined;
}
