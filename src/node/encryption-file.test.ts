import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { test } from "node:test";

import { utf8Decode, utf8Encode } from "../component-base/bytes.ts";
import { silentLogger } from "../component-base/logger.ts";
import { MetricRegistry } from "../component-base/metrics.ts";
import { SystemRandom } from "../component-base/random.ts";
import { SteppingClock } from "../component-base/stepping-clock.ts";
import { EncryptionFile } from "./encryption-file.ts";

const configuration = (name: string): string =>
  JSON.stringify({
    apiVersion: "apiserver.config.k8s.io/v1",
    kind: "EncryptionConfiguration",
    resources: [
      { resources: ["secrets"], providers: [{ secretbox: { keys: [{ name, secret: btoa("k".repeat(32)) }] } }] },
    ],
  });

test("a changed file counts within a minute, and a wrong one does not", async () => {
  const directory = await mkdtemp(path.join(tmpdir(), "k8ts-encryption-"));
  try {
    const file = path.join(directory, "encryption.yaml");
    await writeFile(file, configuration("a"));
    const clock = new SteppingClock();
    const metrics = new MetricRegistry();
    const options = { path: file, clock, random: new SystemRandom(), logger: silentLogger, metrics };
    const opened = await EncryptionFile.open(options);
    const key = (): string =>
      utf8Decode(opened.transformerOf("", "secrets").toStorage(utf8Encode("x"), "k")).split(":")[4] ?? "";
    const reloads = (): string => /automatic_reloads_total\{.*/g.exec(metrics.render())?.[0] ?? "";
    const stop = new AbortController();
    const watching = opened.watch(stop.signal);
    const lookAgain = async (): Promise<void> => {
      while (clock.nextTimerIn() === undefined) await new Promise((resolve) => setImmediate(resolve));
      clock.step(60_000);
      while (clock.nextTimerIn() === undefined) await new Promise((resolve) => setImmediate(resolve));
    };
    assert.equal(key(), "a");
    await lookAgain();
    assert.equal(reloads(), "");
    await writeFile(file, configuration("b"));
    await lookAgain();
    assert.equal(key(), "b");
    await writeFile(file, "kind: Other");
    await lookAgain();
    assert.equal(key(), "b");
    assert.match(metrics.render(), /automatic_reloads_total\{status="success"\} 1\n.*\{status="failure"\} 1\n/s);
    stop.abort();
    await watching;
    await assert.rejects(EncryptionFile.open(options), /no kind "Other" is registered for version ""/);
    await assert.rejects(EncryptionFile.open({ ...options, path: `${file}-none` }), /error while loading file: ENOENT/);
  } finally {
    await rm(directory, { recursive: true });
  }
});
