import assert from "node:assert/strict";
import { test } from "node:test";

import { readEnvelope } from "../../../src/apimachinery/protobuf/envelope.ts";
import { stringifyJson } from "../../../src/apimachinery/json/stringify.ts";
import { Differences, goldenFiles, kindOf, readGolden } from "../read.ts";

// Objects of every served kind with random values in all their fields, as upstream writes them in JSON and in protobuf.

/** `[apiVersion, kind, JSON, protobuf in base64]`, and the JSON a reader of the protobuf sees where it is another. */
type Row = readonly [string, string, Record<string, unknown>, string, Record<string, unknown>?];

let count = 0;
for (const file of goldenFiles(import.meta.url)) {
  test(`${file.replace(".json", "")}: protobuf is upstream's, byte by byte`, () => {
    const differences = new Differences();
    for (const [i, [apiVersion, kind, json, base64, seen]] of readGolden<Row[]>(import.meta.url, file).entries()) {
      const known = kindOf(apiVersion, kind);
      const where = `${apiVersion} ${kind}, row ${i + 1}`;
      assert.ok(known.fromProtobuf && known.toProtobuf, where);
      const { object } = known.decode(json);
      differences.equal(`${where}: bytes`, Buffer.from(known.toProtobuf(object)).toString("base64"), base64);
      const { raw } = readEnvelope(Buffer.from(base64, "base64"));
      const read = known.decode({ ...known.fromProtobuf(raw), apiVersion, kind }).object;
      differences.equal(`${where}: object`, text(read), text(known.decode(seen ?? json).object));
    }
    count += differences.compared;
    differences.assertNone(10);
  });
}

/** Members in one order. */
function text(value: unknown): string {
  const sorted = (x: unknown): unknown => {
    if (Array.isArray(x)) return x.map(sorted);
    if (typeof x !== "object" || x === null) return x;
    return Object.fromEntries(
      Object.entries(x)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, member]) => [name, sorted(member)]),
    );
  };
  return stringifyJson(sorted(value));
}

test("there are hundreds of objects", () => assert.ok(count >= 1000, `${count}`));
