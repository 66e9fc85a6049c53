import assert from "node:assert/strict";
import { test } from "node:test";
import { deployments, events, leases, pods } from "../../src/api/resources.gen.ts";
import { createCluster, type TestCluster } from "../../src/testing/cluster.ts";
import { webApp } from "./support/manifests.ts";

const holderOf = async (cluster: TestCluster, name: string): Promise<string> =>
  (await cluster.client.resource(leases, "kube-system").get(name)).spec.holderIdentity ?? "";

const runningCount = async (cluster: TestCluster): Promise<number> =>
  (await cluster.client.resource(pods, "default").list()).items.filter((pod) => pod.status.phase === "Running").length;

const scale = (cluster: TestCluster, replicas: number) =>
  cluster.client.resource(deployments, "default").patch("web", "merge", { spec: { replicas } });

test("of two controller managers and schedulers one works; when it is killed, the other takes over", async () => {
  await using cluster = await createCluster({ controlReplicas: 2, nodes: 2 });
  await cluster.apply(webApp("web", "default", 2));
  await cluster.untilSettled();
  assert.equal(await runningCount(cluster), 2);
  const components = ["kube-controller-manager", "kube-scheduler"] as const;
  const first = new Map<string, string>();
  for (const name of components) {
    const holder = await holderOf(cluster, name);
    first.set(name, holder);
    await cluster.kill(holder.startsWith("control-2_") ? `${name}-2` : name);
  }
  await scale(cluster, 4);
  // Nobody may take a lease that has not run out: 15 s after its last renewal, at most 2 s before the kill.
  await cluster.step(12_000);
  assert.equal(await runningCount(cluster), 2);
  const killedAt = cluster.clock.monotonic() - 12_000;
  await cluster.until(async () => (await runningCount(cluster)) === 4);
  // The lease, a pause between tries of at most 2 s × 2.2, for each of the two in turn, and the pods' own start.
  assert.ok(cluster.clock.monotonic() - killedAt < 30_000);
  for (const name of components) {
    const lease = await cluster.client.resource(leases, "kube-system").get(name);
    assert.notEqual(lease.spec.holderIdentity, first.get(name));
    assert.equal(lease.spec.leaseTransitions, 1);
    assert.equal(lease.spec.leaseDurationSeconds, 15);
  }
  const told = (await cluster.client.resource(events, "kube-system").list()).items.filter(
    (event) => event.reason === "LeaderElection",
  );
  assert.equal(told.length, 4);
  assert.ok(told.every((event) => event.message?.endsWith(" became leader") && event.involvedObject.kind === "Lease"));
});

test("a killed leader that comes back is another candidate", async () => {
  await using cluster = await createCluster({ controlReplicas: 2 });
  await cluster.apply(webApp("web", "default", 1));
  await cluster.untilSettled();
  const before = await holderOf(cluster, "kube-scheduler");
  cluster.killAndRestart(before.startsWith("control-2_") ? "kube-scheduler-2" : "kube-scheduler");
  await scale(cluster, 3);
  await cluster.until(async () => (await runningCount(cluster)) === 3);
  assert.notEqual(await holderOf(cluster, "kube-scheduler"), before);
});
