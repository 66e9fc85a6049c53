import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { utf8Encode } from "../../component-base/bytes.ts";
import { ParsedCache } from "./parsed-cache.ts";

function stored(name: string): Uint8Array {
  return utf8Encode(JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } }));
}

test("an object that is asked for stays, whatever else comes and goes", () => {
  const hot = stored("hot");
  const cache = new ParsedCache(hot.length * 10);
  const object = cache.get(hot);
  for (let i = 0; i < 1_000; i++) {
    cache.get(stored(`n${i % 10}`));
    assert.equal(cache.get(hot), object);
  }
});

test("what nobody asks for again is displaced, and parsed anew when somebody does", () => {
  const cold = stored("cold");
  const cache = new ParsedCache(cold.length * 10);
  const object = cache.get(cold);
  for (let i = 0; i < 30; i++) cache.get(stored(`n${i}`));
  const again = cache.get(cold);
  assert.notEqual(again, object);
  assert.deepEqual(again, object);
});

test("an object larger than the limit is not kept, a forgotten one neither", () => {
  const bytes = stored("large");
  const cache = new ParsedCache(bytes.length - 1);
  assert.notEqual(cache.get(bytes), cache.get(bytes));
  const roomy = new ParsedCache();
  const object = roomy.get(bytes);
  roomy.forget(bytes);
  assert.notEqual(roomy.get(bytes), object);
});

test("a forgotten object can be collected while nothing is displaced", async () => {
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  const cache = new ParsedCache();
  const forgotten = Array.from({ length: 100 }, (_, i) => {
    const bytes = stored(`n${i}`);
    const object = new WeakRef(cache.get(bytes));
    // Enough stay for the map to grow with what is forgotten later in it.
    for (let kept = 0; kept < 10; kept++) cache.get(stored(`kept-${i}-${kept}`));
    cache.forget(bytes);
    return object;
  });
  // A weak reference that was made or read holds its object until the turn ends.
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  assert.equal(forgotten.filter((object) => object.deref() !== undefined).length, 0);
});
