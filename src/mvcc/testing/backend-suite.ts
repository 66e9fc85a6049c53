import { utf8Decode, utf8Encode } from "../../component-base/bytes.ts";
import { SeededRandom, randomInt } from "../../component-base/random.ts";
import type { SteppingClock } from "../../component-base/stepping-clock.ts";
import { prefixRange } from "../backend.ts";
import type { Backend, KeyValue, Operation, Revision, Transaction, TransactionResult } from "../backend.ts";
import { checkEqual, checkRejects } from "../../component-base/testing/check.ts";
import { WatchRecorder } from "./watch-recorder.ts";

/** One behaviour of the store contract. `create` makes an empty store, whose clock is the given one. */
export interface BackendCase {
  readonly name: string;
  readonly run: (create: () => Promise<Backend>, clock: SteppingClock) => Promise<void>;
}

export function put(key: string, value: string, lease?: number): Operation {
  return { type: "put", key, value: utf8Encode(value), ...(lease !== undefined && { lease }) };
}

export function remove(key: string): Operation {
  return { type: "delete", key };
}

/** A transaction without conditions. */
export function write(backend: Backend, ...success: readonly Operation[]): Promise<TransactionResult> {
  return backend.transact({ compare: [], success });
}

/** Writes `value` if the key's modRevision is as expected, else returns what is there. */
export function compareAndSwap(key: string, modRevision: Revision, value: string): Transaction {
  return {
    compare: [{ key, target: "modRevision", operator: "=", operand: modRevision }],
    success: [put(key, value)],
    failure: [{ type: "get", key }],
  };
}

/** Like `/a=1 /b=2`. */
export function describeEntries(entries: readonly KeyValue[]): string {
  return entries.map((e) => `${e.key}=${utf8Decode(e.value)}`).join(" ");
}

async function contents(backend: Backend, revision?: Revision): Promise<string> {
  const { entries } = await backend.range(prefixRange("/"), revision === undefined ? {} : { revision });
  return describeEntries(entries);
}

type Body = (backend: Backend, clock: SteppingClock) => Promise<void>;

function on(name: string, body: Body): BackendCase {
  return {
    name,
    run: async (create, clock) => {
      await using backend = await create();
      await body(backend, clock);
    },
  };
}

