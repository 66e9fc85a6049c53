import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "./arguments.ts";
import { leaderElectionOf } from "./leader-election-flags.ts";

test("an election is off unless asked for, and then has upstream's times", () => {
  assert.equal(leaderElectionOf({}), undefined);
  const { identity, ...times } = leaderElectionOf({ "leader-elect": true }) ?? { identity: "" };
  assert.match(identity, /^.+_[-0-9a-f]{36}$/);
  assert.deepEqual(times, { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2_000 });
});

test("times that cannot work are refused", () => {
  const refused = [
    { "leader-elect-lease-duration": "10s" },
    { "leader-elect-renew-deadline": "2s" },
    { "leader-elect-retry-period": "0s" },
    { "leader-elect-retry-period": "2" },
  ];
  for (const flags of refused) assert.throws(() => leaderElectionOf({ "leader-elect": true, ...flags }), UsageError);
});
