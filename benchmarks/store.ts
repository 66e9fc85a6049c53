/**
 * How many durable writes a second the embedded store does on this disk, and how fast it reads. Prints a line per
 * number; the directory to measure can be given as the first argument.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SystemClock } from "../src/component-base/clock.ts";
import { silentLogger } from "../src/component-base/logger.ts";
import { prefixRange } from "../src/mvcc/backend.ts";
import type { Backend } from "../src/mvcc/backend.ts";
import { createMemoryBackend } from "../src/mvcc/memory-backend.ts";
import { openWalBackend } from "../src/mvcc/wal/open-wal-backend.ts";
import { NodeFileSystem } from "../src/node/node-file-system.ts";

const valueBytes = 2048;
const seconds = 1.5;

function print(name: string, value: number, unit: string): void {
  console.log(`${name} = ${value >= 100 ? Math.round(value) : value.toFixed(2)} ${unit}`);
}

function keyOf(n: number): string {
  return `/registry/pods/namespace-${n % 50}/pod-${n}`;
}

/** Compare-and-swap of 2 KB values by so many writers at once. */
async function measureWrites(backend: Backend, writers: number, name: string): Promise<void> {
  const value = new Uint8Array(valueBytes).fill(97);
  const latenciesMs: number[] = [];
  const start = performance.now();
  const cpu = process.cpuUsage();
  const end = start + seconds * 1000;
  const run = async (writer: number): Promise<void> => {
    let modRevision = (await backend.get(keyOf(writer)))?.modRevision ?? 0;
    for (let now = performance.now(); now < end;) {
      const key = keyOf(writer);
      const { revision } = await backend.transact({
        compare: [{ key, target: "modRevision", operator: "=", operand: modRevision }],
        success: [{ type: "put", key, value }],
        failure: [{ type: "get", key }],
      });
      modRevision = revision;
      const done = performance.now();
      latenciesMs.push(done - now);
      now = done;
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => run(writer)));
  const elapsedMs = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  latenciesMs.sort((a, b) => a - b);
  print(`${name}.${writers}`, (latenciesMs.length / elapsedMs) * 1000, "/s");
  print(`${name}.${writers}.p99`, latenciesMs[Math.floor(latenciesMs.length * 0.99)] ?? 0, "ms");
  print(`${name}.${writers}.cpu`, (user + system) / latenciesMs.length, "us");
}

async function measureReads(backend: Backend): Promise<void> {
  const value = new Uint8Array(valueBytes).fill(97);
  for (let n = 0; n < 100_000; n += 500) {
    await Promise.all(
      Array.from({ length: 500 }, (_, i) =>
        backend.transact({ compare: [], success: [{ type: "put", key: keyOf(n + i), value }] }),
      ),
    );
  }
  const pods = prefixRange("/registry/pods/");
  let best = Infinity;
  for (let round = 0; round < 20; round++) {
    const start = performance.now();
    await backend.range(pods, { limit: 5000 });
    best = Math.min(best, performance.now() - start);
  }
  print("store.range.5000of100000", best, "ms");
  const start = performance.now();
  for (let n = 0; n < 100_000; n++) await backend.get(keyOf(n));
  print("store.get.100000", (performance.now() - start) / 100, "us");
}

const root = await mkdtemp(join(process.argv[2] ?? tmpdir(), "k8ts-bench-store-"));
const clock = new SystemClock();
const open = (): Promise<Backend> =>
  openWalBackend({ directory: join(root, "store"), fileSystem: new NodeFileSystem(), clock, logger: silentLogger });
try {
  const start = performance.now();
  {
    await using backend = await open();
    print("store.create", performance.now() - start, "ms");
    for (const writers of [1, 16, 128, 512]) await measureWrites(backend, writers, "store.writes");
    await measureReads(backend);
  }
  const again = performance.now();
  {
    await using backend = await open();
    print("store.restart.100000", performance.now() - again, "ms");
    print("store.restart.100000.history", backend.stats().historyEvents, "events");
  }
  await using memory = createMemoryBackend({ clock });
  await measureWrites(memory, 128, "store.memory.writes");
} finally {
  await rm(root, { recursive: true });
}
