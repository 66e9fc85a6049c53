import assert from "node:assert/strict";
import { test } from "node:test";
import * as f from "./field-error.ts";
import { FieldPath, childOf, formatPath } from "./field-path.ts";

test("a path prints names, items and keys", () => {
  const path = FieldPath.of("spec", "template").child("containers").index(2).child("labels").key("a/b");
  assert.equal(path.toString(), "spec.template.containers[2].labels[a/b]");
  assert.equal(FieldPath.of("").index(1).toString(), "[][1]");
  assert.equal(formatPath(undefined), "<nil>");
  assert.equal(childOf(undefined, "a", "b").toString(), "a.b");
});

test("errors print as upstream's", () => {
  const p = FieldPath.of("f");
  const cases: [f.FieldError, string][] = [
    [f.fieldInvalid(p, "v", "d"), 'f: Invalid value: "v": d'],
    [f.fieldInvalid(p, "v", ""), 'f: Invalid value: "v"'],
    [f.fieldInvalid(p, 5, "d"), "f: Invalid value: 5: d"],
    [f.fieldInvalid(p, 9007199254740993n, "d"), "f: Invalid value: 9007199254740993: d"],
    [f.fieldInvalid(p, true, "d"), "f: Invalid value: true: d"],
    [f.fieldInvalid(p, null, "d"), "f: Invalid value: null: d"],
    [f.fieldInvalid(p, undefined, "d"), "f: Invalid value: null: d"],
    [f.fieldInvalid(p, { a: "<b>", c: [1] }, "d"), 'f: Invalid value: {"a":"\\u003cb\\u003e","c":[1]}: d'],
    [f.fieldInvalid(p, 'a"\n\u0001\u00ad😀é', ""), 'f: Invalid value: "a\\"\\n\\x01\\u00ad😀é"'],
    [f.fieldTypeInvalid(p, "v", "d"), 'f: Invalid value: "v": d'],
    [f.fieldRequired(p), "f: Required value"],
    [f.fieldRequired(p, "d"), "f: Required value: d"],
    [f.fieldDuplicate(p, "v"), 'f: Duplicate value: "v"'],
    [f.fieldNotSupported(p, "v", ["a", "b"]), 'f: Unsupported value: "v": supported values: "a", "b"'],
    [f.fieldNotSupported(p, "v", []), 'f: Unsupported value: "v"'],
    [f.fieldForbidden(p, "d"), "f: Forbidden: d"],
    [f.fieldNotFound(p, "v"), 'f: Not found: "v"'],
    [f.fieldTooLong(p, 253), "f: Too long: may not be more than 253 bytes"],
    [f.fieldTooLong(p, 1), "f: Too long: may not be more than 1 byte"],
    [f.fieldTooMany(p, 11, 10), "f: Too many: 11: must have at most 10 items"],
    [f.fieldTooMany(p, undefined, 1), "f: Too many: must have at most 1 item"],
    [f.fieldTooFew(p, 0, 1), "f: Too few: 0: must have at least 1 item"],
    [f.fieldTooShort(p, "", 1), "f: Too short: must be at least 1 character"],
    [f.fieldInternalError(p, "d"), "f: Internal error: d"],
  ];
  for (const [error, text] of cases) assert.equal(f.formatFieldError(error), text);
});

test("several errors become one text without repetition", () => {
  const a = f.fieldRequired(FieldPath.of("a"));
  const b = f.fieldRequired(FieldPath.of("b"));
  const aggregate = (errors: readonly f.FieldError[]) => f.aggregateMessages(errors.map(f.formatFieldError));
  assert.equal(aggregate([]), "");
  assert.equal(aggregate([a, a]), "a: Required value");
  assert.equal(aggregate([a, b, a]), "[a: Required value, b: Required value]");
});
