import assert from "node:assert/strict";
import { test } from "node:test";

import { crossedThresholds, hardThresholds, type Threshold } from "./thresholds.ts";

const none: ReadonlySet<Threshold> = new Set();

test("quantities and percentages; what is not observed, or has no capacity, is not crossed", () => {
  const thresholds = hardThresholds({
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
  const threshold: Threshold = { signal: "memory.available", value: "100", graceMs: 0, minReclaim: "50" };
  const isCrossed = (available: number, before: ReadonlySet<Threshold>): boolean =>
    crossedThresholds([threshold], new Map([["memory.available", { available, capacity: 1000 }]]), before).length === 1;
  assert.equal(isCrossed(120, none), false);
  assert.equal(isCrossed(120, new Set([threshold])), true);
  assert.equal(isCrossed(150, new Set([threshold])), false);
});

test("unknown signals and malformed amounts are refused", () => {
  assert.throws(() => hardThresholds({ "cpu.available": "1" }), /unsupported eviction signal cpu\.available/);
  assert.throws(() => hardThresholds({ "memory.available": "lots" }), /must be a quantity or a percentage/);
});
