/**
 * How many pods a second the scheduler decides on, without an API server: a queue of pods is placed on empty nodes, each
 * decision assumed in the cache before the next. Prints a line per number; nodes and pods can be given as arguments.
 */
import { SystemClock } from "../src/component-base/clock.ts";
import { SeededRandom } from "../src/component-base/random.ts";
import { SchedulerCache } from "../src/kube-scheduler/cache/scheduler-cache.ts";
import { podInfo } from "../src/kube-scheduler/cache/pod-info.ts";
import { Framework } from "../src/kube-scheduler/framework/framework.ts";
import { defaultPlugins } from "../src/kube-scheduler/plugins/registry.ts";
import { scheduleOne } from "../src/kube-scheduler/schedule-one.ts";
import { TestListers } from "../src/kube-scheduler/testing/test-listers.ts";
import { TestCluster } from "../src/kube-scheduler/testing/test-cluster.ts";
import { testNode, testPod, type PodShape } from "../src/kube-scheduler/testing/test-objects.ts";

const nodeCount = Number(process.argv[2] ?? 5_000);
const podCount = Number(process.argv[3] ?? 10_000);
const zones = 3;

const web = { labels: { app: "web" } };
const spread = (topologyKey: string) => ({
  maxSkew: 1,
  topologyKey,
  whenUnsatisfiable: "DoNotSchedule" as const,
  labelSelector: { matchLabels: web.labels },
});

const cases: Readonly<Record<string, PodShape>> = {
  plain: {},
  "of-a-service": { labels: { app: "served" } },
  "spread-zone": { ...web, spread: [spread("topology.kubernetes.io/zone")] },
  "spread-host": { ...web, spread: [spread("kubernetes.io/hostname")] },
  "anti-affinity": {
    ...web,
    affinity: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: web.labels } },
        ],
      },
    },
  },
};

const clock = new SystemClock();

function measure(name: string, shape: PodShape, taints: boolean): void {
  const cache = new SchedulerCache();
  const listers = new TestListers();
  listers.addService({ name: "served", selector: { app: "served" } });
  for (let n = 0; n < nodeCount; n++) {
    const labels = { "kubernetes.io/hostname": `node-${n}`, "topology.kubernetes.io/zone": `zone-${n % zones}` };
    const tainted = taints && n % 10 === 0 ? { taints: [{ key: "dedicated", effect: "NoSchedule" as const }] } : {};
    cache.setNode(testNode(`node-${n}`, { cpu: "32", memory: "128Gi", labels, ...tainted }));
  }
  const random = new SeededRandom(1);
  const framework = new Framework(defaultPlugins(listers.handle({ clock, random })));
  const pods = Array.from({ length: podCount }, (_, n) =>
    podInfo(testPod(`pod-${n}`, { cpu: "100m", memory: "256Mi", ...shape })),
  );
  const limitMs = 20_000;
  const start = performance.now();
  const cpu = process.cpuUsage();
  let done = 0;
  let placed = 0;
  for (const pod of pods) {
    const { nodeName } = scheduleOne(framework, pod, cache.snapshot, random);
    done++;
    if (nodeName !== undefined) {
      cache.assume(pod, nodeName);
      placed++;
    }
    if (performance.now() - start > limitMs) break;
  }
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  console.log(`schedule.${name}.${nodeCount} = ${Math.round(done / seconds)} pods/s (${placed} of ${done} placed)`);
  console.log(`schedule.${name}.${nodeCount}.cpu = ${Math.round((user + system) / done)} us/pod`);
}

/** Every node is full of less important pods: how long until it is decided who has to go. */
function measurePreemption(): void {
  const nodes = Object.fromEntries(Array.from({ length: nodeCount }, (_, n) => [`node-${n}`, { cpu: "4" }]));
  const pods = Array.from({ length: nodeCount * 4 }, (_, n): [string, PodShape] => [
    `low-${n}`,
    { nodeName: `node-${n % nodeCount}`, cpu: "1", priority: n % 7 },
  ]);
  const cluster = new TestCluster(nodes, Object.fromEntries(pods));
  const rounds = 20;
  const start = performance.now();
  for (let i = 0; i < rounds; i++) cluster.preempt({ cpu: "2", priority: 100 });
  console.log(`preempt.${nodeCount} = ${((performance.now() - start) / rounds).toFixed(1)} ms/pod`);
}

for (const [name, shape] of Object.entries(cases)) measure(name, shape, false);
measure("plain-some-tainted", {}, true);
measurePreemption();
