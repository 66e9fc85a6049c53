import assert from "node:assert/strict";
import { test } from "node:test";
import { aggregateMessages, type FieldError, formatFieldError } from "../../apimachinery/validation/field-error.ts";
import { withDefaults } from "./defaults.ts";
import { validateEmbedded } from "./embedded.ts";
import type { JsonSchema } from "./json-schema.ts";
import { validateListTypes } from "./list-types.ts";
import { prune, pruneNulls } from "./prune.ts";
import { SchemaValidator } from "./validate.ts";

const string: JsonSchema = { type: "string" };
const integer: JsonSchema = { type: "integer" };
const object = (properties: Record<string, JsonSchema>, more: JsonSchema = {}): JsonSchema => ({
  type: "object",
  properties,
  ...more,
});

function told(errors: readonly FieldError[]): string {
  return aggregateMessages(errors.map(formatFieldError));
}

void test("fields the schema does not have go, at any depth, unless it preserves them", () => {
  const schema = object({
    spec: object({
      a: string,
      map: { type: "object", additionalProperties: object({ x: string }) },
      list: { type: "array", items: object({ x: string }) },
      free: object({ known: object({ x: string }) }, { "x-kubernetes-preserve-unknown-fields": true }),
      embedded: object({ spec: object({ x: string }) }, { "x-kubernetes-embedded-resource": true }),
    }),
  });
  const value = {
    apiVersion: "v1",
    kind: "K",
    metadata: { name: "n" },
    top: 1,
    spec: {
      a: "",
      b: 1,
      map: { k: { x: "", y: 1 } },
      list: [{ x: "" }, { y: 1 }],
      free: { any: 1, known: { x: "", y: 1 } },
      embedded: { apiVersion: "v1", kind: "K", metadata: { name: "m" }, spec: { y: 1 }, other: 1 },
    },
  };
  const unknown: string[] = [];
  assert.deepEqual(
    prune(value, schema, (path) => void unknown.push(path)),
    {
      apiVersion: "v1",
      kind: "K",
      metadata: { name: "n" },
      spec: {
        a: "",
        map: { k: { x: "" } },
        list: [{ x: "" }, {}],
        free: { any: 1, known: { x: "" } },
        embedded: { apiVersion: "v1", kind: "K", metadata: { name: "m" }, spec: {} },
      },
    },
  );
  assert.deepEqual(unknown, [
    "top",
    "spec.b",
    "spec.map.k.y",
    "spec.list[1].y",
    "spec.free.known.y",
    "spec.embedded.spec.y",
    "spec.embedded.other",
  ]);
});

void test("what has nothing to lose and lacks nothing is shared, not copied", () => {
  const schema = object({ spec: object({ a: { type: "string", default: "x" } }) });
  const value = { spec: { a: "y" } };
  assert.equal(prune(value, schema), value);
  assert.equal(withDefaults(value, schema), value);
});

void test("members named as those of all objects are data", () => {
  const value = JSON.parse('{"spec":{"__proto__":{"a":1},"constructor":1}}') as Record<string, unknown>;
  const schema = object({ spec: { type: "object", "x-kubernetes-preserve-unknown-fields": true } });
  assert.equal(JSON.stringify(prune(value, schema)), '{"spec":{"__proto__":{"a":1},"constructor":1}}');
  assert.deepEqual(prune(value, object({ spec: object({}) })), { spec: {} });
});

void test("defaults fill in what is missing, inside defaults and lists too, and nulls that may not be", () => {
  const schema = object({
    a: object({ b: { type: "string", default: "x" } }, { default: {} }),
    list: { type: "array", items: object({ c: { type: "integer", default: 1 } }) },
    nullable: { type: "string", nullable: true, default: "y" },
    null: { type: "string", default: "z" },
  });
  assert.deepEqual(withDefaults({ list: [{}, { c: 2 }], nullable: null, null: null }, schema), {
    a: { b: "x" },
    list: [{ c: 1 }, { c: 2 }],
    nullable: null,
    null: "z",
  });
  assert.deepEqual(pruneNulls({ s: null, null: null }, object({ s: string, null: { type: "string", default: "z" } })), {
    null: null,
  });
});

