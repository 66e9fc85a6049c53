import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { finish } from "../../component-base/steps.ts";
import { parseJson, parseJsonInPieces } from "./parse.ts";
import { readJson } from "./reader.ts";
import { stringifyJson } from "./stringify.ts";

test("any JSON is read as JSON.parse reads it, on both paths", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      const text = JSON.stringify(value);
      const { value: parsed, duplicates } = parseJson(text);
      assert.equal(stringifyJson(parsed), text);
      assert.deepEqual(duplicates, []);
      assert.equal(stringifyJson(readJson(text).value), text);
    }),
  );
});

test("duplicate members are told by path and the last wins", () => {
  const { value, duplicates } = parseJson(
    '{"spec":{"replicas":1,"containers":[{"name":"a"},{"name":"b","name":"c"}],"replicas":2},"spec2":1}',
  );
  assert.deepEqual(duplicates, ["spec.containers[1].name", "spec.replicas"]);
  assert.deepEqual(value, { spec: { replicas: 2, containers: [{ name: "a" }, { name: "c" }] }, spec2: 1 });
});

test("integers of 64 bits stay exact, there and back", () => {
  const text =
    '{"a":9007199254740993,"b":-9223372036854775808,"c":9223372036854775808,"d":1e3,"e":1.5,"f":9007199254740991}';
  const { value } = parseJson(text);
  assert.deepEqual(value, {
    a: 9007199254740993n,
    b: -9223372036854775808n,
    c: 9223372036854775808,
    d: 1000,
    e: 1.5,
    f: 9007199254740991,
  });
  assert.equal(stringifyJson({ a: [9007199254740993n] }), '{"a":[9007199254740993]}');
});

test("__proto__ and constructor are data", () => {
  for (const more of ["", ',"n":12345678901234567890']) {
    const { value } = parseJson(`{"__proto__":{"polluted":true},"constructor":{"prototype":1}${more}}`);
    const object = value as Record<string, unknown>;
    assert.equal(Object.getPrototypeOf(object), Object.prototype);
    assert.deepEqual(Object.keys(object).slice(0, 2), ["__proto__", "constructor"]);
    assert.equal(object["polluted"], undefined);
    assert.match(stringifyJson(object), /^\{"__proto__":\{"polluted":true\},"constructor":\{"prototype":1\}/);
  }
});

test("lone surrogates and bytes that are no UTF-8 are replaced", () => {
  assert.deepEqual(parseJson('{"a":"\\ud800","b":"\\ud83d\\ude00"}').value, { a: "\ufffd", b: "😀" });
  assert.deepEqual(parseJson(Uint8Array.from([0x22, 0xff, 0x22])).value, "\ufffd");
});

test("what is wrong is said in Go's words", () => {
  const cases: [string, string][] = [
    ["", "unexpected end of JSON input"],
    ["{", "unexpected end of JSON input"],
    ['{"a', "unexpected end of JSON input"],
    ["x", "invalid character 'x' looking for beginning of value"],
    ["{a:1}", "invalid character 'a' looking for beginning of object key string"],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":1 "b"}', "invalid character '\"' after object key:value pair"],
    ["[1 2]", "invalid character '2' after array element"],
    ["[1,]", "invalid character ']' looking for beginning of value"],
    ["{} x", "invalid character 'x' after top-level value"],
    ["trux", "invalid character 'x' in literal true (expecting 'e')"],
    ['"\n"', "invalid character '\\n' in string literal"],
    ['"\\x"', "invalid character 'x' in string escape code"],
    ['"\\u00g0"', "invalid character 'g' in \\u hexadecimal character escape"],
    ["-x", "invalid character 'x' in numeric literal"],
    ["1.x", "invalid character 'x' after decimal point in numeric literal"],
    ["1ex", "invalid character 'x' in exponent of numeric literal"],
    ["01", "invalid character '1' after top-level value"],
    ["1e999", "json: cannot unmarshal number 1e999 into Go value of type float64"],
    ["'", "invalid character '\\'' looking for beginning of value"],
  ];
  for (const [text, message] of cases) assert.throws(() => parseJson(text), { name: "JsonError", message }, text);
});

test("hostile text is refused at once", () => {
  const started = performance.now();
  assert.throws(() => parseJson("[".repeat(100_000)), { message: "exceeded max depth" });
  assert.throws(() => parseJson('{"a":'.repeat(100_000)), { message: "exceeded max depth" });
  assert.throws(() => parseJson(`"${"\\".repeat(1_000_001)}"`), { message: "unexpected end of JSON input" });
  assert.ok(performance.now() - started < 1000);
});

test("long text reads the same in pieces", () => {
  const long = "x".repeat(100_000);
  const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`k${i}`, { "a,b": [i, "}"], "\\": '"' }]));
  const texts = [
    JSON.stringify(many),
    JSON.stringify({ a: [many, long, [], {}], ["__proto__"]: many, [long]: { b: long }, c: null }, undefined, 1),
    JSON.stringify([long, [long, 1], many]),
    `[${" ".repeat(200_000)}]`,
    `{"a":"${long}","a":${JSON.stringify(many)}}`,
    `{"k1":"${long}",${JSON.stringify(many).slice(1)}`,
    `["${long}",${"1,".repeat(50_000)}1]`,
  ];
  const bad = [
    `["${long}${long}",]`,
    `[,"${long}${long}"]`,
    `{"${long}${long}"}`,
    `{"a":"${long}${long}"`,
    `[${"1,".repeat(99_999)}`,
  ];
  for (const text of [...texts, ...bad.map((each) => `${each} `)]) {
    assert.deepEqual(
      outcome(() => finish(parseJsonInPieces(text))),
      outcome(() => parseJson(text)),
      text.slice(0, 20),
    );
  }
});

function outcome(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    return error;
  }
}
