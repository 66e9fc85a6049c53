import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { deepFreeze } from "../object.ts";
import type { FieldPatchSchema, PatchSchema } from "./patch-schema.ts";
import { applyStrategicMergePatch } from "./strategic-merge.ts";
import { createTwoWayMergePatch } from "./two-way-diff.ts";

function schemaOf(fields: Record<string, FieldPatchSchema>): PatchSchema {
  return { field: (name) => (Object.hasOwn(fields, name) ? fields[name] : undefined) };
}

const env: FieldPatchSchema = { strategies: ["merge"], mergeKey: "name", schema: schemaOf({}) };
const schema = schemaOf({
  containers: { strategies: ["merge"], mergeKey: "name", schema: schemaOf({ env, args: { strategies: [] } }) },
  volumes: { strategies: ["merge", "retainKeys"], mergeKey: "name", schema: schemaOf({}) },
  finalizers: { strategies: ["merge"] },
  labels: { strategies: [] },
  strategy: { strategies: ["retainKeys"], schema: schemaOf({}) },
  whole: { strategies: ["replace"], schema: schemaOf({}) },
  args: { strategies: [] },
});

function apply(original: Record<string, unknown>, patch: unknown) {
  return applyStrategicMergePatch(deepFreeze(original), deepFreeze(patch), schema);
}

const [a, b, c] = [
  { name: "a", v: 1 },
  { name: "b", v: 2 },
  { name: "c", v: 3 },
];

test("objects merge, scalars and plain lists are replaced, null removes", () => {
  const cases: [Record<string, unknown>, unknown, unknown][] = [
    [{ labels: { x: "1", y: "2" } }, { labels: { x: null, z: "3" } }, { labels: { y: "2", z: "3" } }],
    [{ args: ["a", "b"] }, { args: ["c"] }, { args: ["c"] }],
    [{ replicas: 1 }, { replicas: 2 }, { replicas: 2 }],
    [{}, { labels: { x: null, y: "1" } }, { labels: { y: "1" } }],
    [{ whole: { a: 1 } }, { whole: { b: 2 } }, { whole: { b: 2 } }],
    [{ unknown: { a: 1 } }, { unknown: { b: 2 } }, { unknown: { a: 1, b: 2 } }],
    [{ labels: { a: "1" } }, { labels: { $patch: "replace", b: "2" } }, { labels: { b: "2" } }],
    [{ labels: { a: "1" } }, { labels: { $patch: "delete" } }, { labels: {} }],
    [{}, { labels: { $patch: "delete" } }, {}],
    [{}, { strategy: { $retainKeys: ["type"], type: "Recreate" } }, { strategy: { type: "Recreate" } }],
  ];
  for (const [original, patch, expected] of cases)
    assert.deepEqual(apply(original, patch), expected, JSON.stringify(patch));
});

test("lists with a merge key merge by item", () => {
  const cases: [unknown[] | undefined, unknown[], unknown[]][] = [
    [[a, b], [{ name: "b", v: 9 }], [a, { name: "b", v: 9 }]],
    [[a, b], [c], [c, a, b]],
    [[a, b, c], [{ name: "b", $patch: "delete" }], [a, c]],
    [[a, b], [{ $patch: "replace" }, c], [c]],
    [[a, b], [{ $patch: "replace" }], []],
    [undefined, [a, { name: "b", $patch: "delete" }], [a]],
    [[a], [{ name: "a", env: [{ name: "E", value: "1" }] }], [{ ...a, env: [{ name: "E", value: "1" }] }]],
    [
      [
        {
          name: "a",
          env: [
            { name: "E", value: "1" },
            { name: "F", value: "2" },
          ],
        },
      ],
      [{ name: "a", env: [{ name: "F", value: null }] }],
      [{ name: "a", env: [{ name: "E", value: "1" }, { name: "F" }] }],
    ],
  ];
  for (const [original, patch, expected] of cases) {
    const result = apply(original === undefined ? {} : { containers: original }, { containers: patch });
    assert.deepEqual(result, { containers: expected }, JSON.stringify(patch));
  }
});

