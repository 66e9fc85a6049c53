import assert from "node:assert/strict";
import { test } from "node:test";
import { envFileValue } from "./env-file.ts";

const file = `# comment

  A='first'
B='two
lines # no comment
'  # a comment
C= 'gone'
D='$A \\n'
`;

test("a variable of an environment file is what stands between its quotes", () => {
  assert.equal(envFileValue(file, "A"), "first");
  assert.equal(envFileValue(file, "B"), "two\nlines # no comment\n");
  assert.equal(envFileValue(file, "C"), "");
  assert.equal(envFileValue(file, "D"), "$A \\n");
  assert.equal(envFileValue(file, "E"), undefined);
});

const malformed: readonly [text: string, message: RegExp][] = [
  ["A=b", /line 1: value must be enclosed in single quotes/],
  ["X='1'\nA = 'b'", /line 2: whitespace before '=' is not allowed/],
  ["A", /line 1: missing '='/],
  ["='b'", /line 1: empty variable name/],
  ["A='b\nc", /unclosed single quote/],
  ["A='b' c", /unexpected content after closing quote/],
];

for (const [text, message] of malformed) {
  test(`an environment file with ${JSON.stringify(text)} is refused`, () => {
    assert.throws(() => envFileValue(text, "A"), message);
  });
}
