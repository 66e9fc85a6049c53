import assert from "node:assert/strict";
import { test } from "node:test";
import { JsonPath, JsonPathError } from "./json-path.ts";

const object = {
  metadata: { labels: { "a.b/c": "x" } },
  spec: { items: [{ n: 1 }, { n: 2 }, { n: 3 }] },
  status: {
    conditions: [
      { type: "Ready", status: "True" },
      { type: "Other", status: "False" },
    ],
  },
};

void test("paths lead where kubectl's do", () => {
  const cases: readonly (readonly [string, readonly unknown[]])[] = [
    [".spec.items[0].n", [1]],
    [".spec.items[-1].n", [3]],
    [".spec.items[*].n", [1, 2, 3]],
    [".spec.items[1:].n", [2, 3]],
    [".spec.items[5].n", []],
    [".spec.missing.n", []],
    [".metadata.labels.a\\.b/c", ["x"]],
    [".metadata.labels['a.b/c']", ["x"]],
    ['.status.conditions[?(@.type=="Ready")].status', ["True"]],
    [".status.conditions[?(@.type!='Ready')].status", ["False"]],
    [".spec.items[?(@.n>=2)].n", [2, 3]],
    [".spec.items[?(@.n)].n", [1, 2, 3]],
    ["..n", [1, 2, 3]],
    ["{.spec.items[0].n}", [1]],
  ];
  for (const [path, expected] of cases) assert.deepEqual(JsonPath.parse(path).find(object), expected, path);
});

void test("only a path of names has members", () => {
  assert.deepEqual(JsonPath.parse(".spec.color").members, ["spec", "color"]);
  assert.equal(JsonPath.parse(".spec.items[0]").members, undefined);
});

void test("what is no path is refused", () => {
  for (const path of [".a[", ".a[?(@.b==]", ".a[x]", ".a b", ".a['b", "a"])
    assert.throws(() => JsonPath.parse(path), JsonPathError, path);
});
