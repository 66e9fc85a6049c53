import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { SystemClock } from "../component-base/clock.ts";
import { silentLogger } from "../component-base/logger.ts";
import { fileSystemSuite } from "../mvcc/testing/file-system-suite.ts";
import { put, write } from "../mvcc/testing/backend-suite.ts";
import { openWalBackend } from "../mvcc/wal/open-wal-backend.ts";
import { NodeFileSystem } from "./node-file-system.ts";

async function inTemporaryDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "k8ts-file-system-"));
  try {
    await body(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

for (const { name, run } of fileSystemSuite) {
  test(name, () => inTemporaryDirectory((directory) => run(new NodeFileSystem(), directory)));
}

const holder = `
  import { NodeFileSystem } from ${JSON.stringify(new URL("./node-file-system.ts", import.meta.url).href)};
  await new NodeFileSystem().lock(process.argv[1]);
  process.stdout.write("locked");
  process.stdin.resume();
`;

test("a lock outlives no process, not even one that is killed, and its path may be long", () =>
  inTemporaryDirectory(async (directory) => {
    const fileSystem = new NodeFileSystem();
    const deep = join(directory, "d".repeat(100));
    await fileSystem.makeDirectory(deep);
    const path = join(deep, "lock");
    const child = spawn(process.execPath, ["--input-type=module", "-e", holder, path], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    try {
      await once(child.stdout, "data");
      await assert.rejects(fileSystem.lock(path), { name: "FileSystemError", code: "EWOULDBLOCK" });
    } finally {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    assert.deepEqual(await fileSystem.list(deep), ["lock"]);
    await using held = await fileSystem.lock(path);
    assert.ok(held);
    await assert.rejects(fileSystem.lock(path), { code: "EWOULDBLOCK" });
  }));

test("of many that find a stale lock exactly one takes it", () =>
  inTemporaryDirectory(async (directory) => {
    const fileSystem = new NodeFileSystem();
    const path = join(directory, "lock");
    await fileSystem.writeFile(path, new Uint8Array(0));
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => fileSystem.lock(path)));
    const taken = results.filter((r) => r.status === "fulfilled");
    assert.equal(taken.length, 1);
    for (const { value } of taken) await value[Symbol.asyncDispose]();
    assert.deepEqual(await fileSystem.list(directory), []);
  }));

test("the store writes to real files and reads them again", () =>
  inTemporaryDirectory(async (directory) => {
    const open = (): ReturnType<typeof openWalBackend> =>
      openWalBackend({
        directory: join(directory, "store"),
        fileSystem: new NodeFileSystem(),
        clock: new SystemClock(),
        logger: silentLogger,
        segmentBytesMin: 64 * 1024,
        segmentBytesMax: 256 * 1024,
      });
    {
      await using backend = await open();
      await assert.rejects(open(), { code: "EWOULDBLOCK" });
      await Promise.all(Array.from({ length: 300 }, (_, n) => write(backend, put(`/k${n}`, "x".repeat(1000)))));
    }
    await using backend = await open();
    assert.deepEqual([backend.revision(), backend.stats().keyCount], [301, 300]);
    const entry = await backend.get("/k299");
    assert.equal(entry?.value.buffer.byteLength, 1000);
  }));
