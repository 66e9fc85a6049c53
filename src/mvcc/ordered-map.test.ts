import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { OrderedMap } from "./ordered-map.ts";

interface Entry {
  readonly key: string;
  readonly n: number;
}

const keys = fc.integer({ min: 0, max: 400 }).map((n) => `k${String(n).padStart(3, "0")}`);
const steps = fc.array(fc.record({ key: keys, type: fc.constantFrom("set", "set", "delete", "seal") }), {
  maxLength: 1500,
});

function sorted(model: Map<string, number>): Entry[] {
  return [...model].map(([key, n]) => ({ key, n })).sort((a, b) => (a.key < b.key ? -1 : 1));
}

test("the map agrees with a model, and sealed versions never change", () => {
  fc.assert(
    fc.property(steps, keys, keys, fc.nat({ max: 50 }), (run, start, end, limit) => {
      const editor = new OrderedMap<Entry>().edit();
      const model = new Map<string, number>();
      const sealed: [OrderedMap<Entry>, Entry[]][] = [];
      for (const [n, { key, type }] of run.entries()) {
        if (type === "set") {
          editor.set({ key, n });
          model.set(key, n);
        } else if (type === "delete") assert.equal(editor.delete(key), model.delete(key));
        else if (sealed.length < 5) sealed.push([editor.seal(), sorted(model)]);
      }
      sealed.push([editor.seal(), sorted(model)]);
      for (const [map, expected] of sealed) {
        assert.deepEqual([...map.entries()], expected);
        assert.equal(map.size, expected.length);
        const inRange = expected.filter((e) => e.key >= start && e.key < end);
        assert.deepEqual(map.range(start, end, limit), inRange.slice(0, limit));
        assert.deepEqual(map.range(start, end), inRange);
        assert.equal(map.count(start, end), inRange.length);
        assert.deepEqual(
          map.get(start),
          expected.find((e) => e.key === start),
        );
      }
    }),
    { numRuns: 60 },
  );
});

test("emptying and filling again works at every size", () => {
  const editor = new OrderedMap<Entry>().edit();
  const all = Array.from({ length: 5000 }, (_, n) => ({ key: String((n * 7919) % 5000).padStart(5, "0"), n }));
  for (let round = 0; round < 2; round++) {
    for (const entry of all) editor.set(entry);
    assert.equal(editor.seal().size, 5000);
    for (const { key } of all) assert.equal(editor.delete(key), true);
    assert.equal(editor.seal().size, 0);
    assert.deepEqual(editor.seal().range("", "~"), []);
  }
});
