import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogger, silentLogger } from "../../component-base/logger.ts";
import type { LogRecord } from "../../component-base/logger.ts";
import { SeededRandom } from "../../component-base/random.ts";
import { SteppingClock } from "../../component-base/stepping-clock.ts";
import { prefixRange } from "../backend.ts";
import type { Backend } from "../backend.ts";
import { backendSuite, describeEntries, put, remove, write } from "../testing/backend-suite.ts";
import { FaultFileSystem, failAt } from "../../component-base/testing/fault-file-system.ts";
import { MemoryFileSystem } from "../../component-base/testing/memory-file-system.ts";
import { WatchRecorder } from "../testing/watch-recorder.ts";
import { openWalBackend } from "./open-wal-backend.ts";
import type { WalBackendOptions } from "./open-wal-backend.ts";

const directory = "/data/store";
const kibibyte = 1024;

function open(overrides: Pick<WalBackendOptions, "fileSystem"> & Partial<WalBackendOptions>): Promise<Backend> {
  return openWalBackend({
    directory,
    clock: new SteppingClock(),
    logger: silentLogger,
    random: new SeededRandom(1),
    segmentBytesMin: 16 * kibibyte,
    segmentBytesMax: 64 * kibibyte,
    snapshotBytesMin: 32 * kibibyte,
    freeBytesMin: 0,
    ...overrides,
  });
}

async function contents(backend: Backend, revision?: number): Promise<string> {
  return describeEntries((await backend.range(prefixRange("/"), { ...(revision && { revision }) })).entries);
}

/** Segments of the directory with the offset after their last byte that is not zero. */
async function segments(fileSystem: MemoryFileSystem): Promise<{ readonly path: string; readonly end: number }[]> {
  const names = (await fileSystem.list(directory)).filter((n) => n.startsWith("wal-"));
  return Promise.all(
    names.map(async (name) => {
      const path = `${directory}/${name}`;
      return { path, end: (await fileSystem.readFile(path)).findLastIndex((b) => b !== 0) + 1 };
    }),
  );
}

async function flipBit(fileSystem: MemoryFileSystem, path: string, offset: number): Promise<void> {
  const bytes = await fileSystem.readFile(path);
  bytes[offset] = (bytes[offset] ?? 0) ^ 0x10;
  await fileSystem.writeFile(path, bytes);
}

for (const { name, run } of backendSuite) {
  test(name, async () => {
    const clock = new SteppingClock();
    const fileSystem = new MemoryFileSystem({ clock });
    await run(() => open({ fileSystem, clock }), clock);
  });
}

test("state, history and watches survive a restart, and revisions go on", async () => {
  const fileSystem = new MemoryFileSystem();
  {
    await using backend = await open({ fileSystem });
    await write(backend, put("/a", "1"));
    await write(backend, put("/a", "2"), put("/b", "1"));
    await write(backend, remove("/b"));
  }
  await using backend = await open({ fileSystem });
  assert.deepEqual([backend.revision(), backend.compactRevision()], [4, 1]);
  assert.equal(await contents(backend, 3), "/a=2 /b=1");
  const entry = await backend.get("/a");
  assert.deepEqual([entry?.createRevision, entry?.modRevision, entry?.version], [2, 3, 2]);
  const recorder = new WatchRecorder(backend, { fromRevision: 3 });
  assert.equal((await write(backend, put("/c", "1"))).revision, 5);
  assert.deepEqual(await recorder.until(4), ["put /a=2 (was 1)@3", "put /b=1@3", "delete /b (was 1)@4", "put /c=1@5"]);
  assert.deepEqual(backend.stats(), { keyCount: 2, sizeBytes: 6, historyEvents: 5, historyBytes: 14 });
});

test("what was compacted stays compacted after a restart", async () => {
  const fileSystem = new MemoryFileSystem();
  {
    await using backend = await open({ fileSystem });
    for (let n = 0; n < 10; n++) await write(backend, put("/a", String(n)));
    await backend.compact(7);
  }
  await using backend = await open({ fileSystem });
  assert.equal(backend.compactRevision(), 7);
  assert.equal(await contents(backend, 7), "/a=5");
  await assert.rejects(backend.get("/a", { revision: 6 }), { name: "CompactedError" });
});

