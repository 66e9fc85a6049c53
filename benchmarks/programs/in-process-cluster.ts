/**
 * One cold start, for cold-start.ts: prints as JSON how many milliseconds after its process began each step was done,
 * and the CPU time of all. A program of its own, because only a fresh process starts cold.
 */
import { enableCompileCache } from "node:module";
import { setImmediate as turn } from "node:timers/promises";

enableCompileCache();
const [{ createCluster }, { SteppingClock }, { SeededRandom }, { deployments, pods }] = await Promise.all([
  import("../../src/cluster/create-cluster.ts"),
  import("../../src/component-base/stepping-clock.ts"),
  import("../../src/component-base/random.ts"),
  import("../../src/api/resources.gen.ts"),
]);
const loaded = performance.now();

const clock = new SteppingClock();
const cluster = await createCluster({ clock, random: new SeededRandom(1) });
const { client } = cluster;
await client.request("GET", "/api/v1/namespaces/default");
const answered = performance.now();

const running = new Set<string>();
const watching = (async (): Promise<number> => {
  for await (const { type, object } of client.resource(pods, "default").watch()) {
    if ((type === "ADDED" || type === "MODIFIED") && object.status.phase === "Running")
      running.add(object.metadata.name);
    if (running.size === 3) return performance.now();
  }
  throw new Error("the watch ended");
})();
await client.resource(deployments, "default").create({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web" },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: "web" } },
    template: {
      metadata: { labels: { app: "web" } },
      spec: { containers: [{ name: "main", image: "example.com/web:1" }] },
    },
  },
});
const created = performance.now();
// Small steps: what is asked for now is mostly done before the next timer fires.
while (running.size < 3) {
  clock.step(5);
  await turn();
}
const allRunning = await watching;
const { user, system } = process.cpuUsage();
const times = { loaded, answered, created, running: allRunning, cpu: (user + system) / 1000 };
console.log(JSON.stringify({ ...times, stepped: clock.monotonic() }));
await cluster[Symbol.asyncDispose]();
