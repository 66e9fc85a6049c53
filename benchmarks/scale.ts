/**
 * How long a large simulated cluster takes to settle, in one process: nodes register, then a Deployment per hundred pods
 * is created and every pod becomes Running. Usage: scale.ts [nodes] [pods]; 1,000 and 10,000 unless given.
 */
import { pods } from "../src/api/resources.gen.ts";
import { createCluster } from "../src/testing/cluster.ts";
import { report } from "./harness/report.ts";

const nodeCount = Number(process.argv[2] ?? 1000);
const podCount = Number(process.argv[3] ?? 10_000);
const podsPerApp = 100;

const started = performance.now();
const say = (what: string): void => {
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const { rss } = process.memoryUsage();
  console.log(`${seconds.padStart(7)} s  ${(rss / 2 ** 20).toFixed(0).padStart(5)} MB  ${what}`);
};

await using cluster = await createCluster({ nodes: nodeCount, freeze: false });
say("API server answers");
await cluster.drain();
say(`${nodeCount} nodes registered`);
for (let app = 0; app * podsPerApp < podCount; app++) {
  await cluster.apply(`
apiVersion: apps/v1
kind: Deployment
metadata: { name: app-${app} }
spec:
  replicas: ${Math.min(podsPerApp, podCount - app * podsPerApp)}
  selector: { matchLabels: { app: app-${app} } }
  template:
    metadata: { labels: { app: app-${app} } }
    spec: { containers: [{ name: main, image: "example.com/web:1", resources: { requests: { cpu: 10m } } }] }
`);
}
say("Deployments created");
const before = process.threadCpuUsage();
let running = 0;
while (running < podCount) {
  const last = running;
  await cluster.step(1000);
  const { items } = await cluster.client.resource(pods, "default").list();
  running = items.filter((pod) => pod.status.phase === "Running").length;
  if (running !== last) say(`${running} of ${podCount} pods Running, ${cluster.clock.monotonic() / 1000} s simulated`);
}
say(`settled at revision ${cluster.revision()}`);
const { user, system } = process.threadCpuUsage(before);
report("scale.cpu", (user + system) / 1000 / podCount, "ms/pod");
report("scale.rss", process.memoryUsage().rss / 2 ** 20, "MB", { atMost: 1024 });