const readsAndWrites: readonly BackendCase[] = [
  on("an empty store is at revision 1 and the first write makes 2", async (backend) => {
    checkEqual(backend.revision(), 1, "revision");
    checkEqual(await backend.get("/a"), undefined, "absent key");
    checkEqual(await backend.range(prefixRange("/")), { entries: [], count: 0, revision: 1 }, "range");
    const { revision, succeeded, results } = await write(backend, put("/a", "1"));
    checkEqual([succeeded, revision, backend.revision()], [true, 2, 2], "first write");
    const entry = {
      key: "/a",
      value: utf8Encode("1"),
      createRevision: 2,
      modRevision: 2,
      version: 1,
      lease: 0,
    };
    checkEqual(results, [entry], "result");
    checkEqual(await backend.get("/a"), entry, "entry");
  }),
  on("versions count puts and start again after a delete", async (backend) => {
    await write(backend, put("/a", "1"));
    await write(backend, put("/a", "2"));
    const second = await backend.get("/a");
    checkEqual([second?.createRevision, second?.modRevision, second?.version], [2, 3, 2], "after the second put");
    const { results } = await write(backend, remove("/a"));
    checkEqual(results[0], second, "a delete returns what it removed");
    await write(backend, put("/a", "3"));
    const again = await backend.get("/a");
    checkEqual([again?.createRevision, again?.modRevision, again?.version], [5, 5, 1], "created again");
  }),
  on("what writes nothing takes no revision", async (backend) => {
    await write(backend, put("/a", "1"));
    const deleted = await write(backend, remove("/none"));
    checkEqual(
      [deleted.succeeded, deleted.revision, deleted.results],
      [true, 2, [undefined]],
      "delete of an absent key",
    );
    const read = await write(backend, { type: "get", key: "/a" });
    checkEqual([read.revision, read.results[0]?.modRevision], [2, 2], "get");
    const failed = await backend.transact(compareAndSwap("/a", 7, "x"));
    checkEqual([failed.succeeded, failed.revision, failed.results[0]?.version], [false, 2, 1], "failed compare");
    checkEqual(backend.revision(), 2, "revision");
  }),
  on("compares know modRevision, createRevision and version, with 0 for an absent key", async (backend) => {
    await write(backend, put("/a", "1"));
    await write(backend, put("/a", "2"));
    const holds = async (
      key: string,
      target: "modRevision" | "createRevision" | "version",
      operator: "=" | "<" | ">",
      operand: number,
    ): Promise<boolean> =>
      (await backend.transact({ compare: [{ key, target, operator, operand }], success: [] })).succeeded;
    const table: [string, "modRevision" | "createRevision" | "version", number][] = [
      ["/a", "modRevision", 3],
      ["/a", "createRevision", 2],
      ["/a", "version", 2],
      ["/none", "modRevision", 0],
      ["/none", "createRevision", 0],
      ["/none", "version", 0],
    ];
    for (const [key, target, actual] of table) {
      const at = async (operand: number): Promise<boolean[]> => [
        await holds(key, target, "<", operand),
        await holds(key, target, "=", operand),
        await holds(key, target, ">", operand),
      ];
      checkEqual(await at(actual), [false, true, false], `${key} ${target} against its value`);
      checkEqual(await at(actual + 1), [true, false, false], `${key} ${target} against more`);
      checkEqual(await at(actual - 1), [false, false, true], `${key} ${target} against less`);
    }
  }),
  on("all compares must hold, else the failure branch runs", async (backend) => {
    await write(backend, put("/a", "1"));
    const result = await backend.transact({
      compare: [
        { key: "/a", target: "version", operator: "=", operand: 1 },
        { key: "/b", target: "version", operator: ">", operand: 0 },
      ],
      success: [put("/a", "success")],
      failure: [put("/b", "failure"), remove("/a")],
    });
    checkEqual([result.succeeded, result.revision], [false, 3], "result");
    checkEqual(await contents(backend), "/b=failure", "contents");
    const without = await backend.transact({
      compare: [{ key: "/b", target: "version", operator: "=", operand: 9 }],
      success: [put("/a", "no")],
    });
    checkEqual([without.succeeded, without.results], [false, []], "no failure branch");
  }),
  on("a transaction is one revision, and its operations see each other in order", async (backend) => {
    const { revision, results } = await write(
      backend,
      put("/a", "1"),
      { type: "get", key: "/a" },
      put("/b", "1"),
      remove("/a"),
      { type: "get", key: "/a" },
    );
    checkEqual(revision, 2, "revision");
    checkEqual(
      results.map((r) => r?.key),
      ["/a", "/a", "/b", "/a", undefined],
      "results",
    );
    checkEqual(await contents(backend), "/b=1", "contents");
  }),
  on("a value may be a function of the revision", async (backend) => {
    await write(backend, put("/a", "1"));
    const value = (revision: Revision): Uint8Array => utf8Encode(`rev ${revision}`);
    await write(backend, { type: "put", key: "/b", value });
    checkEqual(await contents(backend), "/a=1 /b=rev 3", "contents");
  }),
  on("a transaction that throws changes nothing", async (backend) => {
    const value = (): Uint8Array => {
      throw new RangeError("no value");
    };
    await checkRejects(write(backend, put("/a", "1"), { type: "put", key: "/b", value }), "RangeError", "value");
    await checkRejects(write(backend, put("/a", "1"), put("/b", "1", 99)), "LeaseNotFoundError", "lease");
    await checkRejects(write(backend, put("/a", "1"), put("/a", "2")), "TypeError", "duplicate key");
    await checkRejects(write(backend, put("", "1")), "TypeError", "empty key");
    await checkRejects(write(backend, put("/\ud800", "1")), "TypeError", "lone surrogate");
    checkEqual([await contents(backend), backend.revision()], ["", 1], "state");
    await write(backend, put("/a", "2"));
    checkEqual([await contents(backend), backend.revision()], ["/a=2", 2], "state after a good one");
  }),
  on("of concurrent swaps of one revision exactly one wins", async (backend) => {
    const { revision } = await write(backend, put("/a", "0"));
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, n) => backend.transact(compareAndSwap("/a", revision, String(n)))),
    );
    checkEqual(
      results.map((r) => r.succeeded),
      results.map((_, n) => n === 0),
      "winners",
    );
    checkEqual(utf8Decode(results[49]?.results[0]?.value ?? new Uint8Array()), "0", "losers see the winner's value");
    checkEqual([await contents(backend), backend.revision()], ["/a=0", 3], "state");
  }),
  on("a decision that rests on a pending write resolves when that is visible", async (backend) => {
    const first = write(backend, put("/a", "1"));
    const failed = await backend.transact(compareAndSwap("/a", 0, "2"));
    checkEqual([failed.succeeded, backend.revision()], [false, 2], "visible");
    await first;
  }),
  on("many writers get gapless revisions, each its own", async (backend) => {
    const results = await Promise.all(
      Array.from({ length: 500 }, (_, n) => write(backend, put(`/k${n % 50}`, `${n}`))),
    );
    checkEqual(
      results.map((r) => r.revision),
      results.map((_, n) => n + 2),
      "revisions",
    );
    checkEqual([backend.revision(), backend.stats().keyCount], [501, 50], "state");
  }),
  on("the caller's buffer is not kept", async (backend) => {
    const shared = new Uint8Array(4096);
    for (const length of [10, 1000]) {
      shared.fill(1);
      await write(backend, { type: "put", key: `/${length}`, value: shared.subarray(5, 5 + length) });
      shared.fill(2);
      const value = (await backend.get(`/${length}`))?.value ?? new Uint8Array();
      checkEqual([value.length, value.every((b) => b === 1)], [length, true], "value");
      checkEqual(value.buffer.byteLength, length, "memory of its own");
    }
  }),
  on("large values are whole", async (backend) => {
    const big = new Uint8Array(3 * 1024 * 1024).fill(7);
    await Promise.all([
      write(backend, { type: "put", key: "/a", value: big }),
      write(backend, { type: "put", key: "/b", value: big }),
      write(backend, put("/c", "")),
    ]);
    checkEqual((await backend.get("/b"))?.value.length, big.length, "length");
    checkEqual((await backend.get("/c"))?.value.length, 0, "empty value");
  }),
];

