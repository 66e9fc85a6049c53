import assert from "node:assert/strict";
import { test } from "node:test";
import { configMaps, deployments, pods } from "../../src/api/resources.gen.ts";
import {
  isConflict,
  isExpired,
  isInternalError,
  isTooManyRequests,
} from "../../src/apimachinery/errors/status-error.ts";
import { createCluster, type TestCluster } from "../../src/testing/cluster.ts";
import { webApp } from "./support/manifests.ts";

const runningPods = async (cluster: TestCluster): Promise<readonly string[]> =>
  (await cluster.client.resource(pods, "default").list()).items
    .filter((pod) => pod.status.phase === "Running")
    .map((pod) => `${pod.metadata.name} ${pod.status.podIP} ${pod.status.containerStatuses?.[0]?.restartCount}`)
    .sort();

test("a fork starts as the cluster is, goes its own way, and leaves it alone", async () => {
  await using cluster = await createCluster({ nodes: 2 });
  await cluster.apply(webApp("web", "default", 3));
  await cluster.untilSettled();
  const before = await runningPods(cluster);
  await using fork = await cluster.fork();
  await fork.untilSettled();
  assert.deepEqual(await runningPods(fork), before, "the same containers run, none was restarted");
  const revision = cluster.revision();
  await fork.client.resource(deployments, "default").patch("web", "merge", { spec: { replicas: 5 } });
  await fork.untilSettled();
  assert.equal((await runningPods(fork)).length, 5);
  assert.deepEqual(await runningPods(cluster), before);
  assert.equal(cluster.revision(), revision);
});

test("one seed gives one run", async () => {
  const run = async (): Promise<readonly string[]> => {
    await using cluster = await createCluster({ nodes: 2, seed: 7 });
    await cluster.apply(webApp("web", "default", 3));
    await cluster.untilSettled();
    return runningPods(cluster);
  };
  assert.equal((await run()).length, 3);
});

test("faults strike the n-th request that matches", async () => {
  await using cluster = await createCluster({ nodes: 0 });
  const maps = cluster.client.resource(configMaps, "default");
  const when = { component: "client", path: /configmaps/ };
  using fault = cluster.faults.add({ when: { ...when, method: "write" }, nth: 2, effect: "conflict" });
  await maps.create({ metadata: { name: "a" } });
  await assert.rejects(maps.create({ metadata: { name: "b" } }), isConflict);
  await maps.create({ metadata: { name: "b" } });
  assert.deepEqual([fault.matched, fault.struck], [3, 1]);
  cluster.faults.add({ when, nth: 1, effect: "expired" });
  await assert.rejects(maps.list(), isExpired);
  cluster.faults.add({ when, nth: 1, effect: "internalError" });
  await assert.rejects(maps.list(), isInternalError);
  {
    using _ = cluster.faults.add({ when, effect: "tooManyRequests" });
    const refused = assert.rejects(maps.list(), isTooManyRequests);
    // The client asks again, as long as it may.
    await cluster.step(30_000);
    await refused;
  }
  {
    using _ = cluster.faults.add({ when, nth: 1, effect: "lost" });
    await assert.rejects(maps.create({ metadata: { name: "c" } }));
  }
  assert.equal((await maps.get("c")).metadata.name, "c", "the server acted, the answer was lost");
});

test("cut watches are opened again and nothing is missed", async () => {
  await using cluster = await createCluster();
  await cluster.untilSettled();
  assert.ok(cluster.faults.cutWatches() > 10);
  await cluster.apply(webApp("web", "default", 2));
  await cluster.untilSettled();
  assert.equal((await runningPods(cluster)).length, 2);
});

test("a killed kubelet finds its containers running; a scheduler that is away is waited for", async () => {
  await using cluster = await createCluster();
  await cluster.apply(webApp("web", "default", 2));
  await cluster.untilSettled();
  const before = await runningPods(cluster);
  cluster.killAndRestart("kubelet/node-1");
  await cluster.untilSettled();
  assert.deepEqual(await runningPods(cluster), before);
  await cluster.kill("kube-scheduler");
  await cluster.client.resource(deployments, "default").patch("web", "merge", { spec: { replicas: 3 } });
  await cluster.untilSettled();
  assert.equal((await runningPods(cluster)).length, 2);
  cluster.restart("kube-scheduler");
  await cluster.until(async () => (await runningPods(cluster)).length === 3);
});
