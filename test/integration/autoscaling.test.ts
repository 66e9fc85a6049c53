import assert from "node:assert/strict";
import { test } from "node:test";

import type { HorizontalPodAutoscaler } from "../../src/api/autoscaling/v2/types.gen.ts";
import { deployments, horizontalPodAutoscalers } from "../../src/api/resources.gen.ts";
import { createCluster, type TestCluster } from "../../src/testing/cluster.ts";

const manifest = `apiVersion: apps/v1
kind: Deployment
metadata: { name: hello }
spec:
  replicas: 1
  selector: { matchLabels: { app: hello } }
  template:
    metadata: { labels: { app: hello } }
    spec:
      containers:
        - { name: main, image: "hello:1", resources: { requests: { cpu: 100m } } }
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: hello }
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: hello }
  minReplicas: 1
  maxReplicas: 5
  metrics:
    - { type: Resource, resource: { name: cpu, target: { type: Utilization, averageUtilization: 50 } } }
`;

async function ready(cluster: TestCluster): Promise<number> {
  return (await cluster.client.resource(deployments, "default").get("hello")).status.readyReplicas ?? 0;
}

async function autoscaler(cluster: TestCluster): Promise<HorizontalPodAutoscaler> {
  return cluster.client.resource(horizontalPodAutoscalers, "default").get("hello");
}

test("an autoscaler follows what pods use, up at once and down when it has been less for five minutes", async () => {
  await using cluster = await createCluster({ nodes: 2 });
  await cluster.apply(manifest);
  // The pods share the load.
  let [milli, count] = [40, 1];
  await cluster.simulateUsage(({ labels }) =>
    labels["app"] === "hello" ? { cpu: `${Math.round(milli / count)}m`, memory: "20Mi" } : undefined,
  );
  const until = async (replicas: number, limitMs: number): Promise<void> => {
    await cluster.until(async () => (count = Math.max(1, await ready(cluster))) === replicas, { limitMs });
  };
  await until(1, 60_000);
  await cluster.until(
    async () => (await autoscaler(cluster)).status?.currentMetrics?.[0]?.resource?.current.averageUtilization === 40,
  );
  await cluster.step(60_000);
  assert.equal(await ready(cluster), 1);

  milli = 200;
  await until(4, 90_000);
  await cluster.step(60_000);
  assert.equal(await ready(cluster), 4);
  const events = JSON.stringify(await cluster.client.request("GET", "/api/v1/namespaces/default/events"));
  assert.match(events, /New size: 4; reason: cpu resource utilization \(percentage of request\) above target/);

  milli = 40;
  await cluster.step(240_000);
  assert.equal(await ready(cluster), 4);
  await until(1, 180_000);
});

test("pods and nodes tell what they use; without metrics the group is not there", async () => {
  await using cluster = await createCluster();
  await cluster.apply(manifest.split("---")[0] ?? "");
  await cluster.simulateUsage(() => ({ cpu: "250m", memory: "64Mi" }));
  await cluster.until(async () => (await ready(cluster)) === 1);
  await cluster.step(60_000);
  const list = (await cluster.client.request("GET", "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods")) as {
    readonly items: readonly { readonly containers: readonly unknown[] }[];
  };
  assert.deepEqual(
    list.items.map(({ containers }) => containers),
    [[{ name: "main", usage: { cpu: "250000000n", memory: "65536Ki" } }]],
  );
  await using without = await createCluster({ metrics: false });
  await assert.rejects(
    without.client.request("GET", "/apis/metrics.k8s.io/v1beta1/nodes"),
    /could not find the requested resource/,
  );
});
