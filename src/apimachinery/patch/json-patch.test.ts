import assert from "node:assert/strict";
import { test } from "node:test";
import { deepFreeze } from "../object.ts";
import { applyJsonPatch } from "./json-patch.ts";

test("operations do what RFC 6902 says", () => {
  const cases: [unknown, unknown[], unknown][] = [
    [{ a: 1 }, [{ op: "add", path: "/b", value: [1] }], { a: 1, b: [1] }],
    [{ a: [1, 2] }, [{ op: "add", path: "/a/1", value: 9 }], { a: [1, 9, 2] }],
    [{ a: [1, 2] }, [{ op: "add", path: "/a/-", value: 9 }], { a: [1, 2, 9] }],
    [{ a: [1, 2] }, [{ op: "add", path: "/a/-1", value: 9 }], { a: [1, 2, 9] }],
    [{ a: [1, 2] }, [{ op: "remove", path: "/a/-1" }], { a: [1] }],
    [{ a: { b: 1 } }, [{ op: "remove", path: "/a/b" }], { a: {} }],
    [{ a: 1 }, [{ op: "replace", path: "/a", value: null }], { a: null }],
    [{ a: 1 }, [{ op: "replace", path: "", value: { b: 2 } }], { b: 2 }],
    [{ a: 1 }, [{ op: "move", from: "/a", path: "/b" }], { b: 1 }],
    [
      { a: { x: 1 } },
      [
        { op: "copy", from: "/a", path: "/b" },
        { op: "add", path: "/b/y", value: 2 },
      ],
      { a: { x: 1 }, b: { x: 1, y: 2 } },
    ],
    [
      { "a/b": 1, "c~d": 2 },
      [
        { op: "remove", path: "/a~1b" },
        { op: "test", path: "/c~0d", value: 2 },
      ],
      { "c~d": 2 },
    ],
    [{}, [{ op: "test", path: "/a", value: null }], {}],
    [{ a: { x: [1], y: 2 } }, [{ op: "test", path: "/a", value: { y: 2, x: [1] } }], { a: { x: [1], y: 2 } }],
    [{}, [], {}],
  ];
  for (const [original, patch, expected] of cases) {
    assert.deepEqual(applyJsonPatch(deepFreeze(original), deepFreeze(patch)), expected, JSON.stringify(patch));
  }
});

test("what does not fit is answered with upstream's messages", () => {
  const cases: [unknown, unknown, string][] = [
    [{}, { op: "frob", path: "/a" }, "Unexpected kind: frob"],
    [{}, { path: "/a" }, "Unexpected kind: unknown"],
    [
      {},
      { op: "add", path: "/a/b", value: 1 },
      'add operation does not apply: doc is missing path: "/a/b": missing value',
    ],
    [{}, { op: "add", value: 1 }, "add operation failed to decode path: missing value"],
    [
      {},
      { op: "remove", path: "/a" },
      "error in remove for path: '/a': Unable to remove nonexistent key: a: missing value",
    ],
    [
      { a: [] },
      { op: "replace", path: "/a/0", value: 1 },
      "replace operation does not apply: doc is missing key: /a/0: missing value",
    ],
    [
      { a: [] },
      { op: "add", path: "/a/1", value: 1 },
      "error in add for path: '/a/1': Unable to access invalid index: 1: invalid index referenced",
    ],
    [{ a: 1 }, { op: "test", path: "/a", value: 2 }, "testing value /a failed: test failed"],
    [
      {},
      { op: "move", from: "/constructor", path: "/a" },
      "error in move for path: '/a': unable to get nonexistent key: constructor: missing value",
    ],
  ];
  for (const [original, operation, message] of cases) {
    assert.throws(() => applyJsonPatch(original, [operation]), { name: "PatchError", code: 422, message }, message);
  }
  assert.throws(() => applyJsonPatch({}, { op: "add" }), { code: 400 });
});

test("a failing patch changes nothing", () => {
  const original = deepFreeze({ a: [1] });
  assert.throws(() =>
    applyJsonPatch(original, [
      { op: "remove", path: "/a/0" },
      { op: "remove", path: "/x" },
    ]),
  );
  assert.deepEqual(original, { a: [1] });
});

test("hostile patches are refused", () => {
  const many = Array.from({ length: 10_001 }, () => ({ op: "remove", path: "/a" }));
  assert.throws(() => applyJsonPatch({}, many), {
    code: 413,
    message: "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001",
  });
  const doubling = Array.from({ length: 40 }, () => ({ op: "copy", from: "/a", path: "/a/-" }));
  assert.throws(
    () => applyJsonPatch({ a: ["x".repeat(1000)] }, doubling),
    /exceeding the limit 3145728|exceeded max depth/,
  );
  const nesting = Array.from({ length: 30 }, () => ({ op: "copy", from: "/a", path: "/a/a" }));
  const deep = Array.from({ length: 10 }, (_, i) => ({ op: "copy", from: "/a", path: `/a${"/a".repeat(2 ** i)}` }));
  assert.ok(applyJsonPatch({ a: {} }, nesting));
  assert.throws(() => applyJsonPatch({ a: {} }, deep), /exceeded max depth/);
  const polluted = applyJsonPatch({}, [{ op: "add", path: "/__proto__", value: { x: 1 } }]) as object;
  assert.equal(Object.getPrototypeOf(polluted), Object.prototype);
  assert.deepEqual(Object.keys(polluted), ["__proto__"]);
});
