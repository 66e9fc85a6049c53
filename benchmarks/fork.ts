/** How long a cluster inside a test takes to make, and to fork when 30 pods run on 3 nodes, in a process that is warm? */
import { createCluster } from "../src/testing/cluster.ts";
import { report } from "./harness/report.ts";
import { median } from "./harness/statistics.ts";

const rounds = 15;

interface Cost {
  readonly ms: number;
  /** Of this thread: what a busy machine does not change. */
  readonly cpuMs: number;
}

async function cost(make: () => Promise<AsyncDisposable>): Promise<Cost> {
  const start = performance.now();
  const before = process.threadCpuUsage();
  const made = await make();
  const { user, system } = process.threadCpuUsage(before);
  const ms = performance.now() - start;
  await made[Symbol.asyncDispose]();
  return { ms, cpuMs: (user + system) / 1000 };
}

async function measure(name: string, make: () => Promise<AsyncDisposable>, atMost: number): Promise<void> {
  const costs: Cost[] = [];
  // The first ones are the compiler's.
  for (let round = -3; round < rounds; round++) {
    const each = await cost(make);
    if (round >= 0) costs.push(each);
  }
  report(name, median(costs.map(({ ms }) => ms)), "ms", { atMost });
  report(`${name}.cpu`, median(costs.map(({ cpuMs }) => cpuMs)), "ms CPU");
}

await measure("create-cluster", () => createCluster(), 150);
await using cluster = await createCluster({ nodes: 3 });
await cluster.apply(`
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 30
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: main, image: "example.com/web:1" }] }
`);
await cluster.untilSettled();
await measure("fork", () => cluster.fork(), 20);
