import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { test } from "node:test";

import { silentLogger } from "../../component-base/logger.ts";
import { SteppingClock } from "../../component-base/stepping-clock.ts";
import { createCertificateAuthority, type KeyPair } from "./certificates.ts";
import { ReloadingPair } from "./reloading-pair.ts";

test("a replaced pair is taken once certificate and key belong together; what cannot be read changes nothing", async (t) => {
  const directory = await mkdtemp(path.join(tmpdir(), "k8ts-pair-"));
  t.after(() => rm(directory, { recursive: true }));
  const [certFile, keyFile] = [path.join(directory, "a.crt"), path.join(directory, "a.key")];
  const [first, second] = await Promise.all(
    ["one", "two"].map((name) => createCertificateAuthority(name, 1, Date.now())),
  );
  assert.ok(first && second);
  await writeFile(certFile, first.cert);
  await writeFile(keyFile, first.key);
  const clock = new SteppingClock();
  const pair = await ReloadingPair.open({ certFile, keyFile, clock, logger: silentLogger });
  assert.deepEqual(pair.current, first);
  const told: KeyPair[] = [];
  const looks = new AbortController();
  pair.onChange((next) => told.push(next));
  const watching = pair.watch(looks.signal);
  // A look has ended when the next one is waited for.
  const look = async (): Promise<void> => {
    while (clock.nextTimerIn() === undefined) await new Promise((resolve) => setImmediate(resolve));
    clock.step(10_000);
    while (clock.nextTimerIn() === undefined) await new Promise((resolve) => setImmediate(resolve));
  };
  await look();
  await writeFile(keyFile, second.key);
  await look();
  await rm(keyFile);
  await look();
  await writeFile(certFile, second.cert);
  await writeFile(keyFile, "no key");
  await look();
  assert.deepEqual(told, []);
  assert.deepEqual(pair.current, first);
  await writeFile(keyFile, second.key);
  await look();
  await look();
  assert.deepEqual(told, [second]);
  assert.deepEqual(pair.current, second);
  looks.abort();
  await watching;
});
