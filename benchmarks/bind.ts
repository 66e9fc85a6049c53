/**
 * How many pods a second the scheduler places through the API: pods wait on an API server in a process of its own, among nodes
 * that nobody runs, and the scheduler in this process starts, sees them and binds them. Usage: bind.ts [nodes] [pods]; 5,000
 * and 10,000 unless given. `scheduler.ts` is the same without an API server.
 */
import { nodes, pods, serviceAccounts } from "../src/api/resources.gen.ts";
import { createApiClient } from "../src/client/rest/rest-client.ts";
import { runScheduler } from "../src/cluster/run-control.ts";
import { SystemClock } from "../src/component-base/clock.ts";
import { createLogger } from "../src/component-base/logger.ts";
import { MetricRegistry } from "../src/component-base/metrics.ts";
import { SeededRandom } from "../src/component-base/random.ts";
import { startApiServer } from "./harness/api-server.ts";
import { cpuMs } from "./harness/process-usage.ts";
import { report } from "./harness/report.ts";

const nodeCount = Number(process.argv[2] ?? 5_000);
const podCount = Number(process.argv[3] ?? 10_000);
const inFlight = 64;

await using server = await startApiServer();
const [clock, random] = [new SystemClock(), new SeededRandom(1)];
const client = createApiClient({ transport: server.connect(), userAgent: "bench", clock, random });

async function times(count: number, make: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await make(next++);
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
}

await client.resource(serviceAccounts, "default").create({ metadata: { name: "default" } });
const nodeClient = client.resource(nodes);
await times(nodeCount, async (n) => {
  const name = `node-${n}`;
  const labels = { "kubernetes.io/hostname": name, "topology.kubernetes.io/zone": `zone-${n % 3}` };
  const created = await nodeClient.create({ metadata: { name, labels }, spec: {} });
  // A new node is tainted until a controller, which does not run here, finds it ready.
  const node = await nodeClient.update({ ...created, spec: {} });
  const resources = { cpu: "32", memory: "128Gi", pods: "110" };
  const conditions = [{ type: "Ready", status: "True", reason: "KubeletReady", message: "" }];
  await nodeClient.updateStatus({ ...node, status: { capacity: resources, allocatable: resources, conditions } });
});
const podClient = client.resource(pods, "default");
await times(podCount, (n) =>
  podClient.create({
    metadata: { name: `pod-${n}`, labels: { app: "web" } },
    spec: {
      containers: [
        { name: "main", image: "example.com/web:1", resources: { requests: { cpu: "100m", memory: "256Mi" } } },
      ],
    },
  }),
);
const { metadata } = await podClient.list({ limit: 1 });
const ending = new AbortController();
const bound = new Set<string>();
const following = (async (): Promise<void> => {
  for await (const event of podClient.watch({ resourceVersion: metadata.resourceVersion ?? "", signal: ending.signal }))
    if (
      event.type === "MODIFIED" &&
      event.object.spec.nodeName &&
      bound.add(event.object.metadata.uid).size === podCount
    )
      return;
})();
const serverBefore = cpuMs(server.pid);
const ownBefore = process.cpuUsage();
const start = performance.now();
const scheduling = runScheduler(
  {
    transportFor: () => server.connect(),
    clock,
    random,
    logger: createLogger(() => {}, "error"),
    metrics: new MetricRegistry(),
  },
  ending.signal,
);
await following;
const seconds = (performance.now() - start) / 1000;
const { user, system } = process.cpuUsage(ownBefore);
report(`bind.${nodeCount}-nodes`, podCount / seconds, "pods/s");
report(`bind.${nodeCount}-nodes.server-cpu`, ((cpuMs(server.pid) - serverBefore) * 1000) / podCount, "µs/pod");
report(`bind.${nodeCount}-nodes.scheduler-cpu`, (user + system) / podCount, "µs/pod");
ending.abort();
await scheduling;
