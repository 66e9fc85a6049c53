import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { builtinScheme } from "../../api/scheme.ts";
import { StatusError } from "../errors/status-error.ts";
import type { ResolvedType, ScalarName, StructType } from "./type-registry.ts";

const scheme = builtinScheme();
const kinds = ["Pod", "Service", "Node", "Event", "PersistentVolume"].map((kind) => {
  const found = scheme.kind("", "v1", kind);
  assert.ok(found);
  return found;
});

const scalars: Readonly<Record<ScalarName, fc.Arbitrary<unknown>>> = {
  string: fc.constantFrom("", "a", "web"),
  bool: fc.boolean(),
  int32: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  int64: fc.oneof(fc.integer(), fc.bigInt({ min: 2n ** 60n, max: 2n ** 63n - 1n })),
  double: fc.double({ noNaN: true, noDefaultInfinity: true }),
  bytes: fc.constantFrom("", "aGk=", "AAAA"),
  any: fc.constantFrom(1, "x"),
  Quantity: fc.constantFrom("1", "500m", "0.5", "1024Mi", "1e3", 2, "0"),
  IntOrString: fc.constantFrom(0, 80, "25%", ""),
  Time: fc.constantFrom("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.5+01:00"),
  MicroTime: fc.constantFrom("2026-01-02T03:04:05.000006Z", "2026-01-02T03:04:05.123456-07:00"),
  Duration: fc.constantFrom("1m0s"),
  RawExtension: fc.constantFrom({}, { kind: "X" }),
  FieldsV1: fc.constantFrom({}, { "f:metadata": {} }),
  JSON: fc.constantFrom(null, 1, {}),
};

/** Values of a type; rarely, what is no value of it. */
function valueOf(type: ResolvedType, depth: number, wrong: number): fc.Arbitrary<unknown> {
  const right = rightValueOf(type, depth, wrong);
  return wrong === 0
    ? right
    : fc.oneof({ weight: 200, arbitrary: right }, { weight: wrong, arbitrary: fc.jsonValue() });
}

function rightValueOf(type: ResolvedType, depth: number, wrong: number): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case "scalar":
      return scalars[type.scalar];
    case "enum":
      return fc.constantFrom("", ...(type.type.values ?? ["a"]));
    case "struct":
      return structOf(type.struct, depth - 1, wrong);
    case "list":
      return fc.array(fc.option(valueOf(type.items, depth, wrong)), { maxLength: 2 });
    case "map":
      return fc.dictionary(fc.constantFrom("a", "__proto__", "b"), fc.option(valueOf(type.values, depth, wrong)));
  }
}

function structOf(struct: StructType, depth: number, wrong: number): fc.Arbitrary<unknown> {
  if (depth <= 0) return fc.constant({});
  const members = struct.fields.map((field) => [field.name, fc.option(valueOf(field.type, depth, wrong), { freq: 3 })]);
  return fc.record(Object.fromEntries(members) as Record<string, fc.Arbitrary<unknown>>, { requiredKeys: [] });
}

test("normal form is a fixed point, and defaults keep it one", () => {
  for (const kind of kinds) {
    fc.assert(
      fc.property(structOf(kind.type, 4, 0), (value) => {
        const once = kind.decode(value);
        assert.deepEqual(once.unknownFields, []);
        assert.deepEqual(kind.decode(once.object).object, once.object);
        kind.applyDefaults(once.object);
        assert.deepEqual(kind.decode(once.object).object, once.object);
      }),
      { numRuns: 30 },
    );
  }
});

test("whatever the input, the answer is an object or a StatusError with a text", () => {
  for (const kind of kinds) {
    fc.assert(
      fc.property(structOf(kind.type, 4, 1), (value) => {
        try {
          kind.decode(value);
        } catch (error) {
          assert.ok(error instanceof StatusError, String(error));
          assert.equal(error.reason, "BadRequest");
          assert.doesNotMatch(error.message, /type mismatch|undefined/);
        }
      }),
      { numRuns: 30 },
    );
  }
});
