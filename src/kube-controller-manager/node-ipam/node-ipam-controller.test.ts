import assert from "node:assert/strict";
import { test } from "node:test";
import { events, nodes } from "../../api/resources.gen.ts";
import { startControllers } from "../../controller-runtime/testing/controller-harness.ts";
import { CidrSet } from "./cidr-set.ts";
import { nodeIpamController } from "./node-ipam-controller.ts";

test("each node gets its own range; one that is freed is given again", async () => {
  await using h = await startControllers([nodeIpamController("10.244.0.0/22,fd00:10::/56")], async (client) => {
    await client.resource(nodes).create({ metadata: { name: "old" }, spec: { podCIDRs: ["10.244.0.0/24"] } });
  });
  const client = h.client.resource(nodes);
  for (const name of ["n1", "n2", "n3", "n4"]) await client.create({ metadata: { name } });
  await h.settle();
  const cidrs = await Promise.all(["n1", "n2", "n3"].map(async (n) => (await client.get(n)).spec.podCIDRs));
  assert.deepEqual(cidrs, [
    ["10.244.1.0/24", "fd00:10::/64"],
    ["10.244.2.0/24", "fd00:10:0:1::/64"],
    ["10.244.3.0/24", "fd00:10:0:2::/64"],
  ]);
  assert.equal((await client.get("n4")).spec.podCIDR, undefined);
  assert.ok((await h.client.resource(events).list()).items.some((e) => e.reason === "CIDRNotAvailable"));
  await client.delete("n2");
  await h.pass(60_000);
  assert.equal((await client.get("n4")).spec.podCIDR, "10.244.2.0/24");
});

test("a range that cannot be divided is refused", () => {
  assert.throws(() => new CidrSet("10.0.0.0/25"), RangeError);
  assert.equal(new CidrSet("10.9.8.0/24").allocate(), "10.9.8.0/24");
});
