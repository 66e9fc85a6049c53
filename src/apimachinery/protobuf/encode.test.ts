import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Decode } from "../../component-base/bytes.ts";
import { builtinScheme } from "../../api/scheme.ts";
import { readEnvelope } from "./envelope.ts";
import { messageDepthMax, ProtobufError } from "./wire-reader.ts";
import { watchFrame } from "./watch-frame.ts";

const scheme = builtinScheme();

/** Hexadecimal, with texts in quotes: `0a 02 "v1"`. */
function bytesOf(notation: string): Uint8Array {
  const parts = notation.matchAll(/"([^"]*)"|([0-9a-f]{2})/g);
  return Buffer.concat(
    [...parts].map(([, text, hex]) => (text === undefined ? Buffer.from(hex ?? "", "hex") : Buffer.from(text))),
  );
}

function encode(group: string, version: string, kind: string, json: object): Uint8Array {
  const found = scheme.kind(group, version, kind);
  assert.ok(found?.toProtobuf);
  const apiVersion = group === "" ? version : `${group}/${version}`;
  return found.toProtobuf(found.decode({ apiVersion, kind, ...json }).object);
}

function message(group: string, version: string, kind: string, json: object): string {
  return Buffer.from(readEnvelope(encode(group, version, kind, json)).raw).toString("hex");
}

function decode(group: string, version: string, kind: string, bytes: Uint8Array): Record<string, unknown> {
  const found = scheme.kind(group, version, kind);
  assert.ok(found?.fromProtobuf);
  return found.fromProtobuf(bytes);
}

/** ObjectMeta without anything: name, generateName, namespace, selfLink, uid, resourceVersion, generation, creationTimestamp. */
const emptyMeta = "0a00 1200 1a00 2200 2a00 3200 3800 4200";

test("an object stands in an envelope", () => {
  assert.deepEqual(
    Buffer.from(encode("", "v1", "ConfigMap", { data: { b: "2", a: "" } })),
    bytesOf(`"k8s" 00
      0a 0f 0a 02 "v1" 12 09 "ConfigMap"
      12 21 0a 10 ${emptyMeta} 12 05 0a 01 "a" 12 00 12 06 0a 01 "b" 12 01 "2"
      1a 00 22 00`),
  );
});

const vectors: readonly {
  readonly name: string;
  readonly kind: readonly [group: string, version: string, kind: string];
  readonly json: object;
  readonly bytes: string;
}[] = [
  {
    name: "keys of maps are data, in the order of their bytes",
    kind: ["", "v1", "ConfigMap"],
    json: JSON.parse('{"data":{"\u{10000}":"4","\uffff":"3","__proto__":"1","a":"2"}}') as object,
    bytes: `0a 10 ${emptyMeta} 12 0e 0a 09 "__proto__" 12 01 "1" 12 06 0a 01 "a" 12 01 "2"
      12 08 0a 03 ef bf bf 12 01 "3" 12 09 0a 04 f0 90 80 80 12 01 "4"`,
  },
  {
    name: "a negative number takes ten bytes, a pointer to zero is there",
    kind: ["", "v1", "DeleteOptions"],
    json: { gracePeriodSeconds: -1, orphanDependents: false },
    bytes: "08 ff ff ff ff ff ff ff ff ff 01 18 00",
  },
  {
    name: "the largest integer",
    kind: ["", "v1", "DeleteOptions"],
    json: { gracePeriodSeconds: 2n ** 63n - 1n },
    bytes: "08 ff ff ff ff ff ff ff ff 7f",
  },
  {
    name: "the smallest integer",
    kind: ["", "v1", "DeleteOptions"],
    json: { gracePeriodSeconds: -(2n ** 63n) },
    bytes: "08 80 80 80 80 80 80 80 80 80 01",
  },
  {
    name: "an integer of more than 32 bits",
    kind: ["", "v1", "DeleteOptions"],
    json: { gracePeriodSeconds: 2 ** 40 },
    bytes: "08 80 80 80 80 80 20",
  },
  {
    name: "a time with microseconds",
    kind: ["coordination.k8s.io", "v1", "Lease"],
    // 2026-01-01T00:00:00Z is 1767225600; 1000 nanoseconds.
    json: { spec: { renewTime: "2026-01-01T00:00:00.000001Z" } },
    bytes: `0a 10 ${emptyMeta} 12 0b 22 09 08 80 f2 d6 ca 06 10 e8 07`,
  },
  {
    name: "a quantity and bytes",
    kind: ["", "v1", "Secret"],
    json: { data: { k: "/w==" }, type: "t" },
    bytes: `0a 10 ${emptyMeta} 12 06 0a 01 "k" 12 01 ff 1a 01 "t"`,
  },
];

