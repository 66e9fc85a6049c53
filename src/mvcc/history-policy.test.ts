import assert from "node:assert/strict";
import { test } from "node:test";
import { HistoryWindow, defaultHistoryPolicy } from "./history-policy.ts";

const policy = { keepMs: 1000, eventsMin: 10, eventsMax: 100, sizeBytesMax: 10_000 };

interface Load {
  readonly perMs: number;
  readonly bytesPerEvent: number;
  readonly durationMs: number;
}

/** Runs a store of one event a revision against the policy; returns the window's extremes once it is settled. */
function simulate({ perMs, bytesPerEvent, durationMs }: Load): { events: number[]; ages: number[] } {
  const window = new HistoryWindow(policy);
  const writtenMs: number[] = [];
  let compactRevision = 1;
  const events: number[] = [];
  const ages: number[] = [];
  for (let n = 0; n < durationMs * perMs; n++) {
    const nowMs = n / perMs;
    writtenMs.push(nowMs);
    const revision = writtenMs.length + 1;
    const count = revision - compactRevision + 1;
    const target = window.target({ nowMs, revision, compactRevision, events: count, sizeBytes: count * bytesPerEvent });
    if (target !== undefined) {
      assert.ok(target > compactRevision && target <= revision, `target ${target}`);
      compactRevision = target;
    }
    if (nowMs < durationMs / 2) continue;
    events.push(revision - compactRevision + 1);
    ages.push(nowMs - (writtenMs[compactRevision - 2] ?? 0));
  }
  return { events, ages };
}

test("a busy store keeps up to the maximum of events", () => {
  const { events } = simulate({ perMs: 1, bytesPerEvent: 1, durationMs: 5000 });
  assert.ok(Math.max(...events) <= 102 && Math.min(...events) >= 88, `${Math.min(...events)}–${Math.max(...events)}`);
});

test("large events are bounded by their bytes", () => {
  const { events } = simulate({ perMs: 1, bytesPerEvent: 500, durationMs: 5000 });
  assert.ok(Math.max(...events) <= 22 && Math.min(...events) >= 16, `${Math.min(...events)}–${Math.max(...events)}`);
});

test("at moderate load the window is the time to keep and little more", () => {
  const { ages } = simulate({ perMs: 0.05, bytesPerEvent: 1, durationMs: 20_000 });
  assert.ok(Math.min(...ages) >= 980 && Math.max(...ages) <= 1300, `${Math.min(...ages)}–${Math.max(...ages)} ms`);
});

test("a quiet store keeps the minimum of events, however old", () => {
  const { events, ages } = simulate({ perMs: 0.002, bytesPerEvent: 1, durationMs: 50_000 });
  assert.ok(Math.max(...events) <= 11 && Math.min(...events) >= 10, `${Math.min(...events)}–${Math.max(...events)}`);
  assert.ok(Math.min(...ages) > 4000);
});

test("by default a watch can resume from five minutes or 100,000 events ago", () => {
  assert.ok(defaultHistoryPolicy.keepMs >= 300_000);
  assert.ok(defaultHistoryPolicy.eventsMax * 0.9 >= 90_000);
});
