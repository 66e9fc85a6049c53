import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, rm, stat, symlink } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { utf8Decode } from "../component-base/bytes.ts";
import { SystemClock } from "../component-base/clock.ts";
import { silentLogger } from "../component-base/logger.ts";
import { fileSystemSuite } from "../component-base/testing/file-system-suite.ts";
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

const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);

const holder = `
  import { NodeFileSystem } from ${url("./node-file-system.ts")};
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

const writer = `
  import { NodeFileSystem } from ${url("./node-file-system.ts")};
  import { SystemClock } from ${url("../component-base/clock.ts")};
  import { silentLogger } from ${url("../component-base/logger.ts")};
  import { openWalBackend } from ${url("../mvcc/wal/open-wal-backend.ts")};
  import { writeSync } from "node:fs";
  const [directory] = process.argv.slice(1);
  const backend = await openWalBackend({
    directory, fileSystem: new NodeFileSystem(), clock: new SystemClock(), logger: silentLogger, segmentBytesMin: 65536,
  });
  const write = async (writer) => {
    for (let n = 0; ; n++) {
      const value = (revision) => new TextEncoder().encode(revision + "x".repeat(500));
      const { revision } = await backend.transact({
        compare: [], success: [{ type: "put", key: "/" + process.pid + "/" + writer + "/" + n, value }],
      });
      writeSync(1, revision + "\\n");
    }
  };
  await Promise.all([1, 2, 3, 4].map(write));
`;

test("killed in the middle of writes, the store has every acknowledged one", () =>
  inTemporaryDirectory(async (directory) => {
    const store = join(directory, "store");
    let acknowledged = 1;
    for (let round = 0; round < 2; round++) {
      const child = spawn(process.execPath, ["--input-type=module", "-e", writer, store], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const exited = once(child, "exit");
      let output = "";
      child.stdout.on("data", (chunk: Buffer) => {
        output += chunk.toString();
        if (output.length > 1500) child.kill("SIGKILL");
      });
      await exited;
      acknowledged = Math.max(acknowledged, ...output.split("\n").slice(0, -1).map(Number));
      await using backend = await openWalBackend({
        directory: store,
        fileSystem: new NodeFileSystem(),
        clock: new SystemClock(),
        logger: silentLogger,
      });
      assert.ok(acknowledged > 100 && backend.revision() >= acknowledged, `${backend.revision()} of ${acknowledged}`);
      const { entries } = await backend.range({ start: "/", end: "0" });
      assert.equal(entries.length, backend.revision() - 1);
      for (const { value, modRevision } of entries) assert.equal(parseInt(utf8Decode(value), 10), modRevision);
    }
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

test("what lies at a path is told apart", () =>
  inTemporaryDirectory(async (directory) => {
    const fileSystem = new NodeFileSystem();
    const server = createServer();
    const path = join(directory, "s");
    await new Promise<void>((resolve) => server.listen(path, resolve));
    try {
      assert.equal((await fileSystem.stat(path))?.type, "socket");
      assert.equal((await fileSystem.stat("/dev/null"))?.type, "character-device");
      assert.equal((await fileSystem.stat(directory))?.type, "directory");
    } finally {
      server.close();
    }
  }));

test("chmod within a directory changes nothing that a link leads to outside", () =>
  inTemporaryDirectory(async (directory) => {
    const fileSystem = new NodeFileSystem();
    const root = join(directory, "root");
    const outside = join(directory, "outside");
    for (const path of [root, join(root, "a"), outside, join(outside, "b")]) {
      await mkdir(path);
      await chmod(path, 0o700);
    }
    await fileSystem.chmod(join(root, "a"), 0o2777, root);
    assert.equal((await stat(join(root, "a"))).mode & 0o7777, 0o2777);
    await symlink(outside, join(root, "link"));
    await assert.rejects(fileSystem.chmod(join(root, "link"), 0o777, root), { code: "ELOOP" });
    await assert.rejects(fileSystem.chmod(join(root, "link/b"), 0o777, root), { code: "ELOOP" });
    for (const path of [outside, join(outside, "b")]) assert.equal((await stat(path)).mode & 0o7777, 0o700);
  }));
