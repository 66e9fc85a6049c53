import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { sha256Hex } from "./sha256.ts";

test("equals Node's for every length around the block boundaries, and for text beyond ASCII", () => {
  const texts = [...Array.from({ length: 200 }, (_, length) => "k".repeat(length)), "grüße, 世界 🌍".repeat(20)];
  for (const text of texts) assert.equal(sha256Hex(text), createHash("sha256").update(text).digest("hex"));
});