const ranges: readonly BackendCase[] = [
  on("a range is ordered, half-open and counts what lies beyond the limit", async (backend) => {
    await write(backend, ...["/b/2", "/a", "/b/1", "/b", "/b/3", "/c"].map((k) => put(k, "x")));
    const keys = async (start: string, end: string, limit?: number): Promise<unknown> => {
      const r = await backend.range({ start, end }, limit === undefined ? {} : { limit });
      return [r.entries.map((e) => e.key).join(" "), r.count];
    };
    checkEqual(await keys("/b", "/b/3"), ["/b /b/1 /b/2", 3], "half-open");
    checkEqual(await keys("/b", "/c", 2), ["/b /b/1", 4], "limit");
    checkEqual(await keys("/b", "/c", 4), ["/b /b/1 /b/2 /b/3", 4], "limit of the count");
    checkEqual(await keys("/b", "/b"), ["", 0], "empty");
    checkEqual(await keys("/z", "/a"), ["", 0], "backwards");
    const { start, end } = prefixRange("/b/");
    checkEqual(await keys(start, end), ["/b/1 /b/2 /b/3", 3], "prefix");
  }),
  on("pages of one revision are one snapshot", async (backend) => {
    for (let n = 0; n < 100; n++) await write(backend, put(`/k${String(n).padStart(3, "0")}`, "old"));
    const revision = backend.revision();
    const end = prefixRange("/k").end;
    let start = "/k";
    const seen: string[] = [];
    for (let left = 100; left > 0;) {
      const page = await backend.range({ start, end }, { limit: 7, revision });
      checkEqual([page.count, page.revision], [left, revision], "count and revision");
      seen.push(...page.entries.map((e) => `${e.key}=${utf8Decode(e.value)}`));
      left -= page.entries.length;
      start = `${page.entries.at(-1)?.key}\0`;
      await write(
        backend,
        put(`/k${String(left).padStart(3, "0")}`, "new"),
        put(`/k${left}.5`, "new"),
        remove("/k099"),
      );
    }
    checkEqual(seen.length, 100, "entries");
    checkEqual(
      seen.every((s) => s.endsWith("=old")),
      true,
      "values",
    );
  }),
  on("old revisions stay readable", async (backend) => {
    await write(backend, put("/a", "1"));
    await write(backend, put("/b", "1"), put("/a", "2"));
    await write(backend, remove("/a"));
    const expected = ["", "/a=1", "/a=2 /b=1", "/b=1"];
    for (const [i, text] of expected.entries()) checkEqual(await contents(backend, i + 1), text, `at ${i + 1}`);
    checkEqual((await backend.get("/a", { revision: 2 }))?.version, 1, "get at 2");
    checkEqual(await backend.get("/a", { revision: 4 }), undefined, "get at 4");
  }),
  on("a revision that does not exist yet is an error", async (backend) => {
    await checkRejects(backend.range(prefixRange("/"), { revision: 2 }), "FutureRevisionError", "range");
    await checkRejects(backend.get("/a", { revision: 2 }), "FutureRevisionError", "get");
  }),
  on("every state of a long random history can be read again", async (backend) => {
    const random = new SeededRandom(42);
    const model = new Map<string, string>();
    const states: string[] = [""];
    for (let n = 0; n < 600; n++) {
      const key = `/k${String(randomInt(random, 40)).padStart(2, "0")}`;
      const isDelete = model.has(key) && random.next() < 0.4;
      if (isDelete) model.delete(key);
      else model.set(key, String(n));
      states.push(
        [...model]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([k, v]) => `${k}=${v}`)
          .join(" "),
      );
      const done = write(backend, isDelete ? remove(key) : put(key, String(n)));
      if (random.next() < 0.3) await done;
    }
    await write(backend);
    for (let n = 0; n < states.length; n += 7) checkEqual(await contents(backend, n + 1), states[n], `at ${n + 1}`);
    await backend.compact(301);
    for (let n = 300; n < states.length; n += 7) checkEqual(await contents(backend, n + 1), states[n], `at ${n + 1}`);
  }),
];

