import assert from "node:assert/strict";
import { test } from "node:test";
import type { ApplyType, ListType, MapType } from "./apply-type.ts";
import { finish } from "../../component-base/steps.ts";
import { compareTyped } from "./compare.ts";
import { FieldSet } from "./field-set.ts";
import { mergeTyped } from "./merge.ts";
import { formatPath } from "./path-element.ts";
import { reconcileWithSchema } from "./reconcile-schema.ts";
import { extractItems, removeItems } from "./remove-items.ts";
import { fieldSetOfValue } from "./to-field-set.ts";
import { validateTyped } from "./validate.ts";

const text: ApplyType = { kind: "scalar", scalar: "string" };
const numeric: ApplyType = { kind: "scalar", scalar: "numeric" };

function struct(fields: Readonly<Record<string, ApplyType>>, isAtomic = false): MapType {
  const keyDefault = { protocol: "TCP" } as Readonly<Record<string, unknown>>;
  return {
    kind: "map",
    isAtomic,
    field: (name) => (fields[name] === undefined ? undefined : { type: fields[name], keyDefault: keyDefault[name] }),
    values: undefined,
  };
}

function list(relationship: ListType["relationship"], items: ApplyType, keys: readonly string[] = []): ListType {
  return { kind: "list", relationship, keys, items };
}

const port = struct({ port: numeric, protocol: text, name: text });
const type = struct({
  name: text,
  ports: list("map", port, ["port", "protocol"]),
  tags: list("set", text),
  args: list("atomic", text),
  labels: { kind: "map", isAtomic: false, field: () => undefined, values: text },
  selector: struct({ a: text, b: text }, true),
  free: { kind: "untyped", isDeduced: true },
});

function show(set: FieldSet): readonly string[] {
  return set.paths().map(formatPath);
}

test("the fields of a value: leaves, items, keys of maps, empty objects", () => {
  const cases: readonly (readonly [unknown, readonly string[]])[] = [
    [{ name: "x" }, [".name"]],
    [{ name: null, tags: null }, [".name", ".tags"]],
    [{ ports: [{ port: 80 }] }, ['.ports[port=80,protocol="TCP"]', '.ports[port=80,protocol="TCP"].port']],
    [{ tags: ["a", "b", "a"] }, ['.tags[="a"]', '.tags[="b"]']],
    [{ tags: [], labels: {} }, [".labels"]],
    [{ args: ["a"], selector: { a: "b" } }, [".args", ".selector"]],
    [{ labels: { a: "b" } }, [".labels.a"]],
    [{ free: { a: { b: [1] }, c: 5 } }, [".free.a", ".free.c", ".free.a.b"]],
  ];
  for (const [value, expected] of cases)
    assert.deepEqual(show(fieldSetOfValue(value, type)), expected, JSON.stringify(value));
});

test("a comparison: added containers are members, atomic values are whole, repeated items are one", () => {
  const compare = (before: unknown, after: unknown) => {
    const { removed, modified, added } = finish(compareTyped(before, after, type));
    return { removed: show(removed), modified: show(modified), added: show(added) };
  };
  const none = { removed: [], modified: [], added: [] };
  assert.deepEqual(compare({ name: "a" }, { name: "a" }), none);
  assert.deepEqual(compare({}, { labels: { a: "b" } }), { ...none, added: [".labels", ".labels.a"] });
  assert.deepEqual(compare({ selector: { a: "b" } }, { selector: { b: "c" } }), { ...none, modified: [".selector"] });
  assert.deepEqual(compare({ tags: ["a"] }, { tags: ["b"] }), {
    ...none,
    removed: ['.tags[="a"]'],
    added: ['.tags[="b"]'],
  });
  assert.deepEqual(compare({ tags: ["b", "a"] }, { tags: ["a", "b"] }), none);
  assert.deepEqual(compare({ tags: null }, { tags: [] }), { ...none, modified: [".tags"] });
  const [one, two] = [
    { port: 1, name: "x" },
    { port: 1, name: "y" },
  ];
  const item = '.ports[port=1,protocol="TCP"]';
  assert.deepEqual(compare({ ports: [one, two] }, { ports: [two, one] }), { ...none, modified: [item] });
  assert.deepEqual(compare({ ports: [one, two] }, { ports: [one] }), {
    ...none,
    removed: [item],
    added: [item, `${item}.name`, `${item}.port`],
  });
  assert.deepEqual(compare({ free: 5 }, { free: { a: 1 } }), { ...none, modified: [".free"], added: [".free.a"] });
});

