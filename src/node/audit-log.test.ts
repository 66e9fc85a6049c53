import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { test } from "node:test";

import type { AuditEvent } from "../apiserver/audit/audit-sink.ts";
import { silentLogger } from "../component-base/logger.ts";
import { MetricRegistry } from "../component-base/metrics.ts";
import { SteppingClock } from "../component-base/stepping-clock.ts";
import { AuditLog } from "./audit-log.ts";

const event = (auditID: string, length = 0): AuditEvent => ({
  kind: "Event",
  apiVersion: "audit.k8s.io/v1",
  level: "Metadata",
  auditID,
  stage: "ResponseComplete",
  requestURI: "x".repeat(length),
  verb: "get",
  user: { username: "jane" },
  requestReceivedTimestamp: "",
  stageTimestamp: "",
});

test("events are lines of a file, which is put aside when it is full; the oldest are removed", async (t) => {
  const directory = await mkdtemp(path.join(tmpdir(), "k8ts-audit-"));
  t.after(() => rm(directory, { recursive: true }));
  const clock = new SteppingClock(Date.UTC(2026, 0, 31, 8, 5, 9, 123));
  const metrics = new MetricRegistry();
  const options = {
    path: path.join(directory, "audit.log"),
    sizeMaxMegabytes: 1,
    clock,
    logger: silentLogger,
    metrics,
  };
  const ids = async (file: string): Promise<readonly string[]> =>
    (await readFile(path.join(directory, file), "utf8"))
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as AuditEvent).auditID);
  {
    using log = new AuditLog({ ...options, backupsMax: 2 });
    log.record([event("a")]);
  }
  using log = new AuditLog({ ...options, backupsMax: 2 });
  log.record([event("b", 1 << 19)]);
  log.record([event("c", 1 << 19)]);
  assert.deepEqual(await ids("audit.log"), ["c"]);
  assert.deepEqual(await ids("audit-2026-01-31T08-05-09.123.log"), ["a", "b"]);
  for (const id of ["d", "e"]) {
    clock.step(1000);
    log.record([event(id, 1 << 20)]);
  }
  assert.deepEqual((await readdir(directory)).sort(), [
    "audit-2026-01-31T08-05-10.123.log",
    "audit-2026-01-31T08-05-11.123.log",
    "audit.log",
  ]);
  using young = new AuditLog({ ...options, ageMaxDays: 1 });
  clock.step(86_400_000 + 2000);
  young.record([event("f")]);
  assert.deepEqual(await readdir(directory).then((files) => files.length), 2);
});
