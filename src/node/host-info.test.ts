import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { test } from "node:test";

import { SteppingClock } from "../component-base/stepping-clock.ts";
import { LinuxHostInfo, parseResolvConf } from "./host-info.ts";

test("resolv.conf: the last search line counts, comments do not", () => {
  const text = "# a\nnameserver 10.0.0.2\nnameserver ::1 # b\ndomain x\nsearch a.b c.d\noptions ndots:2 rotate\n;\n";
  assert.deepEqual(parseResolvConf(text), {
    servers: ["10.0.0.2", "::1"],
    searches: ["a.b", "c.d"],
    options: ["ndots:2", "rotate"],
  });
});

test("this machine's facts and usage are plausible", { skip: process.platform !== "linux" }, async () => {
  const options = { nodeName: "n1", nodeIps: ["10.0.0.1", "fd00::1"], directory: tmpdir(), clock: new SteppingClock() };
  const info = new LinuxHostInfo(options);
  const facts = await info.facts();
  assert.ok(facts.cpus >= 1 && facts.memoryBytes > 1 << 20 && facts.ephemeralStorageBytes > 0);
  assert.ok(facts.machineId !== "" && facts.bootId !== "" && facts.osImage !== "");
  const usage = await info.usage();
  assert.ok(usage.cpuUsageCoreNanoSeconds > 0);
  assert.ok(usage.memoryWorkingSetBytes > 0 && usage.memoryWorkingSetBytes <= facts.memoryBytes);
  assert.ok((usage.pids?.current ?? 0) > 0);
  assert.deepEqual(await info.addresses(), [
    { type: "InternalIP", address: "10.0.0.1" },
    { type: "InternalIP", address: "fd00::1" },
    { type: "Hostname", address: "n1" },
  ]);
});
