import assert from "node:assert/strict";
import { test } from "node:test";
import * as names from "./names.ts";

const label63 = "a".repeat(63);

test("names that are fine, and names that are not", () => {
  const cases: [(value: string) => readonly string[], string[], string[]][] = [
    [
      names.validateDns1123Label,
      ["a", "ab", "1", "a-1", label63],
      ["", "A", "-", "a-", "-a", "a_b", "a.b", "é", `${label63}a`, "a\n"],
    ],
    [
      names.validateDns1123Subdomain,
      ["a", "a.b", "0.0", "a-b.c", "a".repeat(253)],
      ["", ".", "a.", ".a", "a..b", "A.b", "a_b", "a".repeat(254)],
    ],
    [names.validateDns1123SubdomainWithUnderscore, ["_tcp.a", "a_b.c"], ["a_", "__a", "A"]],
    [names.validateDns1035Label, ["a", "a-1"], ["1a", "", "a-", "A"]],
    [names.validateWildcardDns1123Subdomain, ["*.a.b"], ["a.b", "*", "*a.b", "*.*.b"]],
    [
      names.validateQualifiedName,
      ["simple", "a.b/c", "1-num.2-num/3-num", "Upper_case.x", `a/${label63}`],
      ["", "/", "a/", "/a", "a/b/c", "-a", "a-", "A.b/c", `a/${label63}a`, "no spaces"],
    ],
    [names.validateLabelValue, ["", "a", "A_b.c", label63], ["-", "a-", "a b", `${label63}a`]],
    [names.validatePathSegmentName, ["a", "...", ""], [".", "..", "a/b", "a%b"]],
    [names.validateCIdentifier, ["a", "_A1"], ["", "1a", "a-b"]],
    [names.validateEnvVarName, ["a", "-a.b"], ["", "1a", ".", "..", "..a"]],
    [names.validateRelaxedEnvVarName, ["1a", "a b~"], ["", "a=b", "é", "a\n"]],
    [names.validateConfigMapKey, ["a", ".a", "A_b-c"], ["", ".", "..", "..a", "a/b"]],
    [names.validatePortName, ["http", "a-1"], ["", "1", "a--b", "-a", "a-", "A", "a".repeat(16)]],
    [names.validatePercent, ["0%", "100%"], ["", "%", "-1%", "1"]],
    [names.validateHttpHeaderName, ["X-A"], ["", "a b", "a:"]],
    [names.validateConditionReason, ["A", "my_reason,b:c"], ["", "1a", "a,"]],
  ];
  for (const [validate, good, bad] of cases) {
    for (const value of good) assert.deepEqual(validate(value), [], `${validate.name} ${value}`);
    for (const value of bad) assert.notDeepEqual(validate(value), [], `${validate.name} ${value}`);
  }
});

test("messages are upstream's", () => {
  assert.deepEqual(names.validateDns1123Subdomain("A"), [
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
  ]);
  assert.deepEqual(names.validateDns1123Label("a.b"), ["must not contain dots"]);
  assert.deepEqual(names.validateDns1123Label(`${label63}A`), [
    "must be no more than 63 characters",
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
  ]);
  assert.deepEqual(names.validateQualifiedName("/"), [
    "prefix part must be non-empty",
    "name part must be non-empty",
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
  ]);
  assert.deepEqual(names.validateLabelValue(`${label63}a`), ["must be no more than 63 bytes"]);
  assert.deepEqual(names.validatePortNumber(0), ["must be between 1 and 65535, inclusive"]);
});

test("a generateName may end with a dash", () => {
  assert.deepEqual(names.nameIsDnsSubdomain("web-", true), []);
  assert.notDeepEqual(names.nameIsDnsSubdomain("web-", false), []);
});

test("hostile input is checked in linear time", () => {
  const hostile = `${"a-.".repeat(100_000)}!`;
  const started = performance.now();
  names.validateDns1123Subdomain(hostile);
  names.validateQualifiedName(`${"a".repeat(300_000)}!`);
  names.validateConditionReason(`${"a,".repeat(100_000)}!`);
  assert.ok(performance.now() - started < 500);
});
