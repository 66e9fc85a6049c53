import assert from "node:assert/strict";
import { test } from "node:test";

import { intProblem, uintProblem } from "./go-integer.ts";

const cases: readonly (readonly [text: string, int: string | undefined, uint: string | undefined])[] = [
  ["0", undefined, undefined],
  ["-5", undefined, "invalid syntax"],
  ["+5", undefined, "invalid syntax"],
  ["", "invalid syntax", "invalid syntax"],
  ["-", "invalid syntax", "invalid syntax"],
  ["1.0", "invalid syntax", "invalid syntax"],
  ["1_0", "invalid syntax", "invalid syntax"],
  [" 1", "invalid syntax", "invalid syntax"],
  ["x", "invalid syntax", "invalid syntax"],
  ["9223372036854775807", undefined, undefined],
  ["9223372036854775808", "value out of range", undefined],
  ["-9223372036854775808", undefined, "invalid syntax"],
  ["-9223372036854775809", "value out of range", "invalid syntax"],
  ["18446744073709551615", "value out of range", undefined],
  ["18446744073709551616", "value out of range", "value out of range"],
  ["99999999999999999999", "value out of range", "value out of range"],
  [`${"0".repeat(30)}7`, undefined, undefined],
  ["9".repeat(40), "value out of range", "value out of range"],
  [`-${"9".repeat(40)}`, "value out of range", "invalid syntax"],
];

for (const [text, int, uint] of cases) {
  test(`${JSON.stringify(text)} as an integer of 64 bits`, () => {
    const told = (parser: string, why: string | undefined): string | undefined =>
      why === undefined ? undefined : `strconv.${parser}: parsing ${JSON.stringify(text)}: ${why}`;
    assert.equal(intProblem(text), told("ParseInt", int));
    assert.equal(uintProblem(text), told("ParseUint", uint));
  });
}
