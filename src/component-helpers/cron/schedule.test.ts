import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSchedule, ScheduleError } from "./schedule.ts";
import { TimeZone } from "./time-zone.ts";

const next = (schedule: string, after: string, zone?: string): string =>
  new Date(parseSchedule(schedule, new TimeZone(zone)).next(Date.parse(after)) ?? 0).toISOString();

test("next times", () => {
  const cases: readonly (readonly [schedule: string, after: string, expected: string, zone?: string])[] = [
    ["* * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00.000Z"],
    ["*/15 * * * *", "2026-01-01T00:46:10Z", "2026-01-01T01:00:00.000Z"],
    ["5/20 8-9 * * mon-FRI", "2026-01-02T09:50:00Z", "2026-01-05T08:05:00.000Z"],
    ["0 0 31 * ?", "2026-01-31T00:00:00Z", "2026-03-31T00:00:00.000Z"],
    ["0 0 29 feb *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00.000Z"],
    ["0 0 13 * 5", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00.000Z"],
    ["@weekly", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00.000Z"],
    ["@every 1h30m", "2026-01-01T00:00:00.5Z", "2026-01-01T01:30:00.000Z"],
    ["30 9 * * *", "2026-07-01T00:00:00Z", "2026-07-01T13:30:00.000Z", "America/New_York"],
    // The clock goes from 2 to 3: half past two does not come that day.
    ["30 2 * * *", "2026-03-08T00:00:00Z", "2026-03-09T06:30:00.000Z", "America/New_York"],
    ["0 0 1 * *", "2026-01-15T00:00:00Z", "2026-01-31T18:30:00.000Z", "Asia/Kolkata"],
  ];
  for (const [schedule, after, expected, zone] of cases) assert.equal(next(schedule, after, zone), expected, schedule);
});

test("what never comes is undefined; what is malformed is told", () => {
  assert.equal(parseSchedule("0 0 30 2 *", new TimeZone()).next(0), undefined);
  const messages: Readonly<Record<string, string>> = {
    "* * * *": "expected exactly 5 fields, found 4: [* * * *]",
    "60 * * * *": "end of range (60) above maximum (59): 60",
    "x * * * *": "failed to parse int from x",
    "@fortnightly": "unrecognized descriptor: @fortnightly",
    "*/0 * * * *": "step of range should be a positive number: */0",
  };
  for (const [text, message] of Object.entries(messages))
    assert.throws(() => parseSchedule(text, new TimeZone()), new ScheduleError(message));
  assert.throws(() => new TimeZone("Mars/Olympus"), RangeError);
  assert.equal(new TimeZone("Asia/Kolkata").format(0), "1970-01-01T05:30:00+05:30");
});
