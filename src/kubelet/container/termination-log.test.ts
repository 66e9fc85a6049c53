import assert from "node:assert/strict";
import { test } from "node:test";
import { lastLogLines } from "./termination-log.ts";

const stamp = "2026-01-01T00:00:00.000000000Z";

test("the last lines of a log keep their ends, and one that was never ended has none", () => {
  assert.equal(lastLogLines(`${stamp} stdout P DONE\n`), "DONE");
  assert.equal(lastLogLines(`${stamp} stdout F a  b\n${stamp} stderr F c\n`), "a  b\nc\n");
  assert.equal(lastLogLines(`${stamp} stdout P long \n${stamp} stdout F line\n`), "long line\n");
  assert.equal(lastLogLines(""), "");
});

test("no more than 80 lines", () => {
  const log = Array.from({ length: 200 }, (_, i) => `${stamp} stdout F ${i}\n`).join("");
  const lines = lastLogLines(log).split("\n");
  assert.equal(lines.length, 81);
  assert.equal(lines[0], "120");
});
