import assert from "node:assert/strict";
import { test } from "node:test";
import type { Toleration } from "../../api/core/v1/types.gen.ts";
import { leases, nodes, pods } from "../../api/resources.gen.ts";
import { startControllers, type ControllerHarness } from "../../controller-runtime/testing/controller-harness.ts";
import { nodeLifecycleController } from "../node-lifecycle/node-lifecycle-controller.ts";
import { taintEvictionController } from "./taint-eviction-controller.ts";

const start = (): Promise<ControllerHarness> => startControllers([nodeLifecycleController(), taintEvictionController]);

async function addNode(h: ControllerHarness, name: string): Promise<void> {
  const conditions = [{ type: "Ready", status: "True" }];
  await h.client.resource(nodes).create({ metadata: { name }, status: { conditions } });
  const lease = { metadata: { name }, spec: { renewTime: "0" } };
  await h.client.resource(leases, "kube-node-lease").create(lease);
}

async function addPod(h: ControllerHarness, name: string, nodeName: string, tolerations: readonly Toleration[]) {
  await h.client.resource(pods, "a").create({ metadata: { name }, spec: { nodeName, tolerations }, status: {} });
}

/** Passes time while the kubelets of these nodes renew their leases. */
async function live(h: ControllerHarness, names: readonly string[], seconds: number): Promise<void> {
  for (let i = 0; i < seconds; i += 10) {
    for (const name of names)
      await h.client
        .resource(leases, "kube-node-lease")
        .patch(name, "merge", { spec: { renewTime: String(h.clock.now()) } });
    await h.pass(10_000);
  }
}

const isGoing = async (h: ControllerHarness, name: string): Promise<boolean> =>
  (await h.client.resource(pods, "a").get(name)).metadata.deletionTimestamp !== undefined;
const taintsOf = async (h: ControllerHarness, name: string): Promise<string[]> =>
  ((await h.client.resource(nodes).get(name)).spec.taints ?? []).map((t) => `${t.key.split("/")[1]}:${t.effect}`);

const unreachable = { key: "node.kubernetes.io/unreachable", operator: "Exists", effect: "NoExecute" } as const;

test("a lost node is tainted after 50 s and its pods go when their tolerations end", async () => {
  await using h = await start();
  await addNode(h, "n1");
  await addNode(h, "n2");
  await h.settle();
  await addPod(h, "patient", "n1", [{ ...unreachable, tolerationSeconds: 300 }]);
  await addPod(h, "hasty", "n1", []);
  await addPod(h, "faithful", "n1", [unreachable]);
  await live(h, ["n2"], 40);
  assert.deepEqual(await taintsOf(h, "n1"), []);
  await live(h, ["n2"], 10);
  assert.deepEqual(await taintsOf(h, "n1"), ["unreachable:NoSchedule", "unreachable:NoExecute"]);
  assert.equal(await isGoing(h, "hasty"), true);
  const { status } = await h.client.resource(pods, "a").get("hasty");
  assert.equal(status.conditions?.find((c) => c.type === "DisruptionTarget")?.reason, "DeletionByTaintManager");
  await live(h, ["n2"], 290);
  assert.equal(await isGoing(h, "patient"), false);
  await live(h, ["n2"], 20);
  assert.equal(await isGoing(h, "patient"), true);
  assert.equal(await isGoing(h, "faithful"), false);
});

test("a node that comes back keeps its pods", async () => {
  await using h = await start();
  await addNode(h, "n1");
  await addNode(h, "n2");
  await addPod(h, "patient", "n1", [{ ...unreachable, tolerationSeconds: 300 }]);
  await live(h, ["n2"], 100);
  assert.ok((await taintsOf(h, "n1")).includes("unreachable:NoExecute"));
  const node = await h.client.resource(nodes).get("n1");
  await h.client.resource(nodes).updateStatus({ ...node, status: { conditions: [{ type: "Ready", status: "True" }] } });
  await live(h, ["n1", "n2"], 400);
  assert.deepEqual(await taintsOf(h, "n1"), []);
  assert.equal(await isGoing(h, "patient"), false);
});

test("nodes of a zone are given up one in ten seconds, and none when all are down", async () => {
  await using h = await start();
  for (const name of ["n1", "n2", "n3", "n4", "n5"]) await addNode(h, name);
  await h.settle();
  await live(h, ["n3", "n4", "n5"], 50);
  const tainted = async (): Promise<number> => {
    const all = await Promise.all(["n1", "n2", "n3", "n4", "n5"].map((name) => taintsOf(h, name)));
    return all.filter((taints) => taints.includes("unreachable:NoExecute")).length;
  };
  assert.equal(await tainted(), 1);
  await live(h, ["n3", "n4", "n5"], 10);
  assert.equal(await tainted(), 2);
  await h.pass(70_000);
  assert.equal(await tainted(), 0);
});
