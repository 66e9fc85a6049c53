import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import * as o from "./object.ts";

test("a clone is equal and shares nothing", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const frozen = o.deepFreeze(value);
      const copy = o.cloneJson(frozen);
      assert.deepEqual(copy, value);
      assert.ok(o.deepEqual(copy, value) && o.semanticEqual(copy, value));
      if (typeof value === "object" && value !== null) assert.notEqual(copy, value);
    }),
  );
});

test("__proto__ is cloned as data", () => {
  const copy = o.cloneJson(JSON.parse('{"__proto__":{"a":1}}')) as object;
  assert.equal(Object.getPrototypeOf(copy), Object.prototype);
  assert.equal(JSON.stringify(copy), '{"__proto__":{"a":1}}');
});

test("equality, strict and semantic", () => {
  const cases: [unknown, unknown, boolean, boolean][] = [
    [{ a: 1 }, { a: 1, b: undefined }, true, true],
    [{ a: 1 }, { a: 1, b: null }, false, true],
    [{ a: 1 }, { a: 1, b: [] }, false, true],
    [{ a: {} }, {}, false, true],
    [{ a: 0 }, {}, false, false],
    [[1, 2], [2, 1], false, false],
    [{ constructor: 1 }, {}, false, false],
    [[], {}, false, true],
    ["a", { a: 1 }, false, false],
  ];
  for (const [a, b, strict, semantic] of cases) {
    assert.equal(o.deepEqual(a, b), strict);
    assert.equal(o.deepEqual(b, a), strict);
    assert.equal(o.semanticEqual(a, b), semantic);
    assert.equal(o.semanticEqual(b, a), semantic);
  }
});

test("keys, kinds and owners", () => {
  const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", metadata: { name: "rs", uid: "u" } };
  const reference = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "rs", uid: "u", controller: true };
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "d", ownerReferences: [reference] } };
  assert.equal(o.objectKey(pod), "d/p");
  assert.deepEqual(o.splitObjectKey("d/p"), { namespace: "d", name: "p" });
  assert.deepEqual(o.splitObjectKey("n"), { namespace: "", name: "n" });
  assert.deepEqual(o.gvkOf(owner), { group: "apps", version: "v1", kind: "ReplicaSet" });
  assert.equal(o.isControlledBy(pod, owner), true);
  assert.equal(o.isBeingDeleted(pod), false);
});
