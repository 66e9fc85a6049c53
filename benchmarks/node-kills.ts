/** Do 30 mixed pods on two nodes feel it when both node processes are killed 100 times? And how long is containerd away when it is killed? */
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

import { leases, pods } from "../src/api/resources.gen.ts";
import type { ApiClient } from "../src/client/rest/api-client.ts";
import { ClusterDirectory } from "../src/cmd/cluster-directory.ts";
import { containerdPaths } from "../src/node/containerd/containerd-process.ts";
import { identities, mixedPods, ReadinessWatch } from "../test/e2e/mixed-pods.ts";
import { eventually } from "../test/e2e/world.ts";
import { clusterInWorld, componentPids, connect } from "./harness/cluster.ts";
import { report } from "./harness/report.ts";

const image = "k8ts.local/busybox:1";
const kills = 100;

const cluster = await clusterInWorld();
if (cluster) {
  await cluster.up("--nodes", "2");
  try {
    await cluster.loadBusybox(image);
    await cluster.apply(mixedPods(image, 3));
    await using connection = await connect(cluster);
    await using watch = await ReadinessWatch.start(connection.client, "mixed=true", 120_000);
    for (let i = 0; i < kills; i++) {
      const pids = await nodePids();
      for (const pid of pids) process.kill(pid, "SIGKILL");
      const killedMs = Date.now();
      await eventually(
        "both run again",
        async () => {
          const now = await nodePids();
          return now.length === 2 && now.every((pid) => !pids.includes(pid));
        },
        60_000,
      );
      // Some get to their work before they die again, some do not: but not all nodes are killed at birth for ever.
      if (i % 2 === 0) await delay(2_000 * Math.random());
      else await eventually("both are heard", () => heardSince(connection.client, killedMs), 60_000);
    }
    report("node-kills.pods", watch.before.length, "pods");
    report("node-kills.kills", kills * 2, "kills");
    report("node-kills.flaps", watch.flaps.length, "events", { atMost: 0 });
    const after = identities(await watch.now());
    const changed = identities(watch.before).filter((line) => !after.includes(line));
    report("node-kills.changed", changed.length, "pods", { atMost: 0 });
    for (const line of [...watch.flaps, ...changed]) console.error(line);

    const directory = new ClusterDirectory(cluster.dataDir);
    const runtime = containerdPaths(directory.node.containerd);
    process.kill(Number(await readFile(runtime.pid, "utf8")), "SIGKILL");
    const startedMs = performance.now();
    await connection.client.resource(pods, "default").create({
      metadata: { name: "after" },
      spec: {
        nodeName: (await directory.readState())?.nodes[0].name ?? "",
        containers: [{ name: "main", image, command: ["sleep", "1000000"] }],
      },
    });
    await eventually(
      "a new pod runs",
      async () => (await connection.client.resource(pods, "default").get("after")).status.phase === "Running",
      60_000,
    );
    report("node-kills.containerd-away", performance.now() - startedMs, "ms", { atMost: 10_000 });
  } finally {
    await cluster.k8ts("delete");
  }
}

/** Whether every node has renewed its lease since. */
async function heardSince(client: ApiClient, sinceMs: number): Promise<boolean> {
  const { items } = await client.resource(leases, "kube-node-lease").list();
  return items.length === 2 && items.every(({ spec }) => Date.parse(spec.renewTime ?? "") > sinceMs);
}

async function nodePids(): Promise<readonly number[]> {
  if (!cluster) return [];
  try {
    const all = await componentPids(cluster);
    return [...all].filter(([name]) => name.startsWith("node")).map(([, pid]) => pid);
  } catch {
    // Between two lives of one of them.
    return [];
  }
}
