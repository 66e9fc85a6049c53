import assert from "node:assert/strict";
import { test } from "node:test";
import { deployments, namespaces } from "../../src/api/resources.gen.ts";
import { createCluster, type TestCluster } from "../../src/testing/cluster.ts";
import { namespaceManifest, webApp } from "./support/manifests.ts";
import { assertSameObjects, normalisedObjects } from "./support/normalise.ts";

// All 130 crashes take most of a minute: SWEEP=all asks for them, else it is one in five.
const stride = process.env["SWEEP"] === "all" ? 1 : 5;

const userAgentOf = (controller: string): string => `kube-controller-manager/${controller}`;

// Each writes in the scenario; a controller that is added to the sources and writes there belongs here.
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

/** What every run starts from: two applications that will be deleted, one by itself and one with its namespace. */
async function startingPoint(): Promise<TestCluster> {
  const cluster = await createCluster({ nodes: 2 });
  await cluster.apply(webApp("old", "default", 2) + "---" + namespaceManifest("leaving"));
  await cluster.untilSettled();
  await cluster.apply(webApp("inside", "leaving", 1));
  await cluster.untilSettled();
  return cluster;
}

/** Creates, deletes, rolls and scales; every controller of the list has to write for it. */
async function scenario(cluster: TestCluster): Promise<readonly string[]> {
  const { client } = cluster;
  await cluster.apply(namespaceManifest("arriving") + webApp("web", "default", 3));
  await client.resource(deployments, "default").delete("old", { propagationPolicy: "Background" });
  await client.resource(namespaces).delete("leaving");
  await cluster.untilSettled();
  const web = client.resource(deployments, "default");
  const containers = [{ name: "main", image: "example.com/web:2" }];
  await web.patch("web", "strategic", { spec: { replicas: 4, template: { spec: { containers } } } });
  await cluster.untilSettled();
  return normalisedObjects(cluster);
}

test("a controller that is killed after any of its writes changes nothing in the end", async (t) => {
  await using start = await startingPoint();
  const writes = new Map<string, number>();
  let expected: readonly string[];
  {
    await using undisturbed = await start.fork();
    // The 0th request never comes: these faults only count.
    const counters = controllers.map((controller) => ({
      controller,
      fault: undisturbed.faults.add({
        when: { userAgent: userAgentOf(controller), method: "write", path: /^(?!.*\/events)/ },
        nth: 0,
        effect: "crash",
      }),
    }));
    expected = await scenario(undisturbed);
    for (const { controller, fault } of counters) writes.set(controller, fault.matched);
  }
  for (const [controller, count] of writes) {
    assert.ok(count > 0, `${controller} has nothing to write in the scenario`);
    await t.test(`${controller}, ${count} writes`, async () => {
      for (let nth = 1; nth <= count; nth += stride) {
        await using cluster = await start.fork();
        const fault = cluster.faults.add({
          when: { userAgent: userAgentOf(controller), method: "write", path: /^(?!.*\/events)/ },
          nth,
          effect: "crash",
        });
        const ended = await scenario(cluster);
        // Which writes there are can differ a little between runs: a conflict costs one more.
        assert.ok(fault.struck === 1 || nth > count - 2, `write ${nth} of ${count} never came`);
        assertSameObjects(ended, expected, `killed after write ${nth}`);
      }
    });
  }
});
