import assert from "node:assert/strict";
import { test } from "node:test";
import { nodes, pods } from "../../api/resources.gen.ts";
import { startControllers } from "../../controller-runtime/testing/controller-harness.ts";
import { podGarbageCollectorController } from "./pod-gc-controller.ts";

test("pods of a node that stays away are failed and removed; those of a node that returns are kept", async () => {
  await using h = await startControllers([podGarbageCollectorController], async (client) => {
    for (const name of ["stays", "goes", "returns"]) {
      await client.resource(nodes).create({ metadata: { name } });
      await client.resource(pods, "a").create({ metadata: { name }, spec: { nodeName: name } });
    }
  });
  await h.client.resource(nodes).delete("goes");
  await h.client.resource(nodes).delete("returns");
  await h.pass(20_000);
  await h.client.resource(nodes).create({ metadata: { name: "returns" } });
  await h.pass(60_000);
  const left = (await h.client.resource(pods, "a").list()).items.map((p) => p.metadata.name);
  assert.deepEqual(left, ["stays", "returns"]);
  assert.ok(h.takeWrites().includes("PATCH /api/v1/namespaces/a/pods/goes/status"));
});
