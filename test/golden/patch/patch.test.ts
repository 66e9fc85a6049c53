import { test } from "node:test";

import { stringifyJson } from "../../../src/apimachinery/json/stringify.ts";
import { applyJsonPatch } from "../../../src/apimachinery/patch/json-patch.ts";
import { applyMergePatch } from "../../../src/apimachinery/patch/merge-patch.ts";
import { applyStrategicMergePatch } from "../../../src/apimachinery/patch/strategic-merge.ts";
import { createTwoWayMergePatch } from "../../../src/apimachinery/patch/two-way-diff.ts";
import { Differences, kindOf, outcome, readGolden } from "../read.ts";

// What the patch libraries upstream uses made of each document and patch.

type Json = Readonly<Record<string, unknown>>;
/** `[document, patch, result]`, or `[document, patch, null, error]`. */
type Row = readonly [Json, unknown, Json | null, string?];

const json = readGolden<{ readonly merge: readonly Row[]; readonly json: readonly Row[] }>(
  import.meta.url,
  "patch-json.json",
);
const strategic = readGolden<{
  /** `[apiVersion, kind, document, patch, result]`, or `[…, null, error]`. */
  readonly apply: readonly (readonly [string, string, Json, unknown, Json | null, string?])[];
  /** `[apiVersion, kind, original, modified, patch]`. */
  readonly create: readonly (readonly [string, string, Json, Json, Json])[];
}>(import.meta.url, "patch-strategic.json");

/** Members in one order: that of a JSON object means nothing. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  );
}

/** Upstream keeps directives where the document has nothing to merge with; they are dropped when the result is decoded. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !name.startsWith("$"))
      .map(([name, member]) => [name, withoutDirectives(member)]),
  );
}

test("merge patches do what they do upstream", () => {
  const differences = new Differences();
  for (const [document, patch, result] of json.merge) {
    const made = outcome(() => applyMergePatch(document, patch));
    const where = `${stringifyJson(patch)} on ${stringifyJson(document)}`;
    differences.equal(where, "value" in made ? sorted(made.value) : null, sorted(result));
  }
  differences.assertNone(100);
});

test("JSON patches do what they do upstream", () => {
  const differences = new Differences();
  for (const [document, patch, result] of json.json) {
    const made = outcome(() => applyJsonPatch(document, patch));
    const where = `${stringifyJson(patch)} on ${stringifyJson(document)}`;
    differences.equal(where, "value" in made ? sorted(made.value) : null, sorted(result));
  }
  differences.assertNone(400);
});

test("strategic merge patches do what they do upstream", () => {
  const differences = new Differences();
  for (const [apiVersion, kind, document, patch, result, error] of strategic.apply) {
    const made = outcome(() => applyStrategicMergePatch(document, patch, kindOf(apiVersion, kind).patchSchema));
    const where = `${kind}: ${stringifyJson(patch)} on ${stringifyJson(document)}`;
    differences.equal(where, sorted("value" in made ? made.value : made), result ? sorted(withoutDirectives(result)) : { error });
  }
  differences.assertNone(500);
});

test("patches made of two objects are those upstream makes", () => {
  const differences = new Differences();
  for (const [apiVersion, kind, original, modified, patch] of strategic.create) {
    const made = createTwoWayMergePatch(original, modified, kindOf(apiVersion, kind).patchSchema);
    differences.equal(`${kind}: ${stringifyJson(modified)}`, sorted(made), sorted(patch));
  }
  differences.assertNone(150);
});
