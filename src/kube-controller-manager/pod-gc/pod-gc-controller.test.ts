import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "../../api/core/v1/types.gen.ts";
import { nodes, pods } from "../../api/resources.gen.ts";
import { startControllers, type ControllerHarness } from "../../controller-runtime/testing/controller-harness.ts";
import { podGarbageCollectorController } from "./pod-gc-controller.ts";

/** The status patches of pods since the last call, by pod. */
function statusPatches(h: ControllerHarness): Readonly<Record<string, Pod["status"]>> {
  const patches = h.server.requests.flatMap(({ method, path, body }) => {
    const name = method === "PATCH" ? /pods\/([^/]+)\/status/.exec(path)?.[1] : undefined;
    return name ? [[name, (body as { status: Pod["status"] }).status] as const] : [];
  });
  return Object.fromEntries(patches);
}

const podNames = async (h: ControllerHarness): Promise<readonly string[]> =>
  (await h.client.resource(pods, "a").list()).items.map((pod) => pod.metadata.name);

test("pods of a node that stays away are failed and removed; those of a node that returns are kept", async () => {
  await using h = await startControllers([podGarbageCollectorController(2)], async (client) => {
    for (const name of ["stays", "goes", "returns"]) {
      await client.resource(nodes).create({ metadata: { name }, status: {} });
      await client.resource(pods, "a").create({ metadata: { name }, spec: { nodeName: name } });
    }
  });
  await h.client.resource(nodes).delete("goes");
  await h.client.resource(nodes).delete("returns");
  await h.pass(20_000);
  await h.client.resource(nodes).create({ metadata: { name: "returns" }, status: {} });
  await h.pass(60_000);
  assert.deepEqual(await podNames(h), ["stays", "returns"]);
  const { goes, ...others } = statusPatches(h);
  assert.deepEqual(others, {});
  assert.equal(goes?.phase, "Failed");
  const [condition] = goes?.conditions ?? [];
  assert.deepEqual(
    [condition?.type, condition?.reason, condition?.message],
    ["DisruptionTarget", "DeletionByPodGC", "PodGC: node no longer exists"],
  );
});

test("a pod that is deleted before it has a node is failed and removed", async () => {
  await using h = await startControllers([podGarbageCollectorController(2)]);
  const metadata = { name: "p", finalizers: ["example.com/wait"] };
  await h.client.resource(pods, "a").create({ metadata, spec: {}, status: { phase: "Pending" } });
  await h.client.resource(pods, "a").delete("p");
  await h.settle();
  assert.deepEqual(statusPatches(h)["p"]?.phase, "Failed");
  assert.deepEqual(statusPatches(h)["p"]?.conditions, undefined);
});

test("a node that is out of service lets go of the pods that are asked to go", async () => {
  await using h = await startControllers([podGarbageCollectorController(2)], async (client) => {
    const conditions = [{ type: "Ready", status: "Unknown" }];
    await client.resource(nodes).create({ metadata: { name: "n" }, spec: {}, status: { conditions } });
    for (const name of ["goes", "stays"])
      await client.resource(pods, "a").create({ metadata: { name }, spec: { nodeName: "n" }, status: {} });
  });
  await h.client.resource(pods, "a").delete("goes");
  await h.pass(120_000);
  assert.deepEqual(await podNames(h), ["goes", "stays"]);
  const taints = [{ key: "node.kubernetes.io/out-of-service", effect: "NoExecute" }];
  await h.client.resource(nodes).patch("n", "merge", { spec: { taints } });
  await h.settle();
  assert.deepEqual(await podNames(h), ["stays"]);
  assert.equal(statusPatches(h)["goes"]?.phase, "Failed");
});

test("of more ended pods than the limit the evicted go first, then the oldest", async () => {
  await using h = await startControllers([podGarbageCollectorController(2)], async (client) => {
    const resource = client.resource(pods, "a");
    for (const name of ["a", "b", "c", "evicted"]) {
      const reason = name === "evicted" ? { reason: "Evicted" } : {};
      await resource.create({ metadata: { name }, spec: {}, status: { phase: "Failed", ...reason } });
    }
  });
  await h.settle();
  assert.deepEqual(await podNames(h), ["b", "c"]);
});