const watches: readonly BackendCase[] = [
  on("a watch from now sees what comes, with previous values", async (backend) => {
    await write(backend, put("/a", "0"));
    const recorder = new WatchRecorder(backend);
    await write(backend, put("/a", "1"));
    await write(backend, put("/b", "1"));
    await write(backend, remove("/a"));
    checkEqual(await recorder.until(3), ["put /a=1 (was 0)@3", "put /b=1@4", "delete /a (was 1)@5"], "events");
    const deletion = recorder.events[2];
    checkEqual([deletion?.current.value.length, deletion?.previous?.modRevision], [0, 3], "deletion");
  }),
  on("a watch from an old revision catches up and goes on without a gap", async (backend) => {
    for (let n = 0; n < 10; n++) await write(backend, put("/a", String(n)));
    const recorder = new WatchRecorder(backend, { fromRevision: 5 });
    for (let n = 10; n < 20; n++) await write(backend, put("/a", String(n)));
    await recorder.until(17);
    checkEqual(
      recorder.events.map((e) => e.current.modRevision),
      Array.from({ length: 17 }, (_, i) => i + 5),
      "revisions",
    );
  }),
  on("a watch can begin at any revision and sees each event once", async (backend) => {
    for (let n = 0; n < 300; n++) void write(backend, put(`/k${n % 7}`, String(n)), put("/all", String(n)));
    const recorders = Array.from({ length: 30 }, (_, i) => new WatchRecorder(backend, { fromRevision: 1 + i * 10 }));
    await write(backend, put("/last", ""));
    for (const [i, recorder] of recorders.entries()) {
      const from = Math.max(2, 1 + i * 10);
      await recorder.until((301 - from + 1) * 2 + 1);
      checkEqual(
        recorder.events.map((e) => e.current.modRevision),
        [...Array.from({ length: (301 - from + 1) * 2 }, (_, j) => from + (j >> 1)), 302],
        `from ${from}`,
      );
    }
  }),
  on("a watch from a revision ahead stays silent until then", async (backend) => {
    const recorder = new WatchRecorder(backend, { fromRevision: 4 });
    for (const value of ["1", "2", "3", "4"]) await write(backend, put("/a", value));
    checkEqual(await recorder.until(2), ["put /a=3 (was 2)@4", "put /a=4 (was 3)@5"], "events");
  }),
  on("a watch sees its range only", async (backend) => {
    const inner = new WatchRecorder(backend, { range: prefixRange("/b/") });
    const one = new WatchRecorder(backend, { range: { start: "/b/1", end: "/b/1\0" } });
    const outer = new WatchRecorder(backend, { range: { start: "/", end: "0" } });
    await write(backend, ...["/a", "/b", "/b/1", "/b/2", "/b0", "/c"].map((k) => put(k, "")));
    const keys = (r: WatchRecorder): string => r.events.map((e) => e.current.key).join(" ");
    checkEqual([keys(inner), keys(one), keys(outer)], ["/b/1 /b/2", "/b/1", "/a /b /b/1 /b/2 /b0 /c"], "keys");
    const past = new WatchRecorder(backend, { range: prefixRange("/b/"), fromRevision: 2 });
    await past.until(2);
    checkEqual(keys(past), "/b/1 /b/2", "past keys");
  }),
  on("the events of one transaction come in one call", async (backend) => {
    const live = new WatchRecorder(backend);
    for (let n = 0; n < 1500; n++) void write(backend, put("/a", `${n}`), put("/b", `${n}`), put("/c", `${n}`));
    await write(backend, put("/z", ""));
    const past = new WatchRecorder(backend, { fromRevision: 1 });
    await past.until(4501);
    for (const recorder of [live, past]) {
      checkEqual(recorder.events.length, 4501, "events");
      let last = 0;
      for (const call of recorder.calls) {
        checkEqual((call[0]?.current.modRevision ?? 0) > last, true, "a call begins with a new revision");
        last = call.at(-1)?.current.modRevision ?? 0;
      }
    }
  }),
  on("events arrive before the transaction's result", async (backend) => {
    const recorder = new WatchRecorder(backend);
    for (let n = 1; n <= 20; n++) {
      await write(backend, put("/a", "x"));
      checkEqual(recorder.events.length, n, "events");
    }
  }),
  on("a watcher may read, write, watch and cancel from its callback", async (backend) => {
    let written: Promise<unknown> = Promise.resolve();
    const first = new WatchRecorder(backend, {
      onEvents: () => {
        if (first.events.length === 1) written = write(backend, put("/b", `at ${backend.revision()}`));
        else first.watch.cancel();
      },
    });
    const second = new WatchRecorder(backend);
    await write(backend, put("/a", "1"));
    await written;
    await write(backend, put("/c", "1"));
    checkEqual(first.text(), ["put /a=1@2", "put /b=at 2@3"], "the one that writes and cancels");
    checkEqual(second.text(), ["put /a=1@2", "put /b=at 2@3", "put /c=1@4"], "the other sees the same order");
  }),
  on("a cancelled watch hears nothing more", async (backend) => {
    const early = new WatchRecorder(backend, { fromRevision: 1 });
    early.watch.cancel();
    const late = new WatchRecorder(backend);
    await write(backend, put("/a", "1"));
    late.watch.cancel();
    late.watch.cancel();
    await write(backend, put("/a", "2"));
    checkEqual([early.events.length, late.events.length], [0, 1], "events");
  }),
  on("a watch from a compacted revision ends with CompactedError", async (backend) => {
    for (let n = 0; n < 10; n++) await write(backend, put("/a", String(n)));
    await backend.compact(8);
    const error = await new WatchRecorder(backend, { fromRevision: 7 }).closed;
    checkEqual([error.name, Reflect.get(error, "compactRevision")], ["CompactedError", 8], "error");
    const recorder = new WatchRecorder(backend, { fromRevision: 8 });
    checkEqual((await recorder.until(4))[0], "put /a=6 (was 5)@8", "the compaction point itself can be watched");
  }),
  on("compaction does not disturb a live watch", async (backend) => {
    const recorder = new WatchRecorder(backend);
    for (let n = 0; n < 10; n++) {
      await write(backend, put("/a", String(n)));
      await backend.compact(backend.revision());
    }
    checkEqual(recorder.events.length, 10, "events");
  }),
  on("a watcher that throws is ended with its error, and alone", async (backend) => {
    const bad = new WatchRecorder(backend, {
      onEvents: () => {
        throw new RangeError("bad watcher");
      },
    });
    const good = new WatchRecorder(backend);
    await write(backend, put("/a", "1"));
    checkEqual((await bad.closed).name, "RangeError", "error");
    await write(backend, put("/a", "2"));
    checkEqual([bad.events.length, good.events.length], [1, 2], "events");
  }),
  {
    name: "dispose finishes what was accepted, ends watches and refuses the rest",
    run: async (create) => {
      const backend = await create();
      const recorder = new WatchRecorder(backend);
      const accepted = write(backend, put("/a", "1"));
      await backend[Symbol.asyncDispose]();
      checkEqual((await accepted).revision, 2, "accepted");
      checkEqual([(await recorder.closed).name, recorder.events.length], ["StoreClosedError", 1], "watch");
      await checkRejects(write(backend, put("/a", "2")), "StoreClosedError", "write");
      await checkRejects(backend.get("/a"), "StoreClosedError", "read");
      await backend[Symbol.asyncDispose]();
    },
  },
];

