import { test } from "node:test";
import { deployments, namespaces } from "../../src/api/resources.gen.ts";
import { createCluster, type TestCluster } from "../../src/testing/cluster.ts";
import { namespaceManifest, webApp } from "./support/manifests.ts";
import { sweep } from "./support/sweep.ts";

/** What every run starts from: two applications that will be deleted, one by itself and one with its namespace. */
async function startingPoint(): Promise<TestCluster> {
  const cluster = await createCluster({ nodes: 2 });
  await cluster.apply(webApp("old", "default", 2) + "---" + namespaceManifest("leaving"));
  await cluster.untilSettled();
  await cluster.apply(webApp("inside", "leaving", 1));
  await cluster.untilSettled();
  return cluster;
}

/** Creates, deletes, rolls and scales. */
async function scenario(cluster: TestCluster): Promise<void> {
  const { client } = cluster;
  await cluster.apply(namespaceManifest("arriving") + webApp("web", "default", 3));
  await client.resource(deployments, "default").delete("old", { propagationPolicy: "Background" });
  await client.resource(namespaces).delete("leaving");
  await cluster.untilSettled();
  const web = client.resource(deployments, "default");
  const containers = [{ name: "main", image: "example.com/web:2" }];
  await web.patch("web", "strategic", { spec: { replicas: 4, template: { spec: { containers } } } });
  await cluster.untilSettled();
}

test("a controller of applications that is killed after any of its writes changes nothing in the end", async (t) => {
  await using start = await startingPoint();
  const controllers = [
    "deployment-controller",
    "replicaset-controller",
    "endpointslice-controller",
    "endpoints-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
  ];
  // All 130 crashes take most of a minute.
  await sweep(t, { start, scenario, controllers, stride: 5 });
});
