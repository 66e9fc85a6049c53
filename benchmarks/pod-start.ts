/** How long from creating a Pod until a watch reports it Running, on real containerd: one after another, ten, and 50 at once? */
import { pods } from "../src/api/resources.gen.ts";
import { clusterInWorld, componentPids, connect, followPods } from "./harness/cluster.ts";
import { cpuMs } from "./harness/process-usage.ts";
import { report } from "./harness/report.ts";
import { percentile } from "./harness/statistics.ts";

const image = "k8ts.local/busybox:1";
const count = 10;
const crowd = 50;

const cluster = await clusterInWorld();
if (cluster) {
  await cluster.up();
  try {
    await cluster.loadBusybox(image);
    await using connection = await connect(cluster);
    const { client } = connection;
    const waiting = new Map<string, () => void>();
    const ending = new AbortController();
    const following = followPods(client, ending.signal, ({ metadata, status }) => {
      if (status.phase === "Running") waiting.get(metadata.name)?.();
    });
    const podClient = client.resource(pods, "default");
    const startOne = async (name: string): Promise<number> => {
      const isRunning = new Promise<void>((resolve) => waiting.set(name, resolve));
      const start = performance.now();
      await podClient.create({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name },
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [{ name: "main", image, command: ["sleep", "1000000"] }],
        },
      });
      await isRunning;
      return performance.now() - start;
    };
    await startOne("warm");
    const sequential: number[] = [];
    for (let i = 0; i < count; i++) sequential.push(await startOne(`one-${i}`));
    report("pod-start.p50", percentile(sequential, 0.5), "ms", { atMost: 400 });
    report("pod-start.p95", percentile(sequential, 0.95), "ms");
    const pids = [...(await componentPids(cluster)).values()];
    const ownCpuMs = (): number => pids.reduce((sum, pid) => sum + cpuMs(pid), 0);
    for (const size of [count, crowd]) {
      const cpuBefore = ownCpuMs();
      const atOnce = await Promise.all(Array.from({ length: size }, (_, i) => startOne(`of-${size}-${i}`)));
      report(`pod-start.${size}-at-once.p50`, percentile(atOnce, 0.5), "ms");
      report(`pod-start.${size}-at-once.p95`, percentile(atOnce, 0.95), "ms");
      // The rest of a pod's cost is the runtime's.
      report(`pod-start.${size}-at-once.own-cpu`, (ownCpuMs() - cpuBefore) / size, "ms CPU");
    }
    ending.abort();
    await following;
  } finally {
    await cluster.k8ts("delete");
  }
}
