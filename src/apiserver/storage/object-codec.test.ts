import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { utf8Decode } from "../../component-base/bytes.ts";
import { parseJson } from "../../apimachinery/json/parse.ts";
import type { KubeObject, Mutable } from "../../apimachinery/resource-type.ts";
import { decodeObject, encodeObject, encoderOf, typePrefix, withRevision } from "./object-codec.ts";

const text = fc.string({ unit: "binary" }).map((s) => s.toWellFormed());

/** Any metadata may be missing, and any text may look like what the codec looks for. */
const objects = fc
  .record(
    {
      kind: fc.constant("Thing"),
      apiVersion: fc.constant("v1"),
      metadata: fc.record(
        {
          name: fc.oneof(text, fc.constant('"resourceVersion":"1"')),
          generateName: text,
          namespace: text,
          uid: text,
          generation: fc.nat(),
          labels: fc.dictionary(text, text, { noNullPrototype: true }),
          annotations: fc.constant({ a: '{"resourceVersion":"9"}' }),
        },
        { requiredKeys: [], noNullPrototype: true },
      ),
      spec: fc.jsonValue(),
      status: fc.constant({ resourceVersion: "3" }),
    },
    { requiredKeys: ["kind", "apiVersion", "metadata"], noNullPrototype: true },
  )
  // As a request's body would have been read: large integers are bigint, and there is no -0.
  .map((object) => parseJson(JSON.stringify(object)).value as Mutable<KubeObject>);

test("bytes and object agree at whatever revision the store gives", () => {
  fc.assert(
    fc.property(objects, fc.nat(), fc.nat(), (object, first, second) => {
      const bytes = encoderOf(object).at(first);
      assert.equal(object.metadata.resourceVersion, String(first));
      assert.deepEqual(decodeObject(bytes), object);
      assert.deepEqual(encodeObject(object), bytes);
      const moved = decodeObject(withRevision(bytes, second));
      assert.deepEqual(moved, { ...object, metadata: { ...object.metadata, resourceVersion: String(second) } });
      const prefix = typePrefix("Thing", "v1");
      assert.deepEqual(JSON.parse(`{${utf8Decode(bytes).slice(prefix.length)}`).metadata, object.metadata);
    }),
  );
});

test("an object without a resourceVersion is encoded without one", () => {
  fc.assert(fc.property(objects, (object) => assert.deepEqual(decodeObject(encodeObject(object)), object)));
});