test("leases survive a restart with their time starting anew", async () => {
  const fileSystem = new MemoryFileSystem();
  const clock = new SteppingClock();
  let id: number;
  {
    await using backend = await open({ fileSystem, clock });
    ({ id } = await backend.grantLease(10));
    const gone = await backend.grantLease(10);
    await write(backend, put("/a", "1", id), put("/b", "1", gone.id));
    await backend.revokeLease(gone.id);
    clock.step(9000);
  }
  await using backend = await open({ fileSystem, clock });
  assert.equal((await backend.grantLease(100)).id, id + 2);
  clock.step(9000);
  await write(backend, put("/c", "1", id));
  assert.equal(await contents(backend), "/a=1 /c=1");
  const recorder = new WatchRecorder(backend);
  clock.step(1000);
  await recorder.until(2);
  assert.equal(await contents(backend), "");
});

test("snapshots keep the log short, and the window survives them", async () => {
  const fileSystem = new MemoryFileSystem();
  const value = "x".repeat(1000);
  {
    await using backend = await open({ fileSystem });
    const lease = await backend.grantLease(1000);
    await write(backend, put("/leased", "", lease.id));
    for (let n = 0; n < 600; n++) {
      await write(backend, put(`/k${n % 20}`, `${n} ${value}`));
      if (n % 50 === 49) await backend.compact(backend.revision() - 30);
    }
  }
  const names = await fileSystem.list(directory);
  assert.equal(names.filter((n) => n.endsWith(".snap")).length, 1, names.join(" "));
  assert.ok(names.filter((n) => n.endsWith(".log")).length < 6, names.join(" "));
  await using backend = await open({ fileSystem });
  assert.deepEqual([backend.revision(), backend.compactRevision()], [602, 572]);
  assert.equal(backend.stats().keyCount, 21);
  const recorder = new WatchRecorder(backend, { fromRevision: 572 });
  await recorder.until(31);
  assert.deepEqual(
    recorder.events.map((e) => e.current.modRevision),
    Array.from({ length: 31 }, (_, i) => 572 + i),
  );
  assert.ok(recorder.events.every((e) => e.previous?.modRevision === e.current.modRevision - 20));
  assert.equal((await backend.keepLeaseAlive(1)).ttlSeconds, 1000);
});

test("a value larger than a segment is written", async () => {
  const fileSystem = new MemoryFileSystem();
  const value = new Uint8Array(300 * kibibyte).fill(9);
  {
    await using backend = await open({ fileSystem });
    for (const key of ["/a", "/b", "/c"]) await write(backend, { type: "put", key, value });
  }
  await using backend = await open({ fileSystem });
  for (const key of ["/a", "/b", "/c"]) assert.deepEqual((await backend.get(key))?.value, value);
});

test("a second process is refused while the first has the store open", async () => {
  const fileSystem = new MemoryFileSystem();
  {
    await using first = await open({ fileSystem });
    await assert.rejects(open({ fileSystem }), { name: "FileSystemError", code: "EWOULDBLOCK" });
    await write(first, put("/a", "1"));
  }
  await using second = await open({ fileSystem });
  assert.equal(await contents(second), "/a=1");
});

test("nothing is visible before it is durable", async () => {
  const held = Promise.withResolvers<void>();
  let holds = false;
  const fileSystem = new FaultFileSystem(new MemoryFileSystem(), ({ type }) =>
    holds && type === "datasync" ? { type: "delay", until: held.promise } : undefined,
  );
  await using backend = await open({ fileSystem });
  const recorder = new WatchRecorder(backend);
  holds = true;
  const written = write(backend, put("/a", "1"));
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => void setImmediate(resolve));
  assert.deepEqual([backend.revision(), await contents(backend), recorder.events.length], [1, "", 0]);
  held.resolve();
  await written;
  assert.deepEqual([backend.revision(), await contents(backend), recorder.events.length], [2, "/a=1", 1]);
});

test("many writers share few syncs", async () => {
  let syncs = 0;
  const fileSystem = new FaultFileSystem(
    new MemoryFileSystem(),
    ({ type }) => void (syncs += Number(type === "datasync")),
  );
  await using backend = await open({ fileSystem, segmentBytesMin: 1024 * kibibyte });
  const before = syncs;
  await Promise.all(Array.from({ length: 500 }, (_, n) => write(backend, put(`/k${n}`, "x"))));
  assert.equal(syncs - before, 1);
});

