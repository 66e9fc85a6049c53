/** What do the processes of a single-node cluster with no pods cost while nothing happens? */
import { setTimeout as delay } from "node:timers/promises";

import { findProcesses } from "../src/node/processes.ts";
import { clusterInWorld, componentPids } from "./harness/cluster.ts";
import { cpuMs, pssMb } from "./harness/process-usage.ts";
import { report } from "./harness/report.ts";

const settleMs = 10_000;
const measuredMs = 20_000;

const cluster = await clusterInWorld();
if (cluster) {
  await cluster.up();
  try {
    const processes = new Map(await componentPids(cluster));
    const [containerd] = await findProcesses(
      ([program]) => program?.endsWith("/containerd") === true || program === "containerd",
    );
    if (containerd === undefined) throw new Error("containerd does not run");
    processes.set("containerd", containerd);
    // The last of starting is over, and memory of starting is given back.
    await delay(settleMs);
    const before = new Map([...processes].map(([name, pid]) => [name, cpuMs(pid)]));
    const start = performance.now();
    await delay(measuredMs);
    const elapsedMs = performance.now() - start;
    let memory = 0;
    let cpu = 0;
    for (const [name, pid] of processes) {
      const pss = pssMb(pid);
      const percent = ((cpuMs(pid) - (before.get(name) ?? 0)) / elapsedMs) * 100;
      report(`idle.${name}.pss`, pss, "MB");
      report(`idle.${name}.cpu`, percent, "% core");
      if (name === "containerd") continue;
      memory += pss;
      cpu += percent;
    }
    report("idle.pss", memory, "MB", { atMost: 200 });
    report("idle.cpu", cpu, "% core", { atMost: 1 });
  } finally {
    await cluster.k8ts("delete");
  }
}