for (const { name, kind, json, bytes } of vectors) {
  test(name, () => {
    const wanted = Buffer.from(bytesOf(bytes));
    assert.equal(message(...kind, json), wanted.toString("hex"));
    const found = scheme.kind(...kind);
    assert.deepEqual(
      found?.decode({ ...decode(...kind, wanted) }).object.metadata,
      found?.decode(json).object.metadata,
    );
  });
}

test("a watch event is a length and a bare message around the object's envelope", () => {
  const body = bytesOf('"k8s" 00 12 00');
  assert.deepEqual(
    Buffer.from(watchFrame("ADDED", body)),
    bytesOf('00 00 00 11 0a 05 "ADDED" 12 08 0a 06 "k8s" 00 12 00'),
  );
});

test("a frame is as long as its object needs", () => {
  const frame = watchFrame("MODIFIED", new Uint8Array(100_000));
  assert.equal(new DataView(frame.buffer, frame.byteOffset).getUint32(0), frame.length - 4);
});

test("views without a message have no protobuf form", () => {
  const table = scheme.kind("meta.k8s.io", "v1", "Table");
  assert.equal(table?.toProtobuf, undefined);
  assert.equal(table?.fromProtobuf, undefined);
});

test("text is kept as it is: byte order marks, beyond the first plane, lone surrogates replaced", () => {
  const data = { a: "\ufeffx", b: "\u{1f600}".repeat(10), c: "é" };
  const { raw } = readEnvelope(encode("", "v1", "ConfigMap", { data }));
  assert.deepEqual(decode("", "v1", "ConfigMap", raw)["data"], data);
  const lone = readEnvelope(encode("", "v1", "ConfigMap", { data: { a: "\ud800" } }));
  assert.deepEqual(decode("", "v1", "ConfigMap", lone.raw)["data"], { a: "\ufffd" });
});

test("numbers that were packed are read, too", () => {
  for (const groups of ["22 02 01 02", "20 01 20 02"]) {
    const read = decode("", "v1", "Pod", bytesOf(`12 06 72 04 ${groups}`));
    assert.deepEqual(read, { spec: { securityContext: { supplementalGroups: [1, 2] } } });
  }
});

const malformed: readonly (readonly [name: string, bytes: string])[] = [
  ["ends within a key", "80"],
  ["ends within a length", "0a ff"],
  ["is longer than what holds it", "0a 05 0a 01"],
  ["has a length beyond 2^31", "0a ff ff ff ff ff 7f"],
  ["has an endless varint", "0a ff ff ff ff ff ff ff ff ff ff 01"],
  ["has field number 0", "02 00"],
  ["has a group", "7b"],
  ["has another wire type", "08 01"],
  ["has a year beyond 9999", "0a 0b 42 09 08 ff ff ff ff ff ff ff ff 7f"],
  ["has an embedded object that is no JSON", '0a 09 8a 01 06 3a 04 0a 02 "{]"'],
];

for (const [name, bytes] of malformed) {
  test(`a message that ${name} is refused`, () => {
    assert.throws(() => decode("", "v1", "Pod", bytesOf(bytes)), ProtobufError);
  });
}

test("messages nest so deep and no deeper", () => {
  const nested = (depth: number): Uint8Array => {
    // JSONSchemaProps.not, which is field 28, around and around.
    let bytes: Uint8Array = new Uint8Array();
    for (let i = 0; i < depth; i++) bytes = Buffer.concat([bytesOf("e2 01"), lengthOf(bytes), bytes]);
    return bytes;
  };
  // spec, versions, schema, openAPIV3Schema
  const definition = (depth: number): Uint8Array =>
    ["12", "3a", "22", "0a"].reduceRight<Uint8Array>(
      (inner, key) => Buffer.concat([bytesOf(key), lengthOf(inner), inner]),
      nested(depth),
    );
  const read = (depth: number): unknown =>
    decode("apiextensions.k8s.io", "v1", "CustomResourceDefinition", definition(depth));
  assert.ok(read(messageDepthMax - 4));
  assert.throws(() => read(messageDepthMax - 3), /exceeded max depth/);
  assert.throws(() => read(5000), ProtobufError);
});

function lengthOf(bytes: Uint8Array): Uint8Array {
  const out: number[] = [];
  let rest = bytes.length;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) out.push((rest % 128) + 0x80);
  return new Uint8Array([...out, rest]);
}

test("a buffer grown by one object serves the next", () => {
  const large = encode("", "v1", "ConfigMap", { data: { a: "x".repeat(3_000_000) } });
  assert.equal(utf8Decode(readEnvelope(large).raw).length > 3_000_000, true);
  assert.equal(encode("", "v1", "ConfigMap", {}).length, 45);
});