const leases: readonly BackendCase[] = [
  on("a lease's keys are deleted in one revision when it runs out", async (backend, clock) => {
    const lease = await backend.grantLease(10);
    checkEqual([lease.ttlSeconds, lease.id > 0], [10, true], "lease");
    await write(backend, put("/a", "1", lease.id), put("/b", "1", lease.id), put("/c", "1"));
    checkEqual((await backend.get("/a"))?.lease, lease.id, "entry's lease");
    const recorder = new WatchRecorder(backend);
    clock.step(9_999);
    await write(backend, put("/tick", ""));
    checkEqual(await contents(backend), "/a=1 /b=1 /c=1 /tick=", "before");
    clock.step(2);
    await recorder.until(3);
    checkEqual(recorder.text().slice(1), ["delete /a (was 1)@4", "delete /b (was 1)@4"], "events");
    checkEqual(await contents(backend), "/c=1 /tick=", "after");
    await checkRejects(backend.keepLeaseAlive(lease.id), "LeaseNotFoundError", "keep alive");
    await checkRejects(write(backend, put("/d", "", lease.id)), "LeaseNotFoundError", "put");
  }),
  on("keeping a lease alive starts its time anew", async (backend, clock) => {
    const short = await backend.grantLease(10);
    const long = await backend.grantLease(25);
    await write(backend, put("/short", "", short.id), put("/long", "", long.id));
    clock.step(8_000);
    await backend.keepLeaseAlive(short.id);
    clock.step(8_000);
    await write(backend);
    checkEqual(await contents(backend), "/long= /short=", "both alive at 16 s");
    const recorder = new WatchRecorder(backend);
    clock.step(2_001);
    await recorder.until(1);
    checkEqual(await contents(backend), "/long=", "the short one ended at 18 s");
    clock.step(7_000);
    await recorder.until(2);
    checkEqual(await contents(backend), "", "the long one ended at 25 s");
  }),
  on("revoking deletes the keys the lease still has", async (backend) => {
    const one = await backend.grantLease(100);
    const two = await backend.grantLease(100);
    checkEqual(one.id === two.id, false, "ids differ");
    await write(
      backend,
      put("/a", "1", one.id),
      put("/b", "1", one.id),
      put("/c", "1", one.id),
      put("/d", "1", one.id),
    );
    await write(backend, put("/b", "2", two.id), put("/c", "2"), remove("/d"));
    await write(backend, put("/d", "2"));
    await backend.revokeLease(one.id);
    checkEqual([await contents(backend), backend.revision()], ["/b=2 /c=2 /d=2", 5], "contents");
    await checkRejects(backend.revokeLease(one.id), "LeaseNotFoundError", "again");
    await backend.revokeLease((await backend.grantLease(1)).id);
    checkEqual(backend.revision(), 5, "revoking an empty lease takes no revision");
  }),
  on("nothing joins a lease that is ending", async (backend) => {
    const { id } = await backend.grantLease(100);
    await write(backend, put("/a", "1", id));
    const revoked = backend.revokeLease(id);
    await checkRejects(write(backend, put("/b", "1", id)), "LeaseNotFoundError", "put");
    await revoked;
    checkEqual(await contents(backend), "", "contents");
  }),
  on("a lease needs a positive time to live", async (backend) => {
    for (const ttl of [0, -1, Number.NaN]) await checkRejects(backend.grantLease(ttl), "RangeError", `TTL ${ttl}`);
  }),
];

