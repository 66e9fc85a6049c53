import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { ParsedCache } from "../parsed-cache.ts";
import { StoredObject } from "../stored-object.ts";
import { ObjectIndex } from "./object-index.ts";

const parsed = new ParsedCache();

function stored(namespace: string, name: string): StoredObject {
  const bytes = new Uint8Array();
  return new StoredObject({ namespace, name, revision: 1, bytes, parsed, selectableFields: undefined });
}

test("lists are in the order of the store's keys, whatever came and went", () => {
  const part = fc.stringMatching(/^[a-c.-]{1,3}$/);
  const step = fc.record({ namespace: part, name: part, isDelete: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const index = new ObjectIndex();
      const keys = new Set<string>();
      for (const { namespace, name, isDelete } of steps) {
        const had = keys.has(`${namespace}/${name}`);
        const previous = isDelete ? index.delete(namespace, name) : index.set(stored(namespace, name));
        assert.equal(previous !== undefined, had);
        if (isDelete) keys.delete(`${namespace}/${name}`);
        else keys.add(`${namespace}/${name}`);
      }
      assert.equal(index.size, keys.size);
      assert.deepEqual(
        index.list().map((o) => `${o.namespace}/${o.name}`),
        [...keys].sort(),
      );
    }),
  );
});
