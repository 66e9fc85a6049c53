import assert from "node:assert/strict";
import { test } from "node:test";

import { utf8Encode } from "../../component-base/bytes.ts";
import { MemoryFileSystem } from "../testing/memory-file-system.ts";
import { setVolumeOwnership } from "./volume-ownership.ts";

async function volume(): Promise<MemoryFileSystem> {
  const fs = new MemoryFileSystem();
  await fs.makeDirectory("/v/deep", 0o700);
  await fs.writeFile("/v/deep/file", utf8Encode("x"), 0o400);
  await fs.makeDirectory("/outside", 0o700);
  await fs.symlink("/outside", "/v/link");
  return fs;
}

test("everything becomes the group's to read and write, links themselves and nothing behind them", async () => {
  const fs = await volume();
  await setVolumeOwnership(fs, "/v", { fsGroup: 2000, policy: "Always" });
  const seen = async (path: string): Promise<unknown> => {
    const info = await fs.stat(path);
    return [info?.gid, info?.mode.toString(8)];
  };
  assert.deepEqual(await seen("/v"), [2000, "2770"]);
  assert.deepEqual(await seen("/v/deep"), [2000, "2770"]);
  assert.deepEqual(await seen("/v/deep/file"), [2000, "660"]);
  assert.equal((await fs.stat("/v/link"))?.gid, 2000);
  assert.deepEqual(await seen("/outside"), [0, "700"]);
  assert.equal(fs.ownerOf("/v/deep/file").uid, 0);
});

test("OnRootMismatch leaves a volume alone whose directory is right, Always does not, an interrupted walk is not right", async () => {
  const fs = await volume();
  const list = fs.list.bind(fs);
  fs.list = async (path) => {
    if (path === "/v/deep") throw new Error("interrupted");
    return list(path);
  };
  const options = { fsGroup: 2000, policy: "OnRootMismatch" } as const;
  await assert.rejects(setVolumeOwnership(fs, "/v", options), /interrupted/);
  fs.list = list;
  await setVolumeOwnership(fs, "/v", options);
  assert.equal((await fs.stat("/v/deep/file"))?.gid, 2000);
  await fs.chown("/v/deep/file", 0, 0);
  await setVolumeOwnership(fs, "/v", options);
  assert.equal((await fs.stat("/v/deep/file"))?.gid, 0);
  await setVolumeOwnership(fs, "/v", { ...options, policy: "Always" });
  assert.equal((await fs.stat("/v/deep/file"))?.gid, 2000);
});
