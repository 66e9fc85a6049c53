/** Defaults of batch/v1 that are no single value. */
import type { Mutable } from "../../../apimachinery/resource-type.ts";
import type { Job } from "./types.gen.ts";

const maxInt32 = 2_147_483_647;

export function jobDefaults(job: Mutable<Job>): void {
  const { spec, metadata } = job;
  // Neither set: one pod. Only parallelism set: a work queue, whose pods decide themselves when it is done.
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  // With a limit per index, indexes fail on their own account and the job's sum is no limit.
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : maxInt32;
  const labels = spec.template.metadata.labels;
  // The very same labels: what the server gives to the template, the job has then, too.
  if (labels !== undefined) metadata.labels ??= labels;
  spec.podReplacementPolicy ??= spec.podFailurePolicy === undefined ? "TerminatingOrFailed" : "Failed";
}
