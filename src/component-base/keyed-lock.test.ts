import assert from "node:assert/strict";
import { test } from "node:test";

import { KeyedLock } from "./keyed-lock.ts";

test("one at a time per key, in order, whatever fails; other keys do not wait", async () => {
  const lock = new KeyedLock<string>();
  const order: string[] = [];
  const open = Promise.withResolvers<void>();
  const first = lock.run("a", async () => {
    await open.promise;
    order.push("first");
    throw new Error("broken");
  });
  const second = lock.run("a", async () => order.push("second"));
  await lock.run("b", async () => order.push("other"));
  assert.deepEqual(order, ["other"]);
  open.resolve();
  await assert.rejects(first, /broken/);
  await second;
  assert.deepEqual(order, ["other", "first", "second"]);
});
