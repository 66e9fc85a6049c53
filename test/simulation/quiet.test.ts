import assert from "node:assert/strict";
import { test } from "node:test";
import { createCluster } from "../../src/testing/cluster.ts";
import { webApp } from "./support/manifests.ts";

const hourMs = 3_600_000;

test("a settled cluster writes nothing but leases, and each node's status every five minutes", async () => {
  await using cluster = await createCluster({ nodes: 3 });
  await cluster.apply(webApp("web", "default", 6));
  await cluster.untilSettled();
  // The nodes report the image they have pulled with their next status.
  await cluster.step(15_000);
  const before = cluster.revision();
  const counts = { leases: 0, nodes: 0 };
  const others: string[] = [];
  {
    using _ = cluster.onWrite(({ key, type }) => {
      if (key.startsWith("/registry/leases/kube-node-lease/")) counts.leases++;
      else if (key.startsWith("/registry/minions/") && type === "put") counts.nodes++;
      // What was told an hour ago is forgotten.
      else if (!(key.startsWith("/registry/events/") && type === "delete")) others.push(`${type} ${key}`);
    });
    await cluster.step(hourMs);
  }
  assert.deepEqual(others, []);
  // A lease every 10 s and a status every 5 min for each node, a little later each time because of the jitter.
  assert.ok(counts.leases > 3 * 340 && counts.leases <= 3 * 361, `${counts.leases} leases`);
  assert.ok(counts.nodes >= 3 * 11 && counts.nodes <= 3 * 13, `${counts.nodes} node statuses`);
  assert.ok(cluster.revision() - before <= counts.leases + counts.nodes + 3 * 60);
});
