import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { test } from "node:test";

import { parseFlags } from "../flags.ts";
import { auditFlags, auditOf } from "./audit-flags.ts";

test("audit flags have upstream's defaults and complaints", async () => {
  const directory = await mkdtemp(path.join(tmpdir(), "k8ts-audit-flags-"));
  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(path.join(directory, name), text);
    return path.join(directory, name);
  };
  try {
    const policy = await file("policy", "{apiVersion: audit.k8s.io/v1, kind: Policy, rules: [{level: Metadata}]}");
    const webhook = await file(
      "webhook",
      "{clusters: [{name: a, cluster: {server: 'http://127.0.0.1:9/audit'}}], users: [{name: a, user: {token: t}}], " +
        "contexts: [{name: a, context: {cluster: a, user: a}}], current-context: a}",
    );
    const read = (...args: readonly string[]) => auditOf(parseFlags(auditFlags, args));
    assert.equal(await read("--audit-log-path", "-"), undefined);
    assert.equal(await read("--audit-policy-file", policy), undefined);
    const all = await read(
      "--audit-policy-file",
      policy,
      "--audit-log-path",
      "-",
      "--audit-webhook-config-file",
      webhook,
    );
    assert.deepEqual(all?.log?.pipeline, {
      mode: "blocking",
      batch: { bufferMax: 10_000, batchMax: 1, waitMaxMs: 30_000, isConcurrent: false },
    });
    assert.deepEqual(all.webhook?.pipeline, {
      mode: "batch",
      batch: {
        bufferMax: 10_000,
        batchMax: 400,
        waitMaxMs: 30_000,
        isConcurrent: true,
        throttle: { perSecond: 10, burst: 15 },
      },
    });
    assert.equal(all.webhook.initialBackoffMs, 10_000);
    assert.equal(all.webhook.receiver.url, "http://127.0.0.1:9/audit");
    const truncated = await read(
      "--audit-policy-file",
      policy,
      "--audit-log-path",
      "-",
      "--audit-log-truncate-enabled",
    );
    assert.deepEqual(truncated?.log?.pipeline.truncate, { batchBytesMax: 10_485_760, eventBytesMax: 102_400 });
    const complaints: readonly (readonly [flag: string, message: string])[] = [
      [
        "--audit-webhook-mode=async",
        'invalid audit webhook mode async, allowed modes are "batch,blocking,blocking-strict"',
      ],
      ["--audit-webhook-batch-buffer-size=0", "invalid audit batch webhook buffer size 0, must be a positive number"],
      ["--audit-webhook-batch-throttle-qps=0", "invalid audit batch webhook throttle QPS 0, must be a positive number"],
    ];
    for (const [flag, message] of complaints) await assert.rejects(read(flag), { message });
  } finally {
    await rm(directory, { recursive: true });
  }
});
