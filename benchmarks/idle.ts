/** What do the processes of a single-node cluster cost while nothing happens: without pods, and with 100 at rest? */
import { setTimeout as delay } from "node:timers/promises";

import { pods } from "../src/api/resources.gen.ts";
import { findProcesses } from "../src/node/processes.ts";
import { clusterInWorld, componentPids, connect, followPods } from "./harness/cluster.ts";
import { cpuMs, pssMb } from "./harness/process-usage.ts";
import { report } from "./harness/report.ts";

const settleMs = 10_000;
const measuredMs = 20_000;
const image = "k8ts.local/busybox:1";
const podCount = 100;
/** Started at once; more would only wait for the runtime. */
const startedAtOnce = 10;

interface Usage {
  /** PSS in MB and CPU in percent of a core, of our own processes together. */
  readonly memory: number;
  readonly cpu: number;
}

/** What the processes use once the last thing they did is over, and memory of it is given back. */
async function usageAtRest(name: string, processes: ReadonlyMap<string, number>): Promise<Usage> {
  await delay(settleMs);
  const before = new Map([...processes].map(([process, pid]) => [process, cpuMs(pid)]));
  const start = performance.now();
  await delay(measuredMs);
  const elapsedMs = performance.now() - start;
  let [memory, cpu] = [0, 0];
  for (const [process, pid] of processes) {
    const pss = pssMb(pid);
    const percent = ((cpuMs(pid) - (before.get(process) ?? 0)) / elapsedMs) * 100;
    report(`${name}.${process}.pss`, pss, "MB");
    report(`${name}.${process}.cpu`, percent, "% core");
    if (process === "containerd") continue;
    memory += pss;
    cpu += percent;
  }
  return { memory, cpu };
}

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
    const empty = await usageAtRest("idle", processes);
    report("idle.pss", empty.memory, "MB", { atMost: 200 });
    report("idle.cpu", empty.cpu, "% core", { atMost: 1 });

    await cluster.loadBusybox(image);
    await using connection = await connect(cluster);
    const { client } = connection;
    const running = new Map<string, () => void>();
    const ending = new AbortController();
    const following = followPods(client, ending.signal, ({ metadata, status }) => {
      if (status.phase === "Running") running.get(metadata.name)?.();
    });
    const podClient = client.resource(pods, "default");
    let next = 0;
    const startSome = async (): Promise<void> => {
      while (next < podCount) {
        const name = `rest-${next++}`;
        const isRunning = new Promise<void>((resolve) => running.set(name, resolve));
        const containers = [{ name: "main", image, command: ["sleep", "1000000"] }];
        await podClient.create({ metadata: { name }, spec: { terminationGracePeriodSeconds: 0, containers } });
        await isRunning;
      }
    };
    await Promise.all(Array.from({ length: startedAtOnce }, startSome));
    ending.abort();
    await following;
    const full = await usageAtRest(`idle.${podCount}-pods`, processes);
    report(`idle.${podCount}-pods.pss`, full.memory, "MB");
    report(`idle.${podCount}-pods.cpu`, full.cpu, "% core");
  } finally {
    await cluster.k8ts("delete");
  }
}
