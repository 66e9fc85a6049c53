import assert from "node:assert/strict";
import { test } from "node:test";
import type { Node, Pod } from "../../src/api/core/v1/types.gen.ts";
import { leases, nodes, pods } from "../../src/api/resources.gen.ts";
import { createCluster, type TestCluster } from "../../src/testing/cluster.ts";
import { webApp } from "./support/manifests.ts";

// Upstream's --node-monitor-grace-period, and what DefaultTolerationSeconds gives a pod.
const graceMs = 50_000;
const tolerationMs = 300_000;

const nodeOf = (cluster: TestCluster, name: string): Promise<Node> => cluster.client.resource(nodes).get(name);
const podsOn = async (cluster: TestCluster, name: string): Promise<readonly Pod[]> =>
  (await cluster.client.resource(pods, "default").list({ fieldSelector: `spec.nodeName=${name}` })).items;
const readyOf = ({ status }: Node | Pod): string | undefined =>
  status.conditions?.find(({ type }) => type === "Ready")?.status;
const taintsOf = ({ spec }: Node): readonly string[] =>
  (spec.taints ?? []).map(({ key, effect }) => `${key}:${effect}`);

/** When the condition came true, on the cluster's clock. */
async function when(cluster: TestCluster, condition: () => Promise<boolean>): Promise<number> {
  await cluster.until(condition);
  return cluster.clock.now();
}

/** Kills the node's kubelet right after a heartbeat; resolves to when that was. */
async function lose(cluster: TestCluster, name: string): Promise<number> {
  const renewTime = async () =>
    (await cluster.client.resource(leases, "kube-node-lease").get(name)).spec.renewTime ?? "";
  const before = await renewTime();
  const at = await when(cluster, async () => (await renewTime()) !== before);
  await cluster.kill(`kubelet/${name}`);
  return at;
}

test("the pods of a lost node are replaced at upstream's times, and the node that comes back is used again", async () => {
  await using cluster = await createCluster({ nodes: 3 });
  await cluster.apply(webApp("web", "default", 6));
  await cluster.untilSettled();
  const lost = await podsOn(cluster, "node-2");
  assert.equal(lost.length, 2);
  const lastSeenAt = await lose(cluster, "node-2");

  const silentAt = await when(cluster, async () => readyOf(await nodeOf(cluster, "node-2")) === "Unknown");
  assert.equal(silentAt - lastSeenAt, graceMs);
  const conditions = (await nodeOf(cluster, "node-2")).status.conditions?.map(
    ({ type, status, reason, message }) => `${type}=${status} ${reason}: ${message}`,
  );
  assert.deepEqual(
    conditions,
    ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"].map(
      (type) => `${type}=Unknown NodeStatusUnknown: Kubelet stopped posting node status.`,
    ),
  );
  const unreachable = "node.kubernetes.io/unreachable";
  await cluster.drain();
  assert.deepEqual(taintsOf(await nodeOf(cluster, "node-2")), [
    `${unreachable}:NoSchedule`,
    `${unreachable}:NoExecute`,
  ]);
  for (const pod of await podsOn(cluster, "node-2")) assert.equal(readyOf(pod), "False");

  const goingAt = await when(cluster, async () =>
    (await podsOn(cluster, "node-2")).every(({ metadata }) => metadata.deletionTimestamp !== undefined),
  );
  assert.equal(goingAt - silentAt, tolerationMs);
  // Replaced at once, though the old ones cannot end while nobody is there to end them.
  await cluster.untilSettled();
  const serving = (await cluster.client.resource(pods, "default").list()).items.filter(
    (pod) => readyOf(pod) === "True" && !pod.metadata.deletionTimestamp,
  );
  assert.equal(serving.length, 6);
  assert.ok(serving.every(({ spec }) => spec.nodeName !== "node-2"));
  assert.equal((await podsOn(cluster, "node-2")).length, 2);

  cluster.restart("kubelet/node-2");
  await cluster.until(async () => (await podsOn(cluster, "node-2")).length === 0);
  await cluster.untilSettled();
  const back = await nodeOf(cluster, "node-2");
  assert.deepEqual([readyOf(back), taintsOf(back)], ["True", []]);
});

test("a node that is silent for less than its grace period, or back before the pods' time, keeps them", async () => {
  await using cluster = await createCluster({ nodes: 2 });
  await cluster.apply(webApp("web", "default", 4));
  await cluster.untilSettled();
  const before = (await podsOn(cluster, "node-2")).map(({ metadata }) => metadata.uid).sort();
  assert.equal(before.length, 2);
  await lose(cluster, "node-2");
  await cluster.step(graceMs - 1000);
  assert.equal(readyOf(await nodeOf(cluster, "node-2")), "True");
  cluster.restart("kubelet/node-2");
  await cluster.untilSettled();
  await lose(cluster, "node-2");
  await cluster.step(graceMs + tolerationMs - 1000);
  assert.equal(readyOf(await nodeOf(cluster, "node-2")), "Unknown");
  cluster.restart("kubelet/node-2");
  await cluster.step(tolerationMs);
  const after = await podsOn(cluster, "node-2");
  assert.deepEqual(after.map(({ metadata }) => metadata.uid).sort(), before);
  assert.ok(after.every((pod) => readyOf(pod) === "True"));
});

test("lost nodes lose their pods one every ten seconds; in a small zone of which most is lost, no more until it is better", async () => {
  await using cluster = await createCluster({ nodes: 7 });
  await cluster.untilSettled();
  for (let n = 1; n <= 7; n++) {
    const labels = { "topology.kubernetes.io/zone": n <= 2 ? "a" : "b" };
    await cluster.client.resource(nodes).patch(`node-${n}`, "merge", { metadata: { labels } });
  }
  await cluster.untilSettled();
  const tainted = new Map<string, number>();
  const look = async (ms: number): Promise<void> => {
    const end = cluster.clock.now() + ms;
    await cluster.until(async () => {
      for (const node of (await cluster.client.resource(nodes).list()).items) {
        const isTainted = taintsOf(node).includes("node.kubernetes.io/unreachable:NoExecute");
        if (!isTainted) tainted.delete(node.metadata.name);
        else if (!tainted.has(node.metadata.name)) tainted.set(node.metadata.name, cluster.clock.now());
      }
      return cluster.clock.now() >= end;
    });
  };
  for (const name of ["node-1", "node-2"]) await cluster.kill(`kubelet/${name}`);
  await look(120_000);
  // A zone without a node that is up is as any other, as long as another zone is up.
  const [first = 0, second = 0] = [...tainted.values()].sort((a, b) => a - b);
  assert.deepEqual([tainted.size, second - first], [2, 10_000]);
  // Four of five: the first is given up before it is known that most are lost.
  for (const name of ["node-3", "node-4", "node-5", "node-6"]) await cluster.kill(`kubelet/${name}`);
  await look(300_000);
  assert.equal(tainted.size, 3);
  // The two that are left are less than most.
  for (const name of ["node-3", "node-4"]) cluster.restart(`kubelet/${name}`);
  await look(60_000);
  assert.deepEqual([...tainted.keys()].sort(), ["node-1", "node-2", "node-5", "node-6"]);
});