const compaction: readonly BackendCase[] = [
  on("compaction keeps the state at its revision and forgets what was before", async (backend) => {
    await write(backend, put("/a", "1"));
    await write(backend, put("/a", "2"), put("/b", "1"));
    await write(backend, remove("/b"));
    await write(backend, put("/a", "3"));
    await backend.compact(3);
    checkEqual([backend.compactRevision(), backend.revision()], [3, 5], "revisions");
    checkEqual(await contents(backend, 3), "/a=2 /b=1", "at the compaction point");
    checkEqual(await contents(backend, 4), "/a=2", "after it");
    const error = await checkRejects(backend.range(prefixRange("/"), { revision: 2 }), "CompactedError", "before it");
    checkEqual(Reflect.get(error, "compactRevision"), 3, "error");
    await checkRejects(backend.compact(2), "CompactedError", "compacting backwards");
    await backend.compact(3);
    await checkRejects(backend.compact(6), "FutureRevisionError", "compacting ahead");
    await backend.compact(5);
    checkEqual([await contents(backend, 5), await contents(backend)], ["/a=3", "/a=3"], "at the newest");
  }),
  on("stats count live entries and history", async (backend) => {
    await write(backend, put("/a", "12345"), put("/b", "1"));
    await write(backend, put("/a", "1"));
    await write(backend, remove("/b"));
    checkEqual(
      backend.stats(),
      { keyCount: 1, sizeBytes: 3, historyEvents: 4, historyBytes: 7 + 3 + 3 + 2 },
      "before compaction",
    );
    await backend.compact(4);
    checkEqual(backend.stats(), { keyCount: 1, sizeBytes: 3, historyEvents: 1, historyBytes: 2 }, "after compaction");
  }),
];

/** What every store must do. Array of cases, so that it runs under any test runner and in a browser. */
export const backendSuite: readonly BackendCase[] = [
  ...readsAndWrites,
  ...ranges,
  ...watches,
  ...leases,
  ...compaction,
];
