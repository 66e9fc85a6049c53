import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { test, type TestContext } from "node:test";

import { silentLogger } from "../../component-base/logger.ts";
import { SteppingClock } from "../../component-base/stepping-clock.ts";
import { FileCgroupManager } from "./cgroup-manager.ts";
import { cpuWeight, detectCgroupVersion } from "./cgroup-version.ts";

/** Directories with the files a kernel would show, as far as the manager looks. */
function fakeMachine(t: TestContext, hierarchies: readonly string[]) {
  const root = mkdtempSync(path.join(tmpdir(), "cgroups-"));
  t.after(() => rmSync(root, { recursive: true }));
  for (const name of hierarchies) {
    mkdirSync(path.join(root, name), { recursive: true });
    writeFileSync(path.join(root, name, name === "" ? "cgroup.controllers" : "cgroup.procs"), "");
  }
  const version = detectCgroupVersion(root);
  assert(version);
  const clock = new SteppingClock();
  const manager = new FileCgroupManager({
    root: "/k8ts-test",
    clock,
    logger: silentLogger,
    version,
    // The kernel removes a group's control files with it.
    removeDirectory: (directory) => rmSync(directory, { recursive: true }),
  });
  const at = (file: string): string => path.join(root, file);
  return {
    manager,
    version,
    clock,
    read: (file: string) => readFileSync(at(file), "utf8"),
    write: (file: string, text: string) => writeFileSync(at(file), text),
  };
}

const limits = { cpuShares: 512, cpuQuota: 50_000, cpuPeriod: 100_000, memoryLimitInBytes: 64 << 20, pidsLimit: 100 };

test("v2: limits, weight of the class, removal", async (t) => {
  const { manager, version, read } = fakeMachine(t, [""]);
  assert.equal(version.name, "v2");
  const parent = await manager.ensurePod("uid-1", "Burstable", limits);
  assert.equal(parent, "/k8ts-test/kubepods/burstable/poduid-1");
  assert.equal(read(`${parent}/cpu.max`), "50000 100000");
  assert.equal(read(`${parent}/cpu.weight`), String(cpuWeight(512)));
  assert.equal(read(`${parent}/memory.max`), String(64 << 20));
  assert.equal(read(`${parent}/pids.max`), "100");
  assert.equal(read("k8ts-test/kubepods/burstable/cpu.weight"), String(cpuWeight(512)));
  await manager.ensurePod("uid-2", "Burstable", { cpuShares: 512 });
  assert.equal(read("k8ts-test/kubepods/burstable/cpu.weight"), String(cpuWeight(1024)));
  assert.equal(read("k8ts-test/kubepods/burstable/poduid-2/memory.max"), "max");
  assert.match(read("k8ts-test/kubepods/cgroup.subtree_control"), /^\+/);
  assert.deepEqual(await manager.listPods(), ["uid-1", "uid-2"]);
  await manager.removePod("uid-1");
  await manager.removePod("uid-1");
  assert.deepEqual(await manager.listPods(), ["uid-2"]);
  await manager.removeAll();
  assert.deepEqual(await manager.listPods(), []);
});

test("v1: limits go to the hierarchy of their controller, and are lifted when absent", async (t) => {
  const { manager, version, read } = fakeMachine(t, ["cpu,cpuacct", "memory", "pids", "systemd"]);
  assert.equal(version.name, "v1");
  const parent = await manager.ensurePod("uid-1", "Guaranteed", limits);
  assert.equal(parent, "/k8ts-test/kubepods/poduid-1");
  assert.equal(read(`cpu,cpuacct${parent}/cpu.cfs_quota_us`), "50000");
  assert.equal(read(`cpu,cpuacct${parent}/cpu.shares`), "512");
  assert.equal(read(`memory${parent}/memory.limit_in_bytes`), String(64 << 20));
  await manager.ensurePod("uid-1", "Guaranteed", {});
  assert.equal(read(`memory${parent}/memory.limit_in_bytes`), "-1");
  assert.equal(read(`cpu,cpuacct${parent}/cpu.cfs_quota_us`), "-1");
  assert.equal(read(`pids${parent}/pids.max`), "max");
  await manager.ensurePod("uid-2", "BestEffort", { cpuShares: 2 });
  assert.equal(read("cpu,cpuacct/k8ts-test/kubepods/besteffort/cpu.shares"), "2");
});

test("statistics: working set leaves out idle page cache, the rate needs two readings", async (t) => {
  const { manager, clock, write } = fakeMachine(t, [""]);
  const parent = await manager.ensurePod("uid-1", "BestEffort", {});
  assert.equal(await manager.podStats("absent"), undefined);
  assert.equal(await manager.containerStats("uid-1", "absent"), undefined);
  write(`${parent}/memory.current`, "1000\n");
  write(`${parent}/memory.max`, "5000\n");
  write(`${parent}/memory.stat`, "anon 300\ninactive_file 400\npgfault 7\n");
  write(`${parent}/cpu.stat`, "usage_usec 1000\n");
  write(`${parent}/pids.current`, "3\n");
  const first = await manager.podStats("uid-1");
  assert.deepEqual(first?.memory, {
    timestampMs: clock.now(),
    usageBytes: 1000,
    workingSetBytes: 600,
    availableBytes: 4400,
    rssBytes: 300,
    pageFaults: 7,
    majorPageFaults: 0,
  });
  assert.equal(first.pids, 3);
  assert.equal(first.cpu?.usageNanoCores, undefined);
  clock.step(2_000);
  write(`${parent}/cpu.stat`, "usage_usec 1001000\n");
  const second = await manager.podStats("uid-1");
  assert.equal(second?.cpu?.usageCoreNanoSeconds, 1_001_000_000);
  assert.equal(second?.cpu?.usageNanoCores, 500_000_000);
});

test("a uid that is not one does not become a path", async (t) => {
  const { manager } = fakeMachine(t, [""]);
  await assert.rejects(manager.removePod("../../x"), /not a pod uid/);
});
