import assert from "node:assert/strict";
import { test } from "node:test";

import type { Pod } from "../../src/api/core/v1/types.gen.ts";
import { nodes, pods } from "../../src/api/resources.gen.ts";
import { isNotFound } from "../../src/apimachinery/errors/status-error.ts";
import { createCluster, type TestCluster } from "../../src/testing/cluster.ts";

// A node that hears nothing of the API server for minutes goes on by what it knows, and tells everything afterwards.

const awayMs = 240_000;

const manifest = `apiVersion: v1
kind: Pod
metadata: { name: well }
spec:
  containers: [{ name: main, image: "nginx:1" }]
---
apiVersion: v1
kind: Pod
metadata: { name: unwell }
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: nginx:1
      livenessProbe: { exec: { command: [sh, -c, "exit 1"] }, initialDelaySeconds: 50, periodSeconds: 10, failureThreshold: 1 }
---
apiVersion: v1
kind: Pod
metadata: { name: deleted }
spec:
  terminationGracePeriodSeconds: 5
  containers: [{ name: main, image: "nginx:1" }]
---
apiVersion: v1
kind: Pod
metadata: { name: finishing }
spec:
  restartPolicy: Never
  containers: [{ name: main, image: "busybox:1", command: [sh, -c, "sleep 120; exit 3"] }]
`;

async function podOf(cluster: TestCluster, name: string): Promise<Pod | undefined> {
  try {
    return await cluster.client.resource(pods, "default").get(name);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function restarts(cluster: TestCluster, name: string): Promise<number> {
  return (await podOf(cluster, name))?.status.containerStatuses?.[0]?.restartCount ?? -1;
}

async function isReady(cluster: TestCluster): Promise<string | undefined> {
  const { status } = await cluster.client.resource(nodes).get("node-1");
  return status.conditions?.find((c) => c.type === "Ready")?.status;
}

test("pods are looked after while the API server is away, and what happened is told when it is back", async () => {
  await using cluster = await createCluster();
  await cluster.apply(manifest);
  const isRunning = async (name: string): Promise<boolean> => (await podOf(cluster, name))?.status.phase === "Running";
  for (const name of ["well", "unwell", "deleted", "finishing"]) await cluster.until(() => isRunning(name));
  const uid = (await podOf(cluster, "well"))?.metadata.uid;

  const away = cluster.faults.add({ when: { component: "kubelet/node-1" }, effect: "unreachable" });
  cluster.faults.cutWatches({ component: "kubelet/node-1" });
  await cluster.client.resource(pods, "default").delete("deleted");
  await cluster.step(awayMs / 2);
  assert.equal(await isReady(cluster), "Unknown");
  await cluster.apply(`apiVersion: v1
kind: Pod
metadata: { name: late }
spec: { nodeName: node-1, containers: [{ name: main, image: "nginx:1" }] }
`);
  await cluster.step(awayMs / 2);
  const [machine] = cluster.machines;
  assert.ok(machine);
  // Nobody tells, but the containers are there: the restarted one and those of the pod whose deletion the node has not heard of.
  assert.equal(await restarts(cluster, "unwell"), 0);
  assert.equal((await podOf(cluster, "finishing"))?.status.phase, "Running");
  const known = await machine.runtime.listContainers({ labelSelector: { "io.kubernetes.pod.name": "unwell" } });
  const attempts = Math.max(...known.map((c) => c.metadata.attempt));
  assert.ok(attempts >= 2, String(attempts));
  assert.ok(away.struck > 50, String(away.struck));

  away[Symbol.dispose]();
  await cluster.until(async () => (await isReady(cluster)) === "True", { limitMs: 30_000 });
  await cluster.until(async () => (await restarts(cluster, "unwell")) >= attempts, { limitMs: 30_000 });
  // Who lists and watches tries again every half minute at last.
  await cluster.until(async () => (await podOf(cluster, "deleted")) === undefined, { limitMs: 60_000 });
  await cluster.until(() => isRunning("late"), { limitMs: 30_000 });
  const finished = await podOf(cluster, "finishing");
  assert.deepEqual(
    [finished?.status.phase, finished?.status.containerStatuses?.[0]?.state.terminated?.exitCode],
    ["Failed", 3],
  );
  const well = await podOf(cluster, "well");
  assert.deepEqual([well?.metadata.uid, well?.status.containerStatuses?.[0]?.restartCount], [uid, 0]);
});
