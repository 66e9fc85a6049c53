import assert from "node:assert/strict";
import { test } from "node:test";
import { daemonSets, nodes, pods, statefulSets } from "../../src/api/resources.gen.ts";
import { defaultClusterConfig } from "../../src/cluster/config.ts";
import { clusterControllers } from "../../src/cluster/run-control.ts";
import { createCluster, type TestCluster } from "../../src/testing/cluster.ts";
import { sweep } from "./support/sweep.ts";
import { allWorkloads } from "./support/workloads.ts";

const controllers = [
  "clusterrole-aggregation-controller",
  "cronjob-controller",
  "daemonset-controller",
  "disruption-controller",
  "endpointslice-mirroring-controller",
  "ephemeral-volume-controller",
  "horizontal-pod-autoscaler-controller",
  "job-controller",
  "local-path-provisioner-controller",
  "node-lifecycle-controller",
  "persistentvolume-binder-controller",
  "persistentvolume-protection-controller",
  "persistentvolumeclaim-protection-controller",
  "pod-garbage-collector-controller",
  "replicationcontroller-controller",
  "resourcequota-controller",
  "statefulset-controller",
  "taint-eviction-controller",
  "token-cleaner-controller",
  "ttl-after-finished-controller",
  "validatingadmissionpolicy-status-controller",
];

/** Swept by the test of applications. */
const elsewhere = [
  "deployment-controller",
  "replicaset-controller",
  "endpointslice-controller",
  "endpoints-controller",
  "garbage-collector-controller",
  "namespace-controller",
  "serviceaccount-controller",
  "root-ca-certificate-publisher-controller",
];

/** One of everything; then it rolls, shrinks, and a node is lost and removed. Time passes in the same steps in every run. */
async function scenario(cluster: TestCluster): Promise<void> {
  const { client } = cluster;
  await cluster.apply(allWorkloads);
  await cluster.step(90_000);
  const containers = [{ name: "main", image: "example.com/new:2" }];
  const roll = { spec: { template: { spec: { containers } } } };
  await client.resource(daemonSets, "default").patch("agent", "strategic", roll);
  await client.resource(statefulSets, "default").patch("db", "strategic", { spec: { ...roll.spec, replicas: 1 } });
  await client.resource(pods, "default").delete("scratch");
  await cluster.kill("kubelet/node-2");
  await cluster.step(420_000);
  await client.resource(nodes).delete("node-2");
  await cluster.step(120_000);
  await cluster.untilSettled();
}

test("every controller of a cluster is swept", () => {
  const all = clusterControllers({ config: defaultClusterConfig, rootCa: "", dnsPort: undefined });
  // They write when a node comes and when the cluster does, which is before anything can be forked.
  const atStart = ["node-ipam-controller", "service-cidr-controller", "ttl-controller"];
  // They write about volumes of storage drivers, and simulated nodes run none.
  const ofDrivers = [
    "persistentvolume-attach-detach-controller",
    "persistentvolume-expander-controller",
    "volumeattributesclass-protection-controller",
  ];
  const swept = [...controllers, ...elsewhere, ...atStart, ...ofDrivers];
  assert.deepEqual(all.map(({ name }) => name).sort(), swept.sort());
});

test("a controller of any workload that is killed after any of its writes changes nothing in the end", async (t) => {
  await using start = await createCluster({ nodes: 2 });
  await start.untilSettled();
  await sweep(t, { start, scenario, controllers, stride: 9 });
});
