import { test } from "node:test";

import { Quantity } from "../../../src/apimachinery/quantity.ts";
import { Differences, outcome, readGolden } from "../read.ts";

// What upstream's resource.Quantity made of each text and each pair.

interface Vectors {
  /**
   * `[text, canonical, value, milliValue, rounded up, sign]`, or `[text, null, error]`. A value is null where upstream's 64 bits
   * overflow: our numbers are exact.
   */
  readonly parse: readonly (
    | readonly [string, string, string | null, string | null, string, number]
    | readonly [string, null, string]
  )[];
  /** `[a, b, a + b, a - b, order]`. */
  readonly arithmetic: readonly (readonly [string, string, string, string, number])[];
}

const { parse, arithmetic } = readGolden<Vectors>(import.meta.url, "quantity.json");

test("quantities are read, written and rounded as upstream does", () => {
  const differences = new Differences();
  for (const [text, canonical, ...rest] of parse) {
    const made = outcome(() => Quantity.parse(text));
    if (canonical === null) {
      differences.equal(JSON.stringify(text), made, { error: rest[0] });
      continue;
    }
    const quantity = "value" in made ? made.value : undefined;
    const actual = quantity && [
      quantity.toString(),
      rest[0] === null ? null : String(quantity.value()),
      rest[1] === null ? null : String(quantity.milliValue()),
      quantity.roundUp(0).toString(),
      quantity.sign,
    ];
    differences.equal(JSON.stringify(text), actual ?? made, [canonical, ...rest]);
  }
  differences.assertNone(700);
});

test("sums, differences and order are upstream's", () => {
  const differences = new Differences();
  for (const [a, b, ...expected] of arithmetic) {
    const [x, y] = [Quantity.parse(a), Quantity.parse(b)];
    differences.equal(`${a}, ${b}`, [x.add(y).toString(), x.sub(y).toString(), Math.sign(x.compare(y))], expected);
  }
  differences.assertNone(500);
});
