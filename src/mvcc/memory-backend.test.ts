import assert from "node:assert/strict";
import { test } from "node:test";
import { SteppingClock } from "../component-base/stepping-clock.ts";
import { prefixRange } from "./backend.ts";
import { createMemoryBackend } from "./memory-backend.ts";
import { backendSuite, describeEntries, put, remove, write } from "./testing/backend-suite.ts";
import { WatchRecorder } from "./testing/watch-recorder.ts";

for (const { name, run } of backendSuite) {
  test(name, async () => {
    const clock = new SteppingClock();
    await run(async () => createMemoryBackend({ clock }), clock);
  });
}

test("a fork goes its own way, with the history and leases it had", async () => {
  const clock = new SteppingClock();
  await using original = createMemoryBackend({ clock });
  const lease = await original.grantLease(10);
  await write(original, put("/a", "1"), put("/leased", "", lease.id));
  await write(original, put("/a", "2"));
  await using fork = original.fork();
  await write(original, remove("/a"));
  await write(fork, put("/a", "3"));
  await write(fork, put("/b", "3"));
  const contents = async (b: typeof fork, revision?: number): Promise<string> =>
    describeEntries((await b.range(prefixRange("/"), { ...(revision && { revision }) })).entries);
  assert.equal(await contents(original), "/leased=");
  assert.equal(await contents(fork), "/a=3 /b=3 /leased=");
  assert.equal(await contents(fork, 2), "/a=1 /leased=");
  assert.deepEqual([original.revision(), fork.revision()], [4, 5]);
  assert.equal(fork.stats().keyCount, 3);

  const recorder = new WatchRecorder(fork, { fromRevision: 3 });
  clock.step(10_000);
  await recorder.until(4);
  assert.deepEqual(recorder.text(), [
    "put /a=2 (was 1)@3",
    "put /a=3 (was 2)@4",
    "put /b=3@5",
    "delete /leased (was )@6",
  ]);
  assert.equal((await fork.grantLease(1)).id, lease.id + 1);
});

test("the history policy keeps the window bounded without being asked", async () => {
  const clock = new SteppingClock();
  const historyPolicy = { keepMs: 1000, eventsMin: 10, eventsMax: 100, sizeBytesMax: 1e6 };
  await using backend = createMemoryBackend({ clock, historyPolicy });
  for (let n = 0; n < 1000; n++) await write(backend, put("/a", String(n)));
  await write(backend);
  assert.ok(backend.stats().historyEvents <= 101, `${backend.stats().historyEvents} events`);
  assert.ok(backend.stats().historyEvents >= 80, `${backend.stats().historyEvents} events`);
  for (let n = 0; n < 20; n++) {
    clock.step(100);
    await write(backend, put("/a", String(n)));
  }
  await write(backend);
  assert.ok(backend.stats().historyEvents <= 15, `${backend.stats().historyEvents} events`);
  assert.ok(backend.stats().historyEvents >= 10, `${backend.stats().historyEvents} events`);
});
