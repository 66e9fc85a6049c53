import assert from "node:assert/strict";
import { test } from "node:test";

import { mountsBelow, parseMountInfo } from "./mount-info.ts";

const text = `22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 22 0:25 / /run rw shared:1 - tmpfs tmpfs rw
31 30 0:26 / /run/a rw - tmpfs tmpfs rw
32 31 0:27 / /run/a/b\\040c rw shared:2 master:1 - tmpfs tmpfs rw
33 30 0:28 / /run/ab rw - overlay overlay rw
34 31 0:29 / /run/a rw - tmpfs tmpfs rw
`;

test("paths are unescaped, the type is behind optional fields", () => {
  const mounts = parseMountInfo(text);
  assert.equal(mounts.length, 6);
  assert.deepEqual(mounts[3], { path: "/run/a/b c", fileSystemType: "tmpfs" });
  assert.equal(mounts[4]?.fileSystemType, "overlay");
});

test("below means the path and what is under it, deepest first, not what only begins alike", () => {
  assert.deepEqual(mountsBelow(parseMountInfo(text), "/run/a"), ["/run/a/b c", "/run/a", "/run/a"]);
  assert.deepEqual(mountsBelow(parseMountInfo(text), "/other"), []);
});