test("a failed sync stops the store for good; reads go on; what was durable is there after a restart", async () => {
  const memory = new MemoryFileSystem();
  let armed = false;
  const fileSystem = new FaultFileSystem(
    memory,
    failAt("EIO", 0, ({ type }) => armed && type === "datasync"),
  );
  const failures: Error[] = [];
  const backend = await open({ fileSystem, onFailure: (error) => failures.push(error) });
  await write(backend, put("/a", "1"));
  armed = true;
  const results = await Promise.allSettled([write(backend, put("/a", "2")), write(backend, put("/b", "2"))]);
  assert.deepEqual(
    results.map((r) => r.status === "rejected" && (r.reason as Error).name),
    ["StoreFailedError", "StoreFailedError"],
  );
  await assert.rejects(write(backend, put("/a", "3")), { name: "StoreFailedError" });
  assert.deepEqual([await contents(backend), backend.revision(), failures.length], ["/a=1", 2, 1]);
  await backend[Symbol.asyncDispose]();
  await using again = await open({ fileSystem: memory.crash(new SeededRandom(3)) });
  assert.match(await contents(again), /^\/a=[12]/);
  assert.ok(again.revision() >= 2);
});

test("a failed write stops the store for good", async () => {
  const memory = new MemoryFileSystem();
  let armed = false;
  const plan = failAt("EIO", 0, ({ type }) => armed && type === "write");
  await using backend = await open({ fileSystem: new FaultFileSystem(memory, plan) });
  armed = true;
  await assert.rejects(write(backend, put("/a", "1")), { name: "StoreFailedError" });
  await assert.rejects(write(backend, put("/a", "1")), { name: "StoreFailedError" });
});

test("a full disk refuses puts cleanly, serves reads, and writes resume when there is room", async () => {
  const clock = new SteppingClock();
  const fileSystem = new MemoryFileSystem({ clock, capacityBytes: 300 * kibibyte });
  const value = "x".repeat(2000);
  await using backend = await open({ fileSystem, clock, freeBytesMin: 100 * kibibyte });
  const recorder = new WatchRecorder(backend);
  let written = 0;
  const fill = async (): Promise<void> => {
    for (; ; written++) {
      await write(backend, put(`/k${String(written).padStart(3, "0")}`, value));
      clock.step(1001);
    }
  };
  await assert.rejects(fill(), { name: "StoreFullError" });
  assert.ok(written > 10, `${written} written`);
  assert.deepEqual([backend.stats().keyCount, recorder.events.length], [written, written]);
  await write(backend, remove("/k000"));
  await assert.rejects(write(backend, put("/b", "1")), { name: "StoreFullError" });

  fileSystem.capacityBytes = 2000 * kibibyte;
  const revision = backend.revision();
  clock.step(1001);
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => void setImmediate(resolve));
  assert.equal((await write(backend, put("/b", "1"))).revision, revision + 1);
});

test("a batch that does not fit on the disk is taken back as a whole", async () => {
  const memory = new MemoryFileSystem();
  let armed = false;
  const clock = new SteppingClock();
  const plan = failAt("ENOSPC", 0, ({ type }) => armed && type === "write");
  const fileSystem = new FaultFileSystem(memory, plan);
  {
    await using backend = await open({ fileSystem, clock });
    await write(backend, put("/a", "1"));
    armed = true;
    const results = await Promise.allSettled([1, 2, 3].map((n) => write(backend, put("/a", `lost ${n}`))));
    assert.deepEqual(
      results.map((r) => r.status === "rejected" && (r.reason as Error).name),
      Array(3).fill("StoreFullError"),
    );
    assert.deepEqual([await contents(backend), backend.revision()], ["/a=1", 2]);
    clock.step(1001);
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => void setImmediate(resolve));
    const next = await backend.transact({
      compare: [{ key: "/a", target: "modRevision", operator: "=", operand: 2 }],
      success: [put("/a", "2")],
    });
    assert.deepEqual([next.succeeded, next.revision], [true, 3]);
  }
  await using again = await open({ fileSystem: memory });
  assert.deepEqual([await contents(again), again.revision()], ["/a=2", 3]);
});

async function filled(count: number): Promise<MemoryFileSystem> {
  const fileSystem = new MemoryFileSystem();
  await using backend = await open({ fileSystem });
  for (let n = 0; n < count; n++) await write(backend, put(`/k${n}`, "x".repeat(500)));
  return fileSystem;
}

test("each log record and value travels exactly", async () => {
  const fileSystem = new MemoryFileSystem();
  const keys = ["/ascii", "/\u00fcml\u00e4ut/\ud83d\ude00", `/long${"k".repeat(70_000)}`, "/\0"];
  const value = Uint8Array.from({ length: 256 }, (_, i) => i);
  {
    await using backend = await open({ fileSystem });
    await write(backend, ...keys.map((key) => ({ type: "put" as const, key, value })));
  }
  await using backend = await open({ fileSystem });
  for (const key of keys) assert.deepEqual((await backend.get(key))?.value, value);
});

