import assert from "node:assert/strict";
import { test } from "node:test";
import { nodes } from "../../api/resources.gen.ts";
import { startControllers } from "../../controller-runtime/testing/controller-harness.ts";
import { stepFor, ttlController } from "./ttl-controller.ts";

const annotation = "node.alpha.kubernetes.io/ttl";

test("a node is told how long what it reads may be kept, and told again when the cluster has grown", async () => {
  await using h = await startControllers([ttlController], async (client) => {
    await client.resource(nodes).create({ metadata: { name: "n0", annotations: { [annotation]: "77", other: "x" } } });
  });
  const client = h.client.resource(nodes);
  await h.settle();
  assert.deepEqual((await client.get("n0")).metadata.annotations, { [annotation]: "0", other: "x" });
  for (let n = 1; n <= 100; n++) await client.create({ metadata: { name: `n${n}` } });
  await h.settle();
  assert.equal((await client.get("n100")).metadata.annotations?.[annotation], "15");
  await client.patch("n0", "merge", { metadata: { labels: { a: "b" } } });
  await h.settle();
  assert.equal((await client.get("n0")).metadata.annotations?.[annotation], "15");
});

test("a few nodes more or less change nothing", () => {
  const seconds = (count: number, present: number): number => stepFor(count, stepFor(present)).seconds;
  const cases = [
    [100, 1, 0],
    [101, 1, 15],
    [95, 300, 15],
    [89, 300, 0],
    [5000, 1, 300],
    [1900, 5000, 300],
    [1700, 5000, 60],
    [50, 5000, 0],
  ] as const;
  for (const [count, present, expected] of cases) assert.equal(seconds(count, present), expected, `${count}`);
});
