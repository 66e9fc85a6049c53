import { test } from "node:test";

import { parseFieldSelector } from "../../../src/apimachinery/fields/selector.ts";
import { parseSelector } from "../../../src/apimachinery/labels/parse.ts";
import { formatLabelSelector, selectorFromLabelSelector } from "../../../src/apimachinery/labels/selector.ts";
import type { LabelSelector } from "../../../src/apimachinery/meta/v1/types.gen.ts";
import { Differences, outcome, readGolden } from "../read.ts";

// What upstream's label and field selectors made of each text.

/** `[text, canonical, for each set whether it matches]`, or `[text, null, error]`. */
type Row = readonly [text: string, canonical: string | null, result: string];

interface Vectors {
  readonly labelSets: readonly Readonly<Record<string, string>>[];
  readonly labels: readonly Row[];
  readonly fieldSets: readonly Readonly<Record<string, string>>[];
  readonly fields: readonly Row[];
  /** `[selector object, canonical or null, error, as it is printed]`. */
  readonly objects: readonly (readonly [LabelSelector, string | null, string, string])[];
}

const vectors = readGolden<Vectors>(import.meta.url, "selectors.json");
const matches = (sets: readonly Readonly<Record<string, string>>[], match: (set: never) => boolean): string =>
  sets.map((set) => (match(set as never) ? "1" : "0")).join("");

test("label selectors are parsed, printed and matched as upstream does", () => {
  const differences = new Differences();
  for (const [text, canonical, result] of vectors.labels) {
    const made = outcome(() => parseSelector(text));
    const actual =
      "value" in made
        ? [made.value.toString(), matches(vectors.labelSets, (set) => made.value.matches(set))]
        : [null, made.error];
    differences.equal(JSON.stringify(text), actual, [canonical, result]);
  }
  differences.assertNone(200);
});

test("field selectors are parsed, printed and matched as upstream does", () => {
  const differences = new Differences();
  for (const [text, canonical, result] of vectors.fields) {
    const made = outcome(() => parseFieldSelector(text));
    const actual =
      "value" in made
        ? [made.value.toString(), matches(vectors.fieldSets, (set) => made.value.matches(set))]
        : [null, made.error];
    differences.equal(JSON.stringify(text), actual, [canonical, result]);
  }
  differences.assertNone(30);
});

test("selector objects mean what they mean upstream", () => {
  const differences = new Differences();
  for (const [selector, canonical, error, printed] of vectors.objects) {
    const made = outcome(() => selectorFromLabelSelector(selector).toString());
    const actual = "value" in made ? [made.value, ""] : [null, made.error];
    differences.equal(JSON.stringify(selector), actual, [canonical, error]);
    differences.equal(`${JSON.stringify(selector)} printed`, formatLabelSelector(selector), printed);
  }
  differences.assertNone(100);
});
