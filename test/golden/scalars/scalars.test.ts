import { test } from "node:test";

import { scaleIntOrPercent } from "../../../src/apimachinery/int-or-string.ts";
import { scalarDecoder } from "../../../src/apimachinery/schema/decode.ts";
import { parseDuration } from "../../../src/apimachinery/time.ts";
import { Differences, outcome, readGolden } from "../read.ts";

// What upstream made of times, durations and percentages.

interface Vectors {
  /** `[text, as Time or null, error, as MicroTime or null, error]`; the forms are JSON. */
  readonly times: readonly (readonly [string, string | null, string, string | null, string])[];
  /** `[text, canonical or null, nanoseconds or error]`. */
  readonly durations: readonly (readonly [string, string | null, string])[];
  /** `[text, total, rounded up or null, rounded down or error]`. */
  readonly percents: readonly (readonly [string, number, number | null, number | string])[];
}

const vectors = readGolden<Vectors>(import.meta.url, "scalars.json");

test("times are normalized as upstream does", () => {
  const differences = new Differences();
  const read = (form: "Time" | "MicroTime", text: string): unknown => {
    const made = outcome(() => scalarDecoder(form)(text));
    return "value" in made ? [JSON.stringify(made.value), ""] : [null, made.error];
  };
  for (const [text, time, error, micro, microError] of vectors.times) {
    differences.equal(text, read("Time", text), [time, error]);
    differences.equal(`${text} micro`, read("MicroTime", text), [micro, microError]);
  }
  differences.assertNone(40);
});

test("durations are read as upstream does", () => {
  const differences = new Differences();
  for (const [text, canonical, nanoseconds] of vectors.durations) {
    const made = outcome(() => parseDuration(text));
    const actual = "value" in made ? Math.round(made.value * 1e6) : null;
    differences.equal(text, actual, canonical === null ? null : Number(nanoseconds));
  }
  differences.assertNone(20);
});

test("percentages are scaled and rounded as upstream does", () => {
  const differences = new Differences();
  for (const [text, total, up, down] of vectors.percents) {
    if (up === null) continue;
    const actual = [scaleIntOrPercent(text, total, "up"), scaleIntOrPercent(text, total, "down")];
    differences.equal(`${text} of ${total}`, actual, [up, down]);
  }
  differences.assertNone(40);
});
