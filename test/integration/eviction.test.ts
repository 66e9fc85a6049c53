import assert from "node:assert/strict";
import { test } from "node:test";
import type { PodDisruptionBudgetSpec } from "../../src/api/policy/v1/types.gen.ts";
import { podDisruptionBudgets, pods } from "../../src/api/resources.gen.ts";
import { StatusError } from "../../src/apimachinery/errors/status-error.ts";
import type { Input } from "../../src/apimachinery/resource-type.ts";
import { TimeoutError } from "../../src/component-base/clock.ts";
import { createCluster, type TestCluster } from "../../src/testing/cluster.ts";
import { webApp } from "./../simulation/support/manifests.ts";

async function start(replicas: number): Promise<TestCluster> {
  const cluster = await createCluster();
  await cluster.apply(webApp("web", "default", replicas));
  await cluster.untilSettled();
  return cluster;
}

const podsOf = (cluster: TestCluster) => cluster.client.resource(pods, "default");
const names = async (cluster: TestCluster): Promise<string[]> =>
  (await podsOf(cluster).list()).items.filter((p) => !p.metadata.deletionTimestamp).map((p) => p.metadata.name);

async function guard(cluster: TestCluster, spec: Input<PodDisruptionBudgetSpec>, name = "web"): Promise<void> {
  const selector = { matchExpressions: [{ key: "app", operator: "In" as const, values: ["web", "other"] }] };
  await cluster.client
    .resource(podDisruptionBudgets, "default")
    .create({ metadata: { name }, spec: { selector, ...spec } });
  await cluster.untilSettled();
}

/** Undefined when it is evicted; else what the refusal says. Time passes while the client waits to ask again. */
async function evict(cluster: TestCluster, name: string, deleteOptions?: object) {
  const body = { metadata: { name }, ...(deleteOptions ? { deleteOptions } : {}) };
  let isAnswered = false;
  const asked = podsOf(cluster)
    .createSubresource(name, "eviction", body)
    .then(
      () => undefined,
      (error: unknown) => error,
    )
    .finally(() => (isAnswered = true));
  await cluster.until(() => isAnswered);
  const error = await asked;
  if (error === undefined) return undefined;
  if (error instanceof TimeoutError) return ["asked to wait"];
  assert.ok(error instanceof StatusError);
  return [error.code, error.reason, error.message, error.details?.causes?.[0]?.message];
}

const refusal = "Cannot evict pod as it would violate the pod's disruption budget.";

/** Makes the pod's container end for good, so that the pod runs but is not ready. */
async function breakPod(cluster: TestCluster, name: string): Promise<void> {
  const pod = await podsOf(cluster).get(name);
  const conditions = (pod.status.conditions ?? []).map((c) => (c.type === "Ready" ? { ...c, status: "False" } : c));
  await cluster.kill("kubelet/node-1");
  await podsOf(cluster).updateStatus({ ...pod, status: { ...pod.status, conditions } });
  await cluster.step(1000);
}

test("an eviction takes from the budget, which then says that there is nothing left, and tells why the pod goes", async () => {
  await using cluster = await start(3);
  await guard(cluster, { minAvailable: 2 });
  const [first = "", second = ""] = await names(cluster);
  // Nobody ends what is asked to go.
  await cluster.kill("kubelet/node-1");
  assert.equal(await evict(cluster, first), undefined);
  const going = await podsOf(cluster).get(first);
  assert.ok(going.metadata.deletionTimestamp);
  const target = going.status.conditions?.find(({ type }) => type === "DisruptionTarget");
  assert.deepEqual([target?.reason, target?.message], ["EvictionByEvictionAPI", "Eviction API: evicting"]);
  const refused = await evict(cluster, second);
  assert.deepEqual(refused?.slice(0, 3), [429, "TooManyRequests", refusal]);
  assert.match(String(refused?.[3]), /^The disruption budget web /);
  cluster.restart("kubelet/node-1");
  await cluster.untilSettled();
  assert.equal(await evict(cluster, second), undefined);
});

test("a budget that is just met refuses, with its numbers; one that was changed is waited for", async () => {
  await using cluster = await start(2);
  await guard(cluster, { minAvailable: 2 });
  const [name = ""] = await names(cluster);
  const numbers = "The disruption budget web needs 2 healthy pods and has 2 currently";
  assert.deepEqual(await evict(cluster, name), [429, "TooManyRequests", refusal, numbers]);
  await cluster.kill("kube-controller-manager");
  await cluster.client.resource(podDisruptionBudgets, "default").patch("web", "merge", { spec: { minAvailable: 1 } });
  assert.deepEqual(await evict(cluster, name), ["asked to wait"]);
  cluster.restart("kube-controller-manager");
  await cluster.untilSettled();
  assert.equal(await evict(cluster, name), undefined);
});

test("two budgets of one pod are not supported", async () => {
  await using cluster = await start(2);
  await guard(cluster, { minAvailable: 1 });
  await guard(cluster, { minAvailable: 0 }, "more");
  const [name = ""] = await names(cluster);
  const why = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
  assert.deepEqual(await evict(cluster, name), [500, "", why, undefined]);
});

test("a pod that is not ready goes while the budget is met, or always where the policy says so", async () => {
  for (const { replicas, minAvailable, policy, isEvicted } of [
    { replicas: 3, minAvailable: 2, policy: "IfHealthyBudget" as const, isEvicted: true },
    { replicas: 2, minAvailable: 2, policy: "IfHealthyBudget" as const, isEvicted: false },
    { replicas: 2, minAvailable: 2, policy: "AlwaysAllow" as const, isEvicted: true },
  ]) {
    await using cluster = await start(replicas);
    await guard(cluster, { minAvailable, unhealthyPodEvictionPolicy: policy });
    const [name = ""] = await names(cluster);
    await breakPod(cluster, name);
    const before = await cluster.client.resource(podDisruptionBudgets, "default").get("web");
    assert.equal((await evict(cluster, name)) === undefined, isEvicted, policy);
    const after = await cluster.client.resource(podDisruptionBudgets, "default").get("web");
    assert.equal(after.status.disruptionsAllowed, before.status.disruptionsAllowed);
  }
});

test("preconditions hold, the name must be the path's, and a dry run does nothing", async () => {
  await using cluster = await start(1);
  const [name = ""] = await names(cluster);
  const stale = await evict(cluster, name, { preconditions: { resourceVersion: "1" } });
  assert.deepEqual(stale?.slice(0, 2), [409, "Conflict"]);
  const other = await evict(cluster, name, { preconditions: { uid: "other" } });
  assert.deepEqual(other?.slice(0, 2), [409, "Conflict"]);
  await assert.rejects(podsOf(cluster).createSubresource(name, "eviction", { metadata: { name: "else" } }), {
    message: "name in URL does not match name in Eviction object",
  });
  await podsOf(cluster).createSubresource(name, "eviction", { metadata: { name } }, { dryRun: true });
  const { metadata, status } = await podsOf(cluster).get(name);
  assert.equal(metadata.deletionTimestamp, undefined);
  assert.ok(!status.conditions?.some(({ type }) => type === "DisruptionTarget"));
  const { resourceVersion } = metadata;
  assert.equal(await evict(cluster, name, { preconditions: { resourceVersion } }), undefined);
});
