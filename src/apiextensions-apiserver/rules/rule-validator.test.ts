import assert from "node:assert/strict";
import { test } from "node:test";
import { finish } from "../../component-base/steps.ts";
import type { JsonSchema } from "../schema/json-schema.ts";
import { RuleValidator } from "./rule-validator.ts";

const spent = "validation failed due to running out of cost budget, no further validation rules will be run";

/** Items of a list, each with rules. */
function listOf(...rules: readonly string[]): JsonSchema {
  const items = { type: "integer", "x-kubernetes-validations": rules.map((rule) => ({ rule })) };
  return { type: "object", properties: { list: { type: "array", items } } };
}

test("rules of one object share a budget; when it is spent, no more are evaluated", () => {
  const costly = `[${"0, ".repeat(99)}0]`;
  const validator = new RuleValidator(listOf(`${costly}.all(x, ${costly}.all(y, x + y == 0))`, "self > 0"));
  const list = Array.from({ length: 1000 }, () => 0);
  const errors = finish(validator.validate({ list }, undefined));
  assert.equal(errors.at(-1)?.detail, spent);
  const told = errors.filter(({ detail }) => detail !== spent);
  assert.equal(told.length, errors.length - 1);
  assert.ok(told.length > 10 && told.length < 1000, `${told.length} items were looked at`);
});

test("others have their turn while many rules are evaluated", () => {
  const validator = new RuleValidator(listOf("self >= 0", "self < 1000000"));
  const steps = validator.validate({ list: Array.from({ length: 50_000 }, (_, i) => i) }, undefined);
  let count = 0;
  let result = steps.next();
  for (; !result.done; result = steps.next()) count++;
  assert.deepEqual(result.value, []);
  // Each rule reads a variable and compares: 2 units; 100,000 rules are 200,000 units, and a step is 50,000.
  assert.ok(count >= 3, `only ${count} steps`);
});

test("an expression that matches nothing in time ends, whatever its pattern", () => {
  const schema: JsonSchema = {
    type: "object",
    properties: { text: { type: "string", "x-kubernetes-validations": [{ rule: "self.matches('^(a+)+$')" }] } },
  };
  const [error] = finish(new RuleValidator(schema).validate({ text: `${"a".repeat(5000)}!` }, undefined));
  assert.equal(error?.detail, "failed rule: self.matches('^(a+)+$')");
});
