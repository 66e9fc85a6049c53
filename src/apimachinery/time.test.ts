import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { percentOf, scaleIntOrPercent } from "./int-or-string.ts";
import * as t from "./time.ts";

test("times are read with any offset and written in UTC", () => {
  assert.equal(t.parseTime("2026-01-31T00:05:09+02:00"), Date.UTC(2026, 0, 30, 22, 5, 9));
  for (const text of ["2026-02-29T00:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31", "2026-01-31t08:05:09z"]) {
    assert.equal(t.parseTime(text), undefined, text);
  }
  assert.equal(t.parseTime("1970-01-01T00:00:01.5Z"), 1500);
  assert.equal(t.formatMicroTime(1500.25), "1970-01-01T00:00:01.500250Z");
  assert.equal(t.formatTime(-1), "1969-12-31T23:59:59Z");
});

test("a time written is read back", () => {
  fc.assert(
    fc.property(fc.integer({ min: -62135596800, max: 253402300799 }), (seconds) => {
      assert.equal(t.parseTime(t.formatTime(seconds * 1000)), seconds * 1000);
    }),
  );
});

test("durations are Go's", () => {
  const cases: [string, number, string][] = [
    ["0", 0, "0s"],
    ["1m30s", 90_000, "1m30s"],
    ["1.5s", 1500, "1.5s"],
    ["1h", 3_600_000, "1h0m0s"],
    ["-100ms", -100, "-100ms"],
    ["1us", 0.001, "1µs"],
    ["1h15m30.918s", 4_530_918, "1h15m30.918s"],
  ];
  for (const [text, ms, printed] of cases) {
    assert.equal(t.parseDuration(text), ms, text);
    assert.equal(t.formatDuration(ms), printed);
  }
  assert.throws(() => t.parseDuration("1"), { message: 'time: missing unit in duration "1"' });
  assert.throws(() => t.parseDuration("1x"), { message: 'time: unknown unit "x" in duration "1x"' });
  assert.throws(() => t.parseDuration(""), { message: 'time: invalid duration ""' });
  assert.throws(() => t.parseDuration("m"), { message: 'time: invalid duration "m"' });
});

test("percentages scale and round to the side asked for", () => {
  assert.equal(scaleIntOrPercent("25%", 3, "up"), 1);
  assert.equal(scaleIntOrPercent("25%", 3, "down"), 0);
  assert.equal(scaleIntOrPercent(2, 3, "up"), 2);
  assert.equal(percentOf("30%"), 30);
  assert.equal(percentOf("http"), undefined);
  assert.throws(() => scaleIntOrPercent("5", 3, "up"), {
    message: "invalid value for IntOrString: invalid type: string is not a percentage",
  });
  assert.throws(() => scaleIntOrPercent("x%", 3, "up"), {
    message: 'invalid value for IntOrString: invalid value "x%": strconv.Atoi: parsing "x": invalid syntax',
  });
});
