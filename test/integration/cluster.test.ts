import assert from "node:assert/strict";
import { test } from "node:test";
import { deployments, nodes, pods } from "../../src/api/resources.gen.ts";
import { createCluster } from "../../src/testing/cluster.ts";

const web = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 3
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: main, image: "example.com/web:1" }] }
`;

test("a Deployment becomes three running pods, in process, on a stepped clock", async () => {
  await using cluster = await createCluster({ nodes: 2 });
  await cluster.apply(web);
  await cluster.untilSettled();

  const { items } = await cluster.client.resource(pods, "default").list();
  assert.deepEqual(
    items.map((pod) => pod.status.phase),
    ["Running", "Running", "Running"],
  );
  assert.equal(new Set(items.map((pod) => pod.status.podIP)).size, 3);
  assert.deepEqual(new Set(items.map((pod) => pod.spec.nodeName)), new Set(["node-1", "node-2"]));
  const { status } = await cluster.client.resource(deployments, "default").get("web");
  assert.deepEqual([status.availableReplicas, status.updatedReplicas, status.observedGeneration], [3, 3, 1]);
  for (const node of (await cluster.client.resource(nodes).list()).items) {
    assert.equal(node.status.conditions?.find((condition) => condition.type === "Ready")?.status, "True");
  }
});

test("time stands still between steps", async () => {
  await using cluster = await createCluster();
  await cluster.untilSettled();
  const [now, revision] = [cluster.clock.now(), cluster.revision()];
  await cluster.drain();
  assert.deepEqual([cluster.clock.now(), cluster.revision()], [now, revision]);
});
