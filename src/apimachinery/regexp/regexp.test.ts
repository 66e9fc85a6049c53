import assert from "node:assert/strict";
import { test } from "node:test";
import { array, assert as check, constantFrom, property, string, tuple } from "fast-check";
import { compileRegexp, LinearRegexp } from "./regexp.ts";

void test("patterns match as Go's do", () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ["^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$", "* * * * */5", true],
    ["^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$", "* * *", false],
    ["b", "abc", true],
    ["^$", "", true],
    ["a|b|c$", "zzc", true],
    ["^[^a-c]{2,3}$", "xyz", true],
    ["^[]a]+$", "a]", true],
    ["[[:alpha:]_-]+$", "a_-", true],
    ["^[[:^digit:]]$", "1", false],
    ["(?i)ABC", "xabcx", true],
    ["^(?i:a)b$", "AB", false],
    ["^a.c$", "a\nc", false],
    ["(?s)^a.c$", "a\nc", true],
    ["(?m)^b$", "a\nb\nc", true],
    ["\\bfoo\\b", "a foo b", true],
    ["\\Bfoo", "a foo", false],
    ["^\\p{Lu}\\PN$", "ÉA", true],
    ["^\\pN$", "x", false],
    ["^\\x41\\x{42}\\.$", "AB.", true],
    ["^\\Qa.b\\E$", "a.b", true],
    ["^a{,2}$", "a{,2}", true],
    ["^x{2}?y$", "xxy", true],
    ["^.$", "😀", true],
    ["^(?P<name>a)$", "a", true],
  ];
  for (const [pattern, text, expected] of cases)
    assert.equal(new LinearRegexp(pattern).test(text), expected, `${pattern} on ${text}`);
});

void test("what Go does not take is refused in its words", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["[a", "missing closing ]: `[a`"],
    ["a(b", "missing closing ): `a(b`"],
    ["a)", "unexpected ): `a)`"],
    ["*a", "missing argument to repetition operator: `*`"],
    ["a**", "invalid nested repetition operator: `**`"],
    ["(?=x)", "invalid or unsupported Perl syntax: `(?=`"],
    ["(a)\\1", "invalid escape sequence: `\\1`"],
    ["a{2,1}", "invalid repeat count: `{2,1}`"],
    ["a{1001}", "invalid repeat count: `{1001}`"],
    ["(a{1000}){1000}", "expression too large: `(a{1000}){1000}`"],
    ["[b-a]", "invalid character class range: `b-a`"],
    ["a\\", "trailing backslash at end of expression: ``"],
  ];
  for (const [pattern, message] of cases)
    assert.equal(compileRegexp(pattern).error, `error parsing regexp: ${message}`, pattern);
});

void test("patterns that make others backtrack take time linear in the text", () => {
  const text = `${"a".repeat(20_000)}b`;
  for (const pattern of ["^(a+)+$", "^(a|a)*$", "^(a*)*$"]) assert.equal(new LinearRegexp(pattern).test(text), false);
});

void test("simple patterns match what the platform's expressions match", () => {
  const atom = constantFrom("a", "b", "[ab]", "[^a]", ".", "(a|b)", "(?:ab)", "\\d");
  const piece = tuple(atom, constantFrom("", "*", "+", "?", "{2}", "{1,2}")).map((parts) => parts.join(""));
  const pattern = array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => `^${pieces.join("")}$`);
  const text = string({ unit: constantFrom("a", "b", "1"), maxLength: 8 });
  check(
    property(pattern, text, (source, sample) => {
      assert.equal(new LinearRegexp(source).test(sample), new RegExp(source, "u").test(sample));
    }),
  );
});
