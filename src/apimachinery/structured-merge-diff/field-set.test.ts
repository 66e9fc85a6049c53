import assert from "node:assert/strict";
import { test } from "node:test";
import { array, assert as check, constantFrom, property } from "fast-check";
import { FieldSet } from "./field-set.ts";
import { finish } from "../../component-base/steps.ts";
import { fieldSetOf, fieldsV1Of } from "./fields-v1.ts";
import { type Path, formatPath, keyElement, parsePathElement, valueElement } from "./path-element.ts";

const step = constantFrom("f:a", "f:b", 'k:{"name":"x"}', 'v:"y"', "i:3");
const path = array(step, { minLength: 1, maxLength: 4 });
const paths = array(path, { maxLength: 8 });

function texts(set: FieldSet): readonly string[] {
  return set
    .paths()
    .map((p) => p.join("/"))
    .toSorted();
}

function model(list: readonly Path[]): ReadonlySet<string> {
  return new Set(list.map((p) => p.join("/")));
}

test("union, intersection and difference are those of sets of paths", () => {
  check(
    property(paths, paths, (left, right) => {
      const [a, b] = [FieldSet.of(...left), FieldSet.of(...right)];
      const [x, y] = [model(left), model(right)];
      assert.deepEqual(texts(a.union(b)), [...new Set([...x, ...y])].toSorted());
      assert.deepEqual(texts(a.intersection(b)), [...x].filter((p) => y.has(p)).toSorted());
      assert.deepEqual(texts(a.difference(b)), [...x].filter((p) => !y.has(p)).toSorted());
      const below = [...x].filter((p) => ![...y].some((q) => p === q || p.startsWith(`${q}/`)));
      assert.deepEqual(texts(a.recursiveDifference(b)), below.toSorted());
      assert.equal(a.equals(b), x.size === y.size && [...x].every((p) => y.has(p)));
      for (const p of left) assert.ok(a.hasPath(p));
    }),
  );
});

test("what does not change is the very same set", () => {
  const set = FieldSet.of(["f:a", "f:b"], ["f:c"]);
  assert.equal(set.union(FieldSet.of(["f:c"])), set);
  assert.equal(set.difference(FieldSet.of(["f:a"], ["f:d"])), set);
  assert.equal(set.difference(set).isEmpty, true);
});

test("FieldsV1 round-trips and is sorted: fields, keys, values, places", () => {
  check(
    property(paths, (list) => {
      const set = FieldSet.of(...list);
      assert.ok(fieldSetOf(finish(fieldsV1Of(set))).equals(set));
    }),
  );
  const set = FieldSet.of(
    ["f:a"],
    ["f:a", "f:😀"],
    ["f:a", "f:ﬀ"],
    ["i:1"],
    ["v:2"],
    ["v:10"],
    ['v:"a"'],
    ["k:{}"],
    ["f:B"],
  );
  assert.equal(
    JSON.stringify(finish(fieldsV1Of(set))),
    String.raw`{"f:B":{},"f:a":{".":{},"f:ﬀ":{},"f:😀":{}},"k:{}":{},"v:2":{},"v:10":{},"v:\"a\"":{},"i:1":{}}`,
  );
});

test("FieldsV1 of clients: keys in any order, sorts of steps nobody knows", () => {
  const set = fieldSetOf({ "f:p": { 'k:{"protocol":"TCP", "port":80}': null, "x:y": {} }, "f:q": { ".": {} } });
  assert.deepEqual(set.paths().map(formatPath), [".q", '.p[port=80,protocol="TCP"]']);
  for (const broken of [{ "f:a": 5 }, { fa: {} }, { "k:5": {} }, { 'v:"': {} }, { "i:x": {} }, []])
    assert.throws(() => fieldSetOf(broken), JSON.stringify(broken));
});

test("path elements are canonical, as Go writes them", () => {
  assert.equal(
    keyElement([
      ["b", 1],
      ["a", "<x>"],
    ]),
    String.raw`k:{"a":"\u003cx\u003e","b":1}`,
  );
  assert.equal(valueElement('say "hi"'), String.raw`v:"say \"hi\""`);
  assert.equal(parsePathElement('k:{ "b":1, "a":true }'), 'k:{"a":true,"b":1}');
  assert.equal(
    formatPath(["f:spec", "f:ports", 'k:{"port":80,"protocol":"TCP"}', "i:2", 'v:"x"']),
    '.spec.ports[port=80,protocol="TCP"][2][="x"]',
  );
});