test("$setElementOrder orders what the client knows; the server's own items keep their places", () => {
  const names = (list: readonly string[]) => list.map((name) => ({ name }));
  const ordered = (original: string[], patch: string[], order: string[]) => {
    const result = apply(
      { containers: names(original) },
      { "$setElementOrder/containers": names(order), ...(patch.length > 0 ? { containers: names(patch) } : {}) },
    );
    return (result["containers"] as { name: string }[]).map((item) => item.name).join("");
  };
  assert.equal(ordered(["a", "b"], [], ["b", "a"]), "ba");
  assert.equal(ordered(["a", "b"], ["c"], ["a", "b", "c"]), "abc");
  assert.equal(ordered(["a", "s", "b"], ["c"], ["a", "c", "b"]), "acsb");
  assert.equal(ordered(["s", "a", "b"], [], ["b", "a"]), "sba");
  const replaced = apply(
    { containers: names(["a", "s"]) },
    {
      "$setElementOrder/containers": names(["b"]),
      containers: [{ name: "b" }, { name: "a", $patch: "delete" }],
    },
  );
  assert.deepEqual(replaced, { containers: names(["s", "b"]) });
  assert.throws(() => ordered(["a"], ["c", "b"], ["b", "c"]), /doesn't match \$setElementOrder list/);
});

test("lists of scalars merge without repetition and lose what is deleted", () => {
  assert.deepEqual(apply({ finalizers: ["x", "y"] }, { finalizers: ["z", "x"] }), { finalizers: ["z", "x", "y"] });
  assert.deepEqual(apply({ finalizers: ["x", "y"] }, { "$deleteFromPrimitiveList/finalizers": ["x"] }), {
    finalizers: ["y"],
  });
  assert.deepEqual(apply({}, { "$deleteFromPrimitiveList/finalizers": ["x"] }), {});
  assert.deepEqual(
    apply(
      { finalizers: ["x", "y"] },
      {
        "$setElementOrder/finalizers": ["y", "z"],
        "$deleteFromPrimitiveList/finalizers": ["x"],
        finalizers: ["z"],
      },
    ),
    { finalizers: ["y", "z"] },
  );
});

test("$retainKeys drops all other members", () => {
  const original = { strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1 } } };
  const patch = { strategy: { $retainKeys: ["type"], type: "Recreate" } };
  assert.deepEqual(apply(original, patch), { strategy: { type: "Recreate" } });
  assert.throws(() => apply(original, { strategy: { $retainKeys: ["x"], type: "Recreate" } }), {
    code: 400,
    message: "invalid patch format of retainKeys",
  });
});

test("what makes no sense is answered with upstream's messages", () => {
  const cases: [unknown, string][] = [
    [{ labels: { $patch: "merge" } }, "unknown patch type: merge in map: map[$patch:merge]"],
    [{ containers: [{ v: 1 }] }, "map: map[v:1] does not contain declared merge key: name"],
    [{ containers: ["x"] }, "list element types are not identical: [[map[name:a]] [x]]"],
    [{ containers: [{ name: "x", $patch: "merge" }] }, "merging lists cannot yet be specified in the patch"],
    [[], "invalid JSON document"],
  ];
  for (const [patch, message] of cases) {
    assert.throws(() => apply({ labels: { x: "1" }, containers: [{ name: "a" }] }, patch), {
      name: "PatchError",
      message,
    });
  }
});

const item = fc.record({ name: fc.constantFrom("a", "b", "c", "d"), v: fc.nat(3) }, { noNullPrototype: true });
const lists = fc.uniqueArray(item, { selector: (i) => i.name });

test("a patch applied twice changes nothing more, and untouched items stay", () => {
  fc.assert(
    fc.property(lists, lists, (original, patch) => {
      const once = apply({ containers: original }, { containers: patch });
      const twice = apply(once, { containers: patch });
      const byName = (object: Readonly<Record<string, unknown>>) =>
        new Map((object["containers"] as { name: string }[]).map((i) => [i.name, i]));
      assert.deepEqual(byName(twice), byName(once));
      for (const i of original)
        if (!patch.some((p) => p.name === i.name)) assert.deepEqual(byName(once).get(i.name), i);
      for (const i of patch) assert.deepEqual(byName(once).get(i.name), i);
    }),
  );
});

test("the difference between two objects is told with directives", () => {
  const diff = (original: Record<string, unknown>, modified: Record<string, unknown>) =>
    createTwoWayMergePatch(deepFreeze(original), deepFreeze(modified), schema);
  assert.deepEqual(diff({ containers: [a, b] }, { containers: [{ name: "a", v: 9 }, c] }), {
    containers: [{ name: "a", v: 9 }, c, { $patch: "delete", name: "b" }],
    "$setElementOrder/containers": [{ name: "a" }, { name: "c" }],
  });
  assert.deepEqual(diff({ finalizers: ["x", "y"] }, { finalizers: ["y", "z"] }), {
    finalizers: ["z"],
    "$deleteFromPrimitiveList/finalizers": ["x"],
    "$setElementOrder/finalizers": ["y", "z"],
  });
  assert.deepEqual(diff({ strategy: { type: "A", a: {} } }, { strategy: { type: "B" } }), {
    strategy: { $retainKeys: ["type"], type: "B", a: null },
  });
  assert.deepEqual(diff({ args: ["a"], labels: { x: "1" } }, { args: ["b"], labels: {} }), {
    args: ["b"],
    labels: { x: null },
  });
  assert.deepEqual(diff({ containers: [a] }, { containers: [a] }), {});
});

const objects = fc.record(
  {
    containers: lists,
    volumes: lists,
    finalizers: fc.uniqueArray(fc.constantFrom("x", "y", "z")),
    args: fc.array(fc.constantFrom("p", "q")),
    strategy: fc.dictionary(fc.constantFrom("s", "t"), fc.nat(2), { noNullPrototype: true }),
    whole: fc.dictionary(fc.constantFrom("s", "t"), fc.nat(2), { noNullPrototype: true }),
  },
  { requiredKeys: [], noNullPrototype: true },
);

test("the difference leads from one object to the other", () => {
  fc.assert(
    fc.property(objects, objects, (original, modified) => {
      const patch = createTwoWayMergePatch(original, modified, schema);
      assert.deepEqual(apply(original, patch), modified);
    }),
    { numRuns: 500 },
  );
});
