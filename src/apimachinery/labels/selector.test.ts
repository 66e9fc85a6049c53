import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { FieldPath } from "../validation/field-path.ts";
import { formatFieldError } from "../validation/field-error.ts";
import { validateLabelSelector } from "../validation/label-selector.ts";
import { parseSelector } from "./parse.ts";
import { Selector, formatLabelSelector, selectorFromLabelSelector, selectorFromSet } from "./selector.ts";

test("text parses and prints in canonical form", () => {
  const cases: [string, string][] = [
    ["", ""],
    ["x=a,y=b,z=c", "x=a,y=b,z=c"],
    ["z=c, x = a", "x=a,z=c"],
    ["x==a", "x==a"],
    ["x!=a,y", "x!=a,y"],
    ["!x", "!x"],
    ["x in (b,a,b)", "x in (a,b)"],
    ["x notin ( a )", "x notin (a)"],
    ["x in ()", "x in ()"],
    ["x in (,a)", "x in (,a)"],
    ["x in (a,,b)", "x in (,a,b)"],
    ["x in (a,)", "x in (,a)"],
    ["x=", "x="],
    ["x=,z= ", "x=,z="],
    ["x>1,y<2", "x>1,y<2"],
    ["in in (in, notin)", "in in (in,notin)"],
    ["x=in", "x=in"],
    ["a.b/c=d", "a.b/c=d"],
  ];
  for (const [text, printed] of cases) assert.equal(parseSelector(text).toString(), printed, text);
});

test("bad text is answered with upstream's messages", () => {
  const cases: [string, string | RegExp][] = [
    ["x a", "unable to parse requirement: found 'a', expected: in, notin, =, ==, !=, gt, lt"],
    ["x,", "found '', expected: identifier after ','"],
    ["x=a||y=b", /^unable to parse requirement: values\[0\]\[x\]: Invalid value: "a\|\|y": a valid label must/],
    ["x==a==b", "found '==', expected: ',' or 'end of string'"],
    ["!x=a", "found '=', expected: ',' or 'end of string'"],
    ["x in a", "unable to parse requirement: found 'a' expected: '('"],
    ["x in (a", "unable to parse requirement: found '', expected: ',' or ')'"],
    ["x in (a b)", "unable to parse requirement: found 'b', expected: ',' or ')'"],
    ["x in (=)", "unable to parse requirement: found '=', expected: ',', ')' or identifier"],
    ["=a", "found '=', expected: !, identifier, or 'end of string'"],
    ["x=(", "unable to parse requirement: found '(', expected: identifier"],
    [
      "x>a",
      "unable to parse requirement: values[0]: Invalid value: \"a\": for 'Gt', 'Lt' operators, the value must be an integer",
    ],
    ["-x", /^unable to parse requirement: <nil>: Invalid value: "-x": name part must consist of/],
  ];
  for (const [text, message] of cases)
    assert.throws(() => parseSelector(text), { name: "SelectorError", message }, text);
});

test("matching follows the operators", () => {
  const labels = { env: "prod", tier: "", n: "5" };
  const cases: [string, boolean][] = [
    ["", true],
    ["env=prod", true],
    ["env=dev", false],
    ["env!=dev", true],
    ["missing!=x", true],
    ["missing notin (x)", true],
    ["env in (dev,prod)", true],
    ["env notin (dev,prod)", false],
    ["tier", true],
    ["tier=", true],
    ["!tier", false],
    ["!missing", true],
    ["n>4", true],
    ["n<5", false],
    ["env>4", false],
    ["constructor", false],
  ];
  for (const [text, expected] of cases) assert.equal(parseSelector(text).matches(labels), expected, text);
  assert.equal(Selector.nothing.matches({}), false);
  assert.equal(parseSelector("!x").matches(undefined), true);
  assert.equal(parseSelector("a in (b)").requiredValue("a"), "b");
  assert.equal(parseSelector("a in (b,c)").requiredValue("a"), undefined);
});

test("a LabelSelector converts; absent selects nothing, empty everything", () => {
  assert.equal(selectorFromLabelSelector(undefined).isNothing, true);
  assert.equal(selectorFromLabelSelector({}).isEverything, true);
  const selector = {
    matchLabels: { b: "1" },
    matchExpressions: [
      { key: "a", operator: "Exists" },
      { key: "c", operator: "NotIn", values: ["y", "x"] },
    ],
  };
  assert.equal(selectorFromLabelSelector(selector).toString(), "a,b=1,c notin (x,y)");
  assert.equal(formatLabelSelector({}), "<none>");
  assert.equal(formatLabelSelector({ matchExpressions: [{ key: "a", operator: "Gt", values: ["1"] }] }), "<error>");
  assert.throws(() => selectorFromLabelSelector({ matchExpressions: [{ key: "a", operator: "constructor" }] }), {
    message: '"constructor" is not a valid label selector operator',
  });
});

test("a LabelSelector is validated field by field", () => {
  const selector = {
    matchLabels: { "-": "a" },
    matchExpressions: [
      { key: "a", operator: "In" },
      { key: "a", operator: "Exists", values: ["x"] },
      { key: "a", operator: "Like", values: ["-"] },
    ],
  };
  const [label = "", ...others] = validateLabelSelector(selector, FieldPath.of("spec", "selector")).map(
    formatFieldError,
  );
  assert.match(label, /^spec\.selector\.matchLabels: Invalid value: "-": name part must consist of/);
  const [value = ""] = others.splice(3);
  assert.deepEqual(others, [
    "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    "spec.selector.matchExpressions[1].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
    'spec.selector.matchExpressions[2].operator: Invalid value: "Like": not a valid selector operator',
  ]);
  assert.match(value, /^spec\.selector\.matchExpressions\[2\]\.values\[0\]: Invalid value: "-": a valid label must be/);
});

const word = fc.stringMatching(/^[a-z]{1,3}$/);
const labelSets = fc.dictionary(word, word, { noNullPrototype: true });
const requirements = fc.oneof(
  fc.tuple(word, fc.constantFrom("=", "==", "!="), word).map(([k, op, v]) => `${k}${op}${v}`),
  fc.tuple(word, fc.constantFrom("in", "notin"), fc.array(word)).map(([k, op, v]) => `${k} ${op} (${v.join(",")})`),
  word,
  word.map((k) => `!${k}`),
);
const selectors = fc.array(requirements).map((r) => r.join(","));

test("printing and parsing again selects the same", () => {
  fc.assert(
    fc.property(selectors, labelSets, (text, labels) => {
      const once = parseSelector(text);
      const twice = parseSelector(once.toString());
      assert.equal(twice.toString(), once.toString());
      assert.equal(twice.matches(labels), once.matches(labels));
    }),
  );
});

test("a set's selector matches every superset", () => {
  fc.assert(
    fc.property(labelSets, labelSets, (labels, more) => {
      assert.ok(selectorFromSet(labels).matches({ ...more, ...labels }));
    }),
  );
});
