import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { stringifyJson } from "../json/stringify.ts";
import { parseYaml, parseYamlDocuments } from "./parse.ts";
import { stringifyYaml } from "./stringify.ts";

test("scalars mean what they mean to Kubernetes", () => {
  const cases: [string, unknown][] = [
    ["yes", true],
    ["y", true],
    ["Off", false],
    ["~", null],
    ["", null],
    ["010", 8],
    ["0o10", 8],
    ["08", 8],
    ["0x1F", 31],
    ["1_000", 1000],
    ["-5", -5],
    ["1.5", 1.5],
    ["1e3", "1e3"],
    ["1e+3", 1000],
    [".5", 0.5],
    ["1:30", "1:30"],
    ["80:80", "80:80"],
    ["2001-01-01", "2001-01-01"],
    ["2001-01-01T00:00:00Z", "2001-01-01T00:00:00Z"],
    ["100m", "100m"],
    ["1.2.3", "1.2.3"],
    ["9007199254740993", 9007199254740993n],
    ["'yes'", "yes"],
    ['"1"', "1"],
    ["!!str 1", "1"],
    ["!!binary aGk=", "hi"],
    ["|\n  x\n  y\n", "x\ny\n"],
    ["[1, {a: b}]", [1, { a: "b" }]],
  ];
  for (const [text, value] of cases) assert.deepEqual(parseYaml(`k: ${text}`).value, { k: value }, text);
});

test("keys become strings and names of the prototype stay data", () => {
  assert.deepEqual(parseYaml("1: a\ntrue: b\nx: c").value, { "1": "a", true: "b", x: "c" });
  assert.deepEqual(parseYaml("name:: web").value, { "name:": "web" });
  const object = parseYaml("__proto__: {x: 1}\nconstructor: 2").value as object;
  assert.equal(Object.getPrototypeOf(object), Object.prototype);
  assert.deepEqual(Object.keys(object), ["__proto__", "constructor"]);
});

test("anchors, aliases and merges", () => {
  assert.deepEqual(parseYaml("a: &x {p: 1}\nb: *x\nc: {<<: *x, q: 2}\nd: {p: 3, <<: [*x, {r: 4}]}").value, {
    a: { p: 1 },
    b: { p: 1 },
    c: { p: 1, q: 2 },
    d: { p: 3, r: 4 },
  });
  assert.throws(() => parseYaml("a: *b"), { message: "yaml: unknown anchor 'b' referenced" });
  assert.throws(() => parseYaml("a: &a [*a]"), { message: "yaml: anchor 'a' value contains itself" });
});

test("duplicate keys are told by path, and by line in upstream's words", () => {
  const reading = parseYaml("spec:\n  replicas: 1\n  list:\n  - a: 1\n    a: 2\n  replicas: 2\n");
  assert.deepEqual(reading.value, { spec: { replicas: 2, list: [{ a: 2 }] } });
  assert.deepEqual(reading.duplicates, ["spec.list[0].a", "spec.replicas"]);
  assert.equal(
    reading.duplicatesMessage,
    'yaml: unmarshal errors:\n  line 5: key "a" already set in map\n  line 6: key "replicas" already set in map',
  );
});

test("several documents", () => {
  const values = parseYamlDocuments("# first\n---\na: 1\n---\n---\nb: 2\n").map((reading) => reading.value);
  assert.deepEqual(values, [{ a: 1 }, null, { b: 2 }]);
  assert.deepEqual(parseYaml("").value, null);
});

/** Text, and what upstream says of it. */
const faults: readonly (readonly [string, string])[] = [
  ["apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n foo: y\n", "yaml: line 4: did not find expected key"],
  ['a: 1\nmetadata:\n  name: "x\n', "yaml: line 4: found unexpected end of stream"],
  ["a: 'x", "yaml: found unexpected end of stream"],
  ["a: [", "yaml: line 1: did not find expected node content"],
  ["a: [1, 2\nb: 3\n", "yaml: line 1: did not find expected ',' or ']'"],
  ["a: {b: 1\n", "yaml: line 1: did not find expected ',' or '}'"],
  ["a: {b: 1]\n", "yaml: did not find expected ',' or '}'"],
  ["a: ]\n", "yaml: did not find expected node content"],
  ["- a\nb: 1\n", "yaml: line 1: did not find expected '-' indicator"],
  ["a: 1\n- b\n", "yaml: line 1: did not find expected key"],
  ["a: b: c\n", "yaml: mapping values are not allowed in this context"],
  ["a:\n\t- b\n", "yaml: line 2: found character that cannot start any token"],
  ["a: @b\n", "yaml: found character that cannot start any token"],
  ["a: `b\n", "yaml: found character that cannot start any token"],
  ["a: %b\n", "yaml: found character that cannot start any token"],
  ['a: "\\q"\n', "yaml: found unknown escape character"],
  ["a: *\n", "yaml: did not find expected alphabetic or numeric character"],
  ["a: &\n", "yaml: did not find expected alphabetic or numeric character"],
  ["a: |3x\n b\n", "yaml: did not find expected comment or line break"],
  ["a: 1\n b: 2\n", "yaml: line 2: mapping values are not allowed in this context"],
  ["a\nb: 1\n", "yaml: line 2: mapping values are not allowed in this context"],
  ["a: {b, c: [}\n", "yaml: did not find expected node content"],
  ["a:\n  - b\n c: 1\n", "yaml: line 2: did not find expected key"],
  ['a: "x" y\n', "yaml: did not find expected key"],
  ["key: [a, b]]\n", "yaml: did not find expected key"],
  ["a: \u0001\n", "yaml: control characters are not allowed"],
  ["a: - b\n", "yaml: block sequence entries are not allowed in this context"],
];

