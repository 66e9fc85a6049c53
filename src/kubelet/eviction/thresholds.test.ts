import assert from "node:assert/strict";
import { test } from "node:test";

import { crossedThresholds, type EvictionSettings, evictionThresholds, type Threshold } from "./thresholds.ts";

const none: ReadonlySet<Threshold> = new Set();
const settings: EvictionSettings = {
  evictionHard: {},
  evictionSoft: {},
  evictionSoftGracePeriodMs: {},
  evictionMinimumReclaim: {},
  enforceNodeAllocatable: [],
};

function thresholdsOf(evictionHard: Readonly<Record<string, string>>): readonly Threshold[] {
  return evictionThresholds({ ...settings, evictionHard });
}

test("quantities and percentages; what is not observed, or has no capacity, is not crossed", () => {
  const thresholds = thresholdsOf({
    "memory.available": "100",
    "nodefs.available": "10%",
    "nodefs.inodesFree": "5%",
  });
  const crossed = (memory: number, disk: number, inodes: { available: number; capacity: number }): readonly string[] =>
    crossedThresholds(
      thresholds,
      new Map([
        ["memory.available", { available: memory, capacity: 1000 }],
        ["nodefs.available", { available: disk, capacity: 1000 }],
        ["nodefs.inodesFree", inodes],
      ]),
      none,
    ).map(({ signal }) => signal);
  assert.deepEqual(crossed(100, 100, { available: 50, capacity: 1000 }), []);
  assert.deepEqual(crossed(99, 99, { available: 49, capacity: 1000 }), [
    "memory.available",
    "nodefs.available",
    "nodefs.inodesFree",
  ]);
  assert.deepEqual(crossed(100, 100, { available: 0, capacity: 0 }), []);
  assert.deepEqual(crossedThresholds(thresholds, new Map(), none), []);
});

test("one that was crossed is resolved only by its minimum reclaim above it", () => {
  const threshold: Threshold = { signal: "memory.available", value: "100", isHard: true, graceMs: 0, minReclaim: "50" };
  const isCrossed = (available: number, before: ReadonlySet<Threshold>): boolean =>
    crossedThresholds([threshold], new Map([["memory.available", { available, capacity: 1000 }]]), before).length === 1;
  assert.equal(isCrossed(120, none), false);
  assert.equal(isCrossed(120, new Set([threshold])), true);
  assert.equal(isCrossed(150, new Set([threshold])), false);
});

test("unknown signals and malformed amounts are refused", () => {
  assert.throws(() => thresholdsOf({ "cpu.available": "1" }), /unsupported eviction signal cpu\.available/);
  assert.throws(() => thresholdsOf({ "memory.available": "lots" }), /must be a quantity or a percentage/);
});

test("soft thresholds need a grace period; reclaims go with their signal; zero and all percent switch off", () => {
  const { evictionHard: _, ...rest } = settings;
  const hard = { "memory.available": "100Mi", "nodefs.available": "0%", "imagefs.available": "100%" };
  const soft = { "memory.available": "200Mi" };
  assert.throws(
    () => evictionThresholds({ ...rest, evictionHard: hard, evictionSoft: soft }),
    /grace period must be specified for the soft eviction threshold memory\.available/,
  );
  const all = evictionThresholds({
    ...rest,
    evictionHard: hard,
    evictionSoft: soft,
    evictionSoftGracePeriodMs: { "memory.available": 90_000 },
    evictionMinimumReclaim: { "memory.available": "10Mi" },
    enforceNodeAllocatable: ["pods"],
  });
  const memory = { minReclaim: "10Mi" };
  assert.deepEqual(all, [
    { signal: "memory.available", value: "100Mi", isHard: true, graceMs: 0, ...memory },
    { signal: "memory.available", value: "200Mi", isHard: false, graceMs: 90_000, ...memory },
    { signal: "allocatableMemory.available", value: "100Mi", isHard: true, graceMs: 0, ...memory },
  ]);
});

test("what upstream refuses is refused with its text", () => {
  const cases: readonly (readonly [Partial<EvictionSettings>, RegExp])[] = [
    [{ evictionHard: { "memory.available": "101%" } }, /percentage threshold memory\.available must be <= 100%: 101%/],
    [{ evictionHard: { "memory.available": "-1%" } }, /percentage threshold memory\.available must be >= 0%: -1%/],
    [{ evictionHard: { "memory.available": "0" } }, /threshold memory\.available must be positive: 0/],
    [
      { evictionMinimumReclaim: { "memory.available": "0%" } },
      /minimum reclaim memory\.available must be positive: 0%/,
    ],
    [{ evictionMinimumReclaim: { "memory.available": "-1" } }, /negative eviction minimum reclaim/],
    [{ evictionSoftGracePeriodMs: { "cpu.available": 1 } }, /unsupported eviction signal cpu\.available/],
  ];
  for (const [given, message] of cases) assert.throws(() => evictionThresholds({ ...settings, ...given }), message);
});
