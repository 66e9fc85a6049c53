import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { deepFreeze, isJsonObject } from "../object.ts";
import { applyMergePatch, createMergePatch } from "./merge-patch.ts";

test("the cases of RFC 7386", () => {
  const cases: [unknown, unknown, unknown][] = [
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: "b", c: null }, { a: "b" }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ];
  for (const [original, patch, expected] of cases) {
    assert.deepEqual(applyMergePatch(deepFreeze(original), deepFreeze(patch)), expected);
  }
  assert.throws(() => applyMergePatch({}, [1]), { name: "PatchError", code: 400 });
});

function hasNull(value: unknown): boolean {
  return value === null || (typeof value === "object" && Object.values(value).some(hasNull));
}

const objects = fc
  .dictionary(fc.stringMatching(/^[a-c]$|^__proto__$/), fc.jsonValue({ maxDepth: 3 }), { noNullPrototype: true })
  .filter((value) => isJsonObject(value) && !hasNull(value));

test("the difference between two objects leads from one to the other", () => {
  fc.assert(
    fc.property(objects, objects, (a, b) => {
      assert.deepEqual(applyMergePatch(a, createMergePatch(a, b)), b);
      assert.deepEqual(createMergePatch(a, a), {});
    }),
  );
});
