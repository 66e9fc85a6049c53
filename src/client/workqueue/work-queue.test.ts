import assert from "node:assert/strict";
import { test } from "node:test";
import { SteppingClock } from "../../component-base/stepping-clock.ts";
import { ItemExponentialRateLimiter } from "./rate-limiter.ts";
import { WorkQueue } from "./work-queue.ts";

function newQueue() {
  const clock = new SteppingClock();
  return { clock, queue: new WorkQueue<string>({ name: "test", clock }) };
}

test("a key waits once, in order of arrival", async () => {
  const { queue } = newQueue();
  for (const key of ["a", "b", "a"]) queue.add(key);
  assert.equal(queue.length, 2);
  assert.equal(await queue.get(), "a");
  assert.equal(await queue.get(), "b");
});

test("a key added while processed comes again only after done", async () => {
  const { queue } = newQueue();
  queue.add("a");
  await queue.get();
  queue.add("a");
  queue.add("a");
  assert.equal(queue.length, 0);
  queue.done("a");
  assert.equal(queue.length, 1);
  assert.equal(await queue.get(), "a");
  queue.done("a");
  assert.ok(queue.isIdle);
});

test("a waiting worker gets the key at once; shutdown wakes it with nothing", async () => {
  const { queue } = newQueue();
  const first = queue.get();
  const second = queue.get();
  queue.add("a");
  assert.equal(await first, "a");
  queue.shutDown();
  assert.equal(await second, undefined);
  queue.add("b");
  assert.equal(await queue.get(), undefined);
});

test("of several delays the earliest counts", async () => {
  const { clock, queue } = newQueue();
  queue.addAfter("a", 1000);
  queue.addAfter("a", 500);
  queue.addAfter("a", 2000);
  clock.step(499);
  assert.equal(queue.length, 0);
  clock.step(1);
  assert.equal(queue.length, 1);
  assert.equal(await queue.get(), "a");
  queue.done("a");
  clock.step(5000);
  assert.ok(queue.isIdle);
});

test("failures of a key double its delay from 5 ms up to 1000 s until forgotten", () => {
  const limiter = new ItemExponentialRateLimiter<string>({ initialMs: 5, maxMs: 1_000_000 });
  assert.deepEqual([limiter.when("a"), limiter.when("a"), limiter.when("a")], [5, 10, 20]);
  assert.equal(limiter.when("b"), 5);
  for (let i = 0; i < 80; i++) limiter.when("a");
  assert.equal(limiter.when("a"), 1_000_000);
  limiter.forget("a");
  assert.equal(limiter.when("a"), 5);
});
