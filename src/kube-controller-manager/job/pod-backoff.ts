import type { Pod } from "../../api/core/v1/types.gen.ts";
import { finishTimeOf } from "./job-pods.ts";

// A failed pod is replaced after 10 s, 20 s, 40 s … up to 10 minutes.
const baseMs = 10_000;
const maxMs = 600_000;

/** The failures in a row of one job. */
export interface BackoffRecord {
  readonly failuresAfterLastSuccess: number;
  readonly lastFailureMs: number;
}

export const noFailures: BackoffRecord = { failuresAfterLastSuccess: 0, lastFailureMs: 0 };

/** The record after these pods have ended: a success wipes out the failures before it. */
export function nextBackoff(record: BackoffRecord, succeeded: readonly Pod[], failed: readonly Pod[]): BackoffRecord {
  if (succeeded.length === 0 && failed.length === 0) return record;
  const lastSuccessMs = Math.max(0, ...succeeded.map(finishTimeOf));
  const failures = failed.map(finishTimeOf).filter((at) => succeeded.length === 0 || at > lastSuccessMs);
  const before = succeeded.length === 0 ? record : noFailures;
  return {
    failuresAfterLastSuccess: before.failuresAfterLastSuccess + failures.length,
    lastFailureMs: Math.max(before.lastFailureMs, ...failures),
  };
}

/** How long to wait before the next pod, after `failures` in a row of which the last was at `lastFailureMs`. */
export function backoffRemainingMs(failures: number, lastFailureMs: number, nowMs: number): number {
  if (failures === 0) return 0;
  const delay = Math.min(maxMs, baseMs * 2 ** Math.min(failures - 1, 30));
  return Math.max(0, lastFailureMs + delay - nowMs);
}
