import assert from "node:assert/strict";
import { test } from "node:test";
import { deployments, pods, replicaSets } from "../../src/api/resources.gen.ts";
import { randomInt, SeededRandom } from "../../src/component-base/random.ts";
import { createCluster, type TestCluster } from "../../src/testing/cluster.ts";
import { webApp } from "./support/manifests.ts";

const seeds = Number(process.env["SEEDS"] ?? 2);
const nodeCount = 3;
const rounds = 24;
const roundMsMax = 300_000;
// A simulated node has 8 CPUs and a pod asks for half of one.
const podsPerNode = 16;
const appCount = 4;

/** One thing a user, a node or bad luck may do. */
async function disturb(cluster: TestCluster, random: SeededRandom): Promise<void> {
  const apps = cluster.client.resource(deployments, "default");
  const name = `app-${randomInt(random, appCount)}`;
  switch (randomInt(random, 8)) {
    case 0:
    case 1:
      await cluster.apply(webApp(name, "default", randomInt(random, 16), `example.com/web:${randomInt(random, 3)}`));
      return;
    case 2:
      await apps.delete(name, { propagationPolicy: random.next() < 0.5 ? "Background" : "Foreground" });
      return;
    case 3: {
      const { items } = await cluster.client.resource(pods, "default").list();
      const victim = items[randomInt(random, items.length)];
      if (victim) await cluster.client.resource(pods, "default").delete(victim.metadata.name);
      return;
    }
    case 4:
      cluster.faults.cutWatches();
      return;
    case 5:
      cluster.killAndRestart(cluster.components[randomInt(random, cluster.components.length)] ?? "");
      return;
    case 6: {
      const runtime = cluster.machines[randomInt(random, nodeCount)]?.runtime;
      const running = (await runtime?.listContainers({ state: "running" })) ?? [];
      const victim = running[randomInt(random, running.length)];
      if (victim) runtime?.exitContainer(victim.id, 1);
      return;
    }
    default:
      await apps.patch(name, "merge", { spec: { replicas: randomInt(random, 16) } });
  }
}

/** What must hold at every moment. */
async function assertSafe(cluster: TestCluster): Promise<void> {
  const alive = (await cluster.client.resource(pods, "default").list()).items.filter(
    (pod) => pod.status.phase !== "Failed" && pod.status.phase !== "Succeeded",
  );
  const perNode = new Map<string, number>();
  const owners = new Map<string, string>();
  for (const { metadata, spec, status } of alive) {
    if (spec.nodeName) perNode.set(spec.nodeName, (perNode.get(spec.nodeName) ?? 0) + 1);
    if (!status.podIP || metadata.deletionTimestamp) continue;
    assert.equal(owners.get(status.podIP), undefined, `${metadata.name} shares the address ${status.podIP}`);
    owners.set(status.podIP, metadata.name);
  }
  for (const [node, count] of perNode) assert.ok(count <= podsPerNode, `${count} pods on ${node}`);
}

/** What must hold once everything has had its time. */
async function assertConverged(cluster: TestCluster): Promise<void> {
  const { client } = cluster;
  const wanted = new Map<string, number>();
  const apps = (await client.resource(deployments, "default").list()).items;
  for (const { metadata, spec } of apps) wanted.set(metadata.name, spec.replicas ?? 0);
  const sets = (await client.resource(replicaSets, "default").list()).items;
  const all = (await client.resource(pods, "default").list()).items;
  const uids = new Set([...apps, ...sets].map((object) => object.metadata.uid));
  for (const { metadata } of [...sets, ...all]) {
    assert.ok(uids.has(metadata.ownerReferences?.[0]?.uid ?? ""), `${metadata.name} is an orphan`);
    assert.equal(metadata.deletionTimestamp, undefined, `${metadata.name} is still going`);
  }
  const total = [...wanted.values()].reduce((sum, replicas) => sum + replicas, 0);
  const isRoomForAll = total + appCount * 4 <= nodeCount * podsPerNode;
  if (!isRoomForAll) return;
  for (const [name, replicas] of wanted) {
    const own = all.filter((pod) => pod.metadata.labels?.["app"] === name);
    assert.equal(own.length, replicas, `pods of ${name}`);
    for (const pod of own) assert.equal(pod.status.phase, "Running", pod.metadata.name);
  }
}

for (let seed = 1; seed <= seeds; seed++) {
  test(`whatever happens, the cluster is safe throughout and ends as declared: seed ${seed}`, async () => {
    const random = new SeededRandom(seed);
    await using cluster = await createCluster({ nodes: nodeCount, seed });
    await cluster.untilSettled();
    for (const effect of ["conflict", "tooManyRequests", "internalError", "lost", "expired"] as const) {
      cluster.faults.add({ when: { userAgent: "kube", method: "write" }, probability: 0.02, effect });
    }
    for (let round = 0; round < rounds; round++) {
      // What cannot be done, such as scaling what does not exist, is not done.
      await disturb(cluster, random).catch(() => undefined);
      await cluster.step(random.next() < 0.5 ? randomInt(random, 2000) : randomInt(random, roundMsMax));
      await assertSafe(cluster);
    }
    cluster.faults.clear();
    // Back-offs of up to five minutes run out.
    await cluster.step(900_000);
    await cluster.untilSettled();
    await assertSafe(cluster);
    await assertConverged(cluster);
  });
}