for (const [text, message] of faults) {
  test(`what is wrong with ${JSON.stringify(text)} is told as upstream tells it`, () => {
    assert.throws(() => parseYaml(text), { name: "YamlError", message });
  });
}

test("what JSON has no word for is refused", () => {
  assert.throws(() => parseYaml("a: .inf"), { message: "error converting YAML to JSON: json: unsupported value: Inf" });
  assert.throws(() => parseYaml("? [a]\n: b"), { message: /unsupported map key/ });
});

test("JSON is read as JSON", () => {
  assert.deepEqual(parseYaml(' {"a": 1e3, "b": [true]}\n').value, { a: 1000, b: [true] });
  assert.deepEqual(parseYaml("{a: 1}").value, { a: 1 });
  const { duplicatesMessage } = parseYaml('{"a": 1,\n"a": 2}');
  assert.equal(duplicatesMessage, 'yaml: unmarshal errors:\n  line 2: key "a" already set in map');
  const large = JSON.stringify({ a: Array.from({ length: 400_000 }, () => "x".repeat(4)) });
  assert.ok(parseYaml(large).value);
});

test("bombs are refused quickly", () => {
  const started = performance.now();
  const levels = "abcdefghij".split("");
  const bomb = levels.map((l, i) => `${l}: &${l} [${i === 0 ? "x" : `*${levels[i - 1]},`.repeat(9)}]`).join("\n");
  assert.throws(() => parseYaml(bomb), { message: "yaml: document contains excessive aliasing" });
  assert.throws(() => parseYaml("[".repeat(100_000)), { message: "yaml: exceeded max depth" });
  assert.throws(() => parseYaml(`${"- ".repeat(100_000)}x`), { message: "yaml: exceeded max depth" });
  assert.throws(() => parseYaml("{a: ".repeat(100_000)), { message: "yaml: exceeded max depth" });
  const nested = Array.from({ length: 1300 }, (_, i) => `${" ".repeat(i)}a:`).join("\n");
  assert.throws(() => parseYaml(nested), { message: "yaml: exceeded max depth" });
  assert.throws(() => parseYaml("x".repeat(4_000_000)), { message: /larger than/ });
  assert.ok(performance.now() - started < 3000);
});

const texts = fc.string({ unit: fc.constantFrom(...Array.from(" \n\t\r:#-?[]{},&*!|>'\"%@`ab\\0")) });

test("whatever is written is read back the same", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), texts, (value, text) => {
      const object = { value, list: [text, { [text]: text }] };
      const { value: read } = parseYaml(stringifyYaml(object));
      assert.equal(stringifyJson(sorted(read)), stringifyJson(sorted(object)));
    }),
    { numRuns: 300 },
  );
});

test("text that looks like a number stays text", () => {
  const tricky = fc.stringMatching(/^[-+0-9obxeE._:~<ynYN#]{0,6}$/);
  fc.assert(
    fc.property(tricky, tricky, (name, value) => {
      assert.deepEqual(parseYaml(stringifyYaml({ [name]: [value] })).value, { [name]: [value] });
    }),
    { numRuns: 1000 },
  );
});

function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  );
}

test("YAML looks like upstream's", () => {
  assert.equal(
    stringifyYaml({ b: [{ name: "x", on: "yes" }], a: "1", text: "l1\nl2\n", num: 9007199254740993n }),
    'a: "1"\nb:\n- name: x\n  "on": "yes"\nnum: 9007199254740993\ntext: |\n  l1\n  l2\n',
  );
});
