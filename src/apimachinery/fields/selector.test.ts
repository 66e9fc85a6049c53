import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { fieldEquals, parseFieldSelector } from "./selector.ts";

test("text parses and prints in canonical form", () => {
  const cases: [string, string][] = [
    ["", ""],
    ["metadata.name=web", "metadata.name=web"],
    ["b==2,a!=1", "a!=1,b=2"],
    ["a=,", "a="],
    ["a=x\\,y\\=z\\\\", "a=x\\,y\\=z\\\\"],
    ["a!b=c", "a!b=c"],
  ];
  for (const [text, printed] of cases) assert.equal(parseFieldSelector(text).toString(), printed, text);
});

test("bad text is answered with upstream's messages", () => {
  const cases: [string, string][] = [
    ["abc", "invalid selector: 'abc'; can't understand 'abc'"],
    ["a=b,c", "invalid selector: 'a=b,c'; can't understand 'c'"],
    ["a=b=c", "invalid field selector: unescaped character in value: 61"],
    ["a=\\x", "invalid field selector: invalid escape sequence: \\x"],
    ["a=b\\", "invalid field selector: invalid escape sequence: \\"],
  ];
  for (const [text, message] of cases) {
    assert.throws(() => parseFieldSelector(text), { name: "FieldSelectorError", message }, text);
  }
});

test("a field that is not there counts as empty", () => {
  assert.equal(parseFieldSelector("spec.nodeName=").matches({}), true);
  assert.equal(parseFieldSelector("spec.nodeName!=").matches({ "spec.nodeName": "n" }), true);
  assert.equal(parseFieldSelector("a=b,c=d").matches({ a: "b", c: "x" }), false);
  assert.equal(parseFieldSelector("a!=b,c=d").requiredValue("c"), "d");
  assert.equal(parseFieldSelector("a!=b").requiredValue("a"), undefined);
});

test("any value survives escaping", () => {
  fc.assert(
    fc.property(fc.string(), (value) => {
      const selector = parseFieldSelector(fieldEquals("f", value).toString());
      assert.equal(selector.requiredValue("f"), value);
    }),
  );
});