test("a bit that rots anywhere in the log is detected, and the error names file and offset", async () => {
  const pristine = await filled(60);
  const files = await segments(pristine);
  assert.ok(files.length >= 2);
  for (const { path, end } of files) {
    // Behind the last batch is the mark of a clean shutdown, 32 bytes that nothing depends on.
    for (let offset = 1; offset < end - 32; offset += 211) {
      const fileSystem = pristine.kill();
      await flipBit(fileSystem, path, offset);
      const error = await open({ fileSystem }).then(
        () => assert.fail(`flip at ${path} ${offset} went unnoticed`),
        (e: unknown) => e as Error,
      );
      assert.equal(error.name, "StoreCorruptError");
      const [, place] = /offset (\d+)/.exec(error.message) ?? [];
      assert.ok(error.message.startsWith(path), `${error.message} for ${path}`);
      assert.ok(Number(place) <= offset && Number(place) > offset - 700, `${error.message} for ${offset}`);
    }
  }
});

test("pages of zeros in the middle and missing segments are detected", async () => {
  const pristine = await filled(120);
  const files = await segments(pristine);
  for (const { path } of files.slice(0, -1)) {
    const zeroed = pristine.kill();
    const bytes = await zeroed.readFile(path);
    await zeroed.writeFile(path, bytes.fill(0, 4096, 8192));
    await assert.rejects(open({ fileSystem: zeroed }), { name: "StoreCorruptError" });
    const missing = pristine.kill();
    await missing.remove(path);
    await assert.rejects(open({ fileSystem: missing }), { name: "StoreCorruptError", message: /segment is missing/ });
  }
});

test("a bit that rots in a snapshot is detected", async () => {
  const pristine = new MemoryFileSystem();
  {
    await using backend = await open({ fileSystem: pristine });
    for (let n = 0; n < 200; n++) await write(backend, put(`/k${n % 10}`, "x".repeat(500)));
    await backend.compact(backend.revision());
  }
  const name = (await pristine.list(directory)).find((n) => n.endsWith(".snap"));
  assert.ok(name);
  const path = `${directory}/${name}`;
  const { length } = await pristine.readFile(path);
  for (let offset = 0; offset < length; offset += 97) {
    const fileSystem = pristine.kill();
    await flipBit(fileSystem, path, offset);
    await assert.rejects(open({ fileSystem }), { name: "StoreCorruptError" });
  }
});

test("a torn end is cut off with a warning, whatever it looks like", async () => {
  const pristine = new MemoryFileSystem();
  const backend = await open({ fileSystem: pristine });
  await write(backend, put("/a", "1"));
  const [before] = await segments(pristine);
  await write(backend, put("/b", "x".repeat(2000)));
  const [after] = await segments(pristine);
  assert.ok(before && after);
  // The process dies without closing the store: the last batch has no witness.
  for (let cut = before.end; cut < after.end; cut += 77) {
    const fileSystem = pristine.kill();
    const bytes = await fileSystem.readFile(after.path);
    await fileSystem.writeFile(after.path, bytes.fill(0, cut));
    const warnings: LogRecord[] = [];
    await using again = await open({ fileSystem, logger: createLogger((r) => warnings.push(r), "warn") });
    assert.deepEqual([await contents(again), again.revision()], ["/a=1", 2]);
    assert.equal(warnings.length, cut > before.end + 3 ? 1 : warnings.length);
    await write(again, put("/c", "1"));
  }
  await backend[Symbol.asyncDispose]();
});

test("a record forged inside a value is none", async () => {
  const fileSystem = new MemoryFileSystem();
  const source = await filled(3);
  const [segment] = await segments(source);
  assert.ok(segment);
  const forged = (await source.readFile(segment.path)).slice(0, segment.end);
  const backend = await open({ fileSystem, random: new SeededRandom(77) });
  await write(backend, put("/a", "1"));
  const [before] = await segments(fileSystem);
  await write(backend, { type: "put", key: "/b", value: forged });
  assert.ok(before);
  const torn = fileSystem.kill();
  const bytes = await torn.readFile(before.path);
  await torn.writeFile(before.path, bytes.fill(0, before.end, before.end + 40));
  await using again = await open({ fileSystem: torn });
  assert.equal(await contents(again), "/a=1");
  await backend[Symbol.asyncDispose]();
});