void test("values are checked with upstream's messages", () => {
  const cases: readonly (readonly [JsonSchema, unknown, string])[] = [
    [string, 1, 'v: Invalid value: "integer": v in body must be of type string: "integer"'],
    [
      integer,
      1.5,
      '[v: Invalid value: "number": v in body must be of type integer: "number", <nil>: Invalid value: "": Checked value must be of type integer (default format) in v]',
    ],
    [
      { type: "integer", format: "int32" },
      2 ** 31,
      '<nil>: Invalid value: "": Checked value must be of type integer with format int32 in v',
    ],
    [{ type: "integer", format: "int32" }, 2 ** 31 - 1, ""],
    [
      { type: "number", format: "float" },
      1e39,
      '<nil>: Invalid value: "": Checked value must be of type number with format float in v',
    ],
    [{ type: "number" }, 1, ""],
    [string, null, 'v: Invalid value: "null": v in body must be of type string: "null"'],
    [{ type: "string", nullable: true }, null, ""],
    [{ type: "string", maxLength: 2 }, "abc", "v: Too long: may not be more than 2 bytes"],
    [{ type: "string", minLength: 2 }, "a", 'v: Invalid value: "a": v in body should be at least 2 chars long'],
    [{ type: "string", pattern: "^a" }, "b", "v: Invalid value: \"b\": v in body should match '^a'"],
    [{ type: "string", format: "date-time" }, "x", 'v: Invalid value: "x": v in body must be of type date-time: "x"'],
    [{ type: "string", format: "date-time" }, "2026-01-02T03:04:05Z", ""],
    [
      { type: "string", format: "ipv4" },
      "1.2.3.256",
      'v: Invalid value: "1.2.3.256": v in body must be of type ipv4: "1.2.3.256"',
    ],
    [{ type: "integer", minimum: 2 }, 1, "v: Invalid value: 1: v in body should be greater than or equal to 2"],
    [
      { type: "integer", minimum: 1, exclusiveMinimum: true },
      1,
      "v: Invalid value: 1: v in body should be greater than 1",
    ],
    [{ type: "integer", maximum: 2 }, 3, "v: Invalid value: 3: v in body should be less than or equal to 2"],
    [{ type: "integer", multipleOf: 3 }, 4, "v: Invalid value: 4: v in body should be a multiple of 3"],
    [{ type: "array", items: integer, maxItems: 1 }, [1, 2], "v: Too many: 2: must have at most 1 item"],
    [{ type: "array", items: integer, minItems: 1 }, [], "v: Invalid value: 0: v in body should have at least 1 items"],
    [
      { type: "array", items: integer },
      [1, "x"],
      'v[1]: Invalid value: "string": v[1] in body must be of type integer: "string"',
    ],
    [
      { type: "object", additionalProperties: integer },
      { k: "" },
      'v.k: Invalid value: "string": v.k in body must be of type integer: "string"',
    ],
    [{ type: "object", minProperties: 1 }, {}, "v: Invalid value: 0: v in body should have at least 1 properties"],
    [object({}, { required: ["a"] }), {}, "v.a: Required value"],
    [{ type: "string", enum: ["a", "b"] }, "c", 'v: Unsupported value: "c": supported values: "a", "b"'],
    [
      object({}, { oneOf: [{ required: ["a"] }, { required: ["b"] }] }),
      { a: 1, b: 1 },
      '<nil>: Invalid value: "": "v" must validate one and only one schema (oneOf). Found 2 valid alternatives',
    ],
    [
      { type: "integer", anyOf: [{ minimum: 5 }, { maximum: 1 }] },
      3,
      '[<nil>: Invalid value: "": "v" must validate at least one schema (anyOf), v: Invalid value: 3: v in body should be greater than or equal to 5]',
    ],
    [{ type: "integer", not: { minimum: 5 } }, 6, '<nil>: Invalid value: "": "v" must not validate the schema (not)'],
  ];
  for (const [schema, value, expected] of cases)
    assert.equal(told(new SchemaValidator(object({ v: schema })).validate({ v: value })), expected);
});

void test("what has not changed is not complained about", () => {
  const items = object({ name: string, n: { type: "integer", minimum: 5 } });
  const schema = object({
    a: { type: "integer", minimum: 5 },
    b: { type: "integer", minimum: 5 },
    list: { type: "array", items, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] },
  });
  const validator = new SchemaValidator(schema);
  const old = {
    a: 1,
    b: 1,
    list: [
      { name: "x", n: 1 },
      { name: "y", n: 1 },
    ],
  };
  const changed = {
    a: 1,
    b: 2,
    list: [
      { name: "y", n: 1 },
      { name: "x", n: 2 },
    ],
  };
  assert.deepEqual(
    validator.validate(changed, old).map(({ field }) => field),
    ["b", "list[1].n"],
  );
});

void test("sets and maps hold each item once", () => {
  const set: JsonSchema = { type: "array", items: object({}), "x-kubernetes-list-type": "set" };
  assert.equal(
    told(
      validateListTypes(
        {
          s: [
            { a: 1, b: 2 },
            { b: 2, a: 1 },
          ],
        },
        object({ s: set }),
      ),
    ),
    's[1]: Duplicate value: {"b":2,"a":1}',
  );
});

void test("objects inside objects have a type and a name", () => {
  const schema = object({ e: object({}, { "x-kubernetes-embedded-resource": true }) });
  assert.equal(
    told(validateEmbedded({ e: { metadata: { name: "a/b" } } }, schema)),
    "[e.apiVersion: Required value, e.kind: Required value, e.metadata.name: Invalid value: \"a/b\": may not contain '/']",
  );
});