test("lists merge in the live order, unless the applier orders what is in both", () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ["abc", "", "abc"],
    ["abc", "cb", "acb"],
    ["abc", "bd", "abcd"],
    ["abc", "dabc", "dabc"],
    ["ace", "bdf", "acebdf"],
    ["abcd", "da", "bcda"],
    ["aab", "bc", "aabc"],
  ];
  for (const [live, applied, expected] of cases) {
    const merged = mergeTyped({ tags: live.split("") }, { tags: applied.split("") }, type) as {
      tags: readonly string[];
    };
    assert.equal(merged.tags.join(""), expected, `${live} + ${applied}`);
  }
});

test("merge keeps what only one side has, and null is a value", () => {
  const live = { name: "a", labels: { a: "1", b: "2" }, args: ["x"] };
  const applied = { name: null, labels: { b: "3", c: "4" }, args: ["y", "z"] };
  assert.deepEqual(mergeTyped(live, applied, type), {
    name: null,
    labels: { a: "1", b: "3", c: "4" },
    args: ["y", "z"],
  });
});

test("items are removed and extracted by path; what loses all it has stays empty", () => {
  const value = { name: "a", labels: { a: "1" }, tags: ["x", "y"], args: ["q"] };
  const set = FieldSet.of(["f:labels", "f:a"], ["f:tags", 'v:"x"'], ["f:args", "i:0"]);
  assert.deepEqual(removeItems(value, set, type), { name: "a", labels: {}, tags: ["y"], args: [] });
  assert.deepEqual(extractItems(value, set, type), { labels: { a: "1" }, tags: ["x"], args: ["q"] });
});

test("a record within what has become atomic becomes one of the whole", () => {
  const old = FieldSet.of(["f:selector", "f:a"], ["f:args", "i:0"], ["f:labels", "f:a"]);
  assert.deepEqual(show(reconcileWithSchema(old, type)), [".args", ".selector", ".labels.a"]);
  const current = FieldSet.of(["f:selector"], ["f:labels", "f:a"]);
  assert.equal(reconcileWithSchema(current, type), current);
});

test("a value that does not fit is told of in upstream's words", () => {
  const cases: readonly (readonly [unknown, string])[] = [
    [{ nme: "x" }, ".nme: field not declared in schema"],
    [{ name: 5 }, ".name: expected string, got &value.valueUnstructured{Value:5}"],
    [{ ports: [{ port: "x" }] }, '.ports[port="x",protocol="TCP"].port: expected numeric (int or float), got string'],
    [{ tags: ["a", "a"] }, '.tags: duplicate entries for key [="a"]'],
    [{ tags: "a" }, ".tags: expected list, got &{a}"],
    [{ labels: [] }, ".labels: expected map, got &{[]}"],
    [{ tags: [null] }, ".tags: element 0: associative list without keys has an element that's an explicit null"],
    [
      { name: 5, tags: 6 },
      "errors:\n  .name: expected string, got &value.valueUnstructured{Value:5}\n  .tags: expected list, got &{6}",
    ],
  ];
  for (const [value, message] of cases) assert.throws(() => validateTyped(value, type), { message });
  assert.doesNotThrow(() => validateTyped({ name: null, ports: null, free: [{}] }, type));
});
