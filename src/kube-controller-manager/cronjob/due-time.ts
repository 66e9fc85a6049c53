import type { CronJob } from "../../api/batch/v1/types.gen.ts";
import { parseTime } from "../../component-helpers/time.ts";
import type { Schedule } from "../../component-helpers/cron/schedule.ts";

/** Beyond this many missed starts somebody should be told. */
export const missedStartsMax = 100;

export interface DueTime {
  /** The latest time that was due and not yet acted on. */
  readonly dueMs: number;
  readonly missed: number;
}

/** What is due by now; undefined when nothing is. Cheap however long the controller was away. */
export function dueTime(cronJob: CronJob, schedule: Schedule, nowMs: number): DueTime | undefined {
  const { startingDeadlineSeconds } = cronJob.spec;
  let since = parseTime(cronJob.status.lastScheduleTime ?? cronJob.metadata.creationTimestamp);
  if (startingDeadlineSeconds !== undefined) since = Math.max(since, nowMs - startingDeadlineSeconds * 1000);
  const first = schedule.next(since);
  if (first === undefined || first > nowMs) return undefined;
  const second = schedule.next(first);
  if (second === undefined || second > nowMs) return { dueMs: first, missed: 1 };
  const periodMs = second - first;
  // Schedules are irregular, so look back further until one is found.
  let dueMs = first;
  for (let backMs = 2 * periodMs; dueMs === first; backMs *= 2) {
    const from = Math.max(first, nowMs - backMs);
    for (let at = schedule.next(from); at !== undefined && at <= nowMs; at = schedule.next(at)) dueMs = at;
    if (from === first) break;
  }
  return { dueMs, missed: Math.floor((nowMs - first) / periodMs) + 1 };
}
