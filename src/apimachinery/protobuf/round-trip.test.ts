import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { builtinScheme } from "../../api/scheme.ts";
import type { ResolvedType, ScalarName, StructType } from "../schema/type-registry.ts";
import type { ObjectKind } from "../scheme/scheme.ts";
import { readEnvelope } from "./envelope.ts";
import { ProtobufError } from "./wire-reader.ts";

const scheme = builtinScheme();

function kinds(): ObjectKind[] {
  return scheme.allVersions.flatMap(({ group, version, folder }) =>
    scheme.types.names(folder).flatMap((name) => {
      const kind = scheme.kind(group, version, name);
      return kind?.toProtobuf ? [kind] : [];
    }),
  );
}

/** What the bytes of an object decode to, in normal form. */
function decoded(kind: ObjectKind, bytes: Uint8Array): unknown {
  const { raw, ...typeMeta } = readEnvelope(bytes);
  return kind.decode({ ...kind.fromProtobuf?.(raw), ...typeMeta }).object;
}

const text = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: "binary", maxLength: 8 }));
const name = fc.oneof(text, fc.constantFrom("__proto__", "constructor", "\ufeffbom", "\u{10000}", "\uffff"));
const time = fc
  .date({ min: new Date("0001-01-02T00:00:00Z"), max: new Date("9999-12-31T23:59:59Z"), noInvalidDate: true })
  .map((date) => date.toISOString().slice(0, 19));
const embedded = fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.boolean()), {
  noNullPrototype: true,
});
const anyInt64 = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.constantFrom(-1n, 0n, 2n ** 53n));

const scalars: Readonly<Record<ScalarName, fc.Arbitrary<unknown>>> = {
  string: text,
  bool: fc.boolean(),
  int32: fc.integer(),
  int64: anyInt64.map((int) => (Number.isSafeInteger(Number(int)) ? Number(int) : int)),
  double: fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
  bytes: fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString("base64")),
  any: fc.string(),
  Quantity: fc.constantFrom("0", "1", "100m", "-5", "1500Mi", "0.5", "12e6", "1Ki"),
  IntOrString: fc.oneof(fc.integer(), fc.string()),
  Time: time.map((seconds) => `${seconds}Z`),
  MicroTime: fc
    .tuple(time, fc.nat({ max: 999_999 }))
    .map(([seconds, micros]) => `${seconds}.${String(micros).padStart(6, "0")}Z`),
  Duration: fc.constantFrom("0s", "1s", "15.017s", "-1m0s", "1h0m0.5s"),
  RawExtension: embedded,
  FieldsV1: embedded,
  JSON: embedded,
};

/** Random JSON of a type; the deeper, the less of what may be left out. */
class Generator {
  readonly #gen: fc.GeneratorValue;

  constructor(gen: fc.GeneratorValue) {
    this.#gen = gen;
  }

  struct(struct: StructType, depth: number): unknown {
    const schemaForm = this.#customForm(struct, depth);
    if (schemaForm !== undefined) return schemaForm;
    const out: Record<string, unknown> = {};
    for (const { name: field, type, omit, pointer } of struct.fields) {
      if (field === "kind" || field === "apiVersion") continue;
      const isNeeded = !omit && !pointer && (type.kind === "list" || type.kind === "map");
      if (isNeeded || this.#gen(fc.nat, { max: 1 + depth * 3 }) === 0) out[field] = this.#value(type, depth + 1);
    }
    return out;
  }

  #value(type: ResolvedType, depth: number): unknown {
    switch (type.kind) {
      case "scalar":
        return this.#gen(() => scalars[type.scalar]);
      case "enum":
        return this.#gen(() => text);
      case "struct":
        return this.struct(type.struct, depth);
      case "list":
        // An empty list and none at all are the same in protobuf.
        return Array.from({ length: 1 + this.#gen(fc.nat, { max: 1 }) }, () => this.#value(type.items, depth));
      case "map": {
        const names = this.#gen(() => fc.uniqueArray(name, { minLength: 1, maxLength: 3 }));
        return Object.fromEntries(names.map((entry) => [entry, this.#value(type.values, depth)]));
      }
    }
  }

  #customForm(struct: StructType, depth: number): unknown {
    const { customJson } = struct.schema;
    if (customJson === undefined) return undefined;
    const schema = (): unknown => this.struct(struct.memberStruct("schema"), depth + 2);
    const isSchema = this.#gen(fc.boolean);
    switch (customJson) {
      case "schemaOrArray":
        return isSchema ? schema() : [schema(), schema()];
      case "schemaOrBool":
        return isSchema ? schema() : this.#gen(fc.boolean);
      case "schemaOrStrings":
        return isSchema ? schema() : [this.#gen(() => text)];
    }
  }
}

test("every kind decodes to what was encoded", () => {
  let count = 0;
  for (const kind of kinds()) {
    fc.assert(
      fc.property(fc.gen(), (gen) => {
        const apiVersion = kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
        const json = new Generator(gen).struct(kind.type, 0) as object;
        const { object } = kind.decode({ ...json, apiVersion, kind: kind.kind });
        const bytes = kind.toProtobuf?.(object) ?? new Uint8Array();
        assert.deepEqual(decoded(kind, bytes), object);
      }),
      { numRuns: 3, seed: 1, endOnFailure: true },
    );
    count++;
  }
  assert.ok(count > 100, `${count} kinds`);
});

test("damaged bytes are refused with a ProtobufError, or read as something else", () => {
  const pod = scheme.kind("", "v1", "Pod");
  const definition = scheme.kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
  assert.ok(pod?.toProtobuf && definition?.toProtobuf);
  for (const kind of [pod, definition]) {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 });
    fc.assert(
      fc.property(fc.gen(), damage, fc.nat(), (gen, changes, cut) => {
        const json = new Generator(gen).struct(kind.type, 0) as object;
        const { object } = kind.decode({ ...json, apiVersion: "v1", kind: kind.kind });
        const { raw } = readEnvelope(kind.toProtobuf?.(object) ?? new Uint8Array());
        for (const [at, byte] of changes) raw[at % raw.length] = byte;
        try {
          kind.fromProtobuf?.(raw.subarray(0, raw.length - (cut % raw.length)));
        } catch (error) {
          assert.ok(error instanceof ProtobufError, String(error));
        }
      }),
      { numRuns: 100, seed: 2, endOnFailure: true },
    );
  }
});
