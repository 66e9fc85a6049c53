import assert from "node:assert/strict";
import { test } from "node:test";
import type { Input } from "../../apimachinery/resource-type.ts";
import type { PodDisruptionBudget, PodDisruptionBudgetSpec } from "../../api/policy/v1/types.gen.ts";
import { events, podDisruptionBudgets, pods, replicaSets } from "../../api/resources.gen.ts";
import { startControllers, type ControllerHarness } from "../../controller-runtime/testing/controller-harness.ts";
import { disruptionController } from "./disruption-controller.ts";

const labels = { app: "web" };

async function start(spec: Input<PodDisruptionBudgetSpec>, replicas = 4): Promise<ControllerHarness> {
  const h = await startControllers([disruptionController], async (client) => {
    const rs = await client.resource(replicaSets, "a").create({ metadata: { name: "web" }, spec: { replicas } });
    const ref = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "web", uid: rs.metadata.uid, controller: true };
    for (let i = 0; i < 3; i++)
      await client.resource(pods, "a").create({
        metadata: { name: `web-${i}`, labels, ownerReferences: [ref] },
        spec: { nodeName: "n" },
        status: { conditions: [{ type: "Ready", status: "True" }] },
      });
  });
  const selector = { matchExpressions: [{ key: "app", operator: "In" as const, values: ["web"] }] };
  await h.client.resource(podDisruptionBudgets, "a").create({ metadata: { name: "b" }, spec: { selector, ...spec } });
  await h.settle();
  return h;
}

const read = (h: ControllerHarness): Promise<PodDisruptionBudget> =>
  h.client.resource(podDisruptionBudgets, "a").get("b");
const counts = async (h: ControllerHarness): Promise<number[]> => {
  const { expectedPods, desiredHealthy, currentHealthy, disruptionsAllowed } = (await read(h)).status;
  return [expectedPods, desiredHealthy, currentHealthy, disruptionsAllowed];
};

test("counts and percentages, by the scale of the pods' controllers", async () => {
  const cases: readonly (readonly [Input<PodDisruptionBudgetSpec>, number[]])[] = [
    [{ minAvailable: 2 }, [3, 2, 3, 1]],
    [{ minAvailable: "30%" }, [4, 2, 3, 1]],
    [{ maxUnavailable: 2 }, [4, 2, 3, 1]],
    [{ maxUnavailable: "50%" }, [4, 2, 3, 1]],
    [{ maxUnavailable: 0 }, [4, 4, 3, 0]],
  ];
  for (const [spec, expected] of cases) {
    await using h = await start(spec);
    assert.deepEqual(await counts(h), expected, JSON.stringify(spec));
    const [condition] = (await read(h)).status.conditions ?? [];
    assert.equal(condition?.reason, expected[3] ? "SufficientPods" : "InsufficientPods");
    h.takeWrites();
    await h.pass(3_600_000);
    assert.deepEqual(h.takeWrites(), []);
  }
});

test("an evicted pod does not count while its deletion is awaited, and does again when it never came", async () => {
  await using h = await start({ minAvailable: 1 });
  const budget = await read(h);
  const at = new Date(h.clock.now()).toISOString();
  const client = h.client.resource(podDisruptionBudgets, "a");
  await client.updateStatus({ ...budget, status: { ...budget.status, disruptedPods: { "web-0": at } } });
  await h.settle();
  assert.deepEqual(await counts(h), [3, 1, 2, 1]);
  await h.pass(119_000);
  assert.deepEqual(await counts(h), [3, 1, 2, 1]);
  await h.pass(2_000);
  assert.deepEqual(await counts(h), [3, 1, 3, 2]);
  assert.equal((await read(h)).status.disruptedPods, undefined);
  await h.client.resource(pods, "a").delete("web-1");
  await h.settle();
  assert.deepEqual(await counts(h), [3, 1, 2, 1]);
});

test("pods of unknown controllers forbid eviction; pods of nobody are told", async () => {
  await using h = await start({ maxUnavailable: 1 });
  await h.client.resource(pods, "a").create({ metadata: { name: "lone", labels }, spec: {} });
  await h.settle();
  const reasons = new Set((await h.client.resource(events).list()).items.map((e) => e.reason));
  assert.ok(reasons.has("UnmanagedPods"));
  await h.client.resource(replicaSets, "a").delete("web");
  await h.client.resource(pods, "a").patch("web-0", "merge", { metadata: { annotations: { a: "b" } } });
  await h.settle();
  const { status } = await read(h);
  assert.deepEqual([status.disruptionsAllowed, status.conditions?.[0]?.reason], [0, "SyncFailed"]);
});

test("a disruption that was announced and did not come is taken back after two minutes", async () => {
  await using h = await start({ minAvailable: 1 });
  const client = h.client.resource(pods, "a");
  const lastTransitionTime = new Date(h.clock.now()).toISOString();
  const conditions = [
    { type: "DisruptionTarget", status: "True", reason: "EvictionByEvictionAPI", lastTransitionTime },
  ];
  await client.patch("web-0", "strategic", { status: { conditions } }, { subresource: "status" });
  await h.pass(119_000);
  const status = async () =>
    (await client.get("web-0")).status.conditions?.find((c) => c.type === "DisruptionTarget")?.status;
  assert.equal(await status(), "True");
  await h.pass(2_000);
  assert.equal(await status(), "False");
});
