import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../component-base/logger.ts";
import { SeededRandom } from "../../component-base/random.ts";
import { SteppingClock } from "../../component-base/stepping-clock.ts";
import type { FileSystem } from "../../component-base/file-system.ts";
import type { Backend } from "../backend.ts";
import { CrashRun } from "../testing/crash-run.ts";
import { FaultFileSystem, crashAt } from "../../component-base/testing/fault-file-system.ts";
import type { FaultPlan } from "../../component-base/testing/fault-file-system.ts";
import { MemoryFileSystem } from "../../component-base/testing/memory-file-system.ts";
import { openWalBackend } from "./open-wal-backend.ts";

function open(fileSystem: FileSystem, seed: number, clock = new SteppingClock()): Promise<Backend> {
  return openWalBackend({
    directory: "/var/lib/store",
    fileSystem,
    clock,
    logger: silentLogger,
    random: new SeededRandom(seed),
    segmentBytesMin: 4096,
    segmentBytesMax: 8192,
    snapshotBytesMin: 4096,
    freeBytesMin: 0,
  });
}

/** Opens, writes and closes on a file system that dies as planned, then hands over what the store promised. */
async function runUntilCrash(fileSystem: FaultFileSystem, run: CrashRun, seed: number): Promise<void> {
  try {
    await using backend = await open(fileSystem, seed);
    await run.write(backend, 120);
  } catch (error) {
    if (!fileSystem.hasCrashed) throw error;
  }
}

async function sweep(
  seed: number,
  remains: (memory: MemoryFileSystem, n: number) => MemoryFileSystem,
): Promise<number> {
  let crashes = 0;
  for (let n = 0; ; n++) {
    const memory = new MemoryFileSystem();
    const fileSystem = new FaultFileSystem(memory, crashAt(n, (n % 5) / 4));
    const run = new CrashRun(new SeededRandom(seed));
    await runUntilCrash(fileSystem, run, seed);
    if (!fileSystem.hasCrashed) return crashes;
    crashes++;
    const after = remains(memory, n);
    try {
      {
        await using backend = await open(after, seed + 1);
        await run.check(backend);
        await run.write(backend, 10);
      }
      // What the store recovered and served must hold on after another cut.
      await using again = await open(remains(after, n + 1), seed + 2);
      await run.check(again);
    } catch (error) {
      throw new Error(`seed ${seed}, crash at operation ${n}`, { cause: error });
    }
  }
}

test("killed at any operation, the store keeps what it promised", async () => {
  assert.ok((await sweep(1, (memory) => memory.kill())) > 100);
});

for (const seed of [2, 3]) {
  test(`losing power at any operation, the store keeps what it promised (seed ${seed})`, async () => {
    assert.ok((await sweep(seed, (memory, n) => memory.crash(new SeededRandom(seed * 1000 + n)))) > 100);
  });
}

/** Fails one operation, writes on if the store can, and checks what is on disk afterwards. */
async function failOnce(code: string, n: number): Promise<"clean" | "refused" | "failed" | "over"> {
  const memory = new MemoryFileSystem();
  const clock = new SteppingClock();
  const fileSystem = new FaultFileSystem(memory, (operation) =>
    operation.index === n ? { type: "torn", code, share: (n % 5) / 4 } : undefined,
  );
  const run = new CrashRun(new SeededRandom(7));
  let outcome: "clean" | "refused" | "failed" | "over" = "clean";
  try {
    await using backend = await open(fileSystem, 7, clock);
    const ended = await run.write(backend, 120);
    if (ended === "failed") outcome = "failed";
    if (ended === "full") {
      clock.step(1001);
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => void setImmediate(resolve));
      assert.equal(await run.write(backend, 20), "done");
      outcome = "refused";
    }
  } catch (error) {
    // Opening a new store met the error; nothing was promised.
    if (run.promised > 1 || !(error instanceof Error) || error.name !== "FileSystemError") throw error;
    outcome = "failed";
  }
  await using again = await open(memory.kill(), 8);
  await run.check(again);
  return fileSystem.operationCount <= n ? "over" : outcome;
}

for (const [code, expected] of [
  ["ENOSPC", "refused"],
  ["EIO", "failed"],
] as const) {
  test(`${code} at any operation loses nothing that was promised and leaves nothing that was refused`, async () => {
    const outcomes = new Set<string>();
    for (let n = 0; ; n++) {
      const outcome = await failOnce(code, n).catch((error: unknown) => {
        throw new Error(`${code} at operation ${n}`, { cause: error });
      });
      if (outcome === "over") break;
      outcomes.add(outcome);
    }
    assert.ok(outcomes.has(expected), [...outcomes].join());
    assert.ok(outcomes.has("clean"), "failures of background work are survived");
  });
}

test("on a disk that lies about syncs the same check fails: it can see losses", async () => {
  const lies: FaultPlan = ({ type, index }) => {
    if (index > 100) return { type: "crash", share: 0.5 };
    return type === "datasync" && index > 20 ? { type: "lost-sync" } : undefined;
  };
  let losses = 0;
  for (let seed = 0; seed < 10; seed++) {
    const memory = new MemoryFileSystem();
    const run = new CrashRun(new SeededRandom(seed));
    await runUntilCrash(new FaultFileSystem(memory, lies), run, seed);
    try {
      await using backend = await open(memory.crash(new SeededRandom(seed)), seed);
      await run.check(backend);
    } catch {
      losses++;
    }
  }
  assert.ok(losses >= 5, `${losses} losses seen`);
});
