import assert from "node:assert/strict";
import { test } from "node:test";

import type { Pod } from "../../api/core/v1/types.gen.ts";
import { TestApiServer } from "../testing/test-cluster.ts";

const pods = "/api/v1/namespaces/default/pods";
const zone = "topology.kubernetes.io/zone";
const region = "topology.kubernetes.io/region";

/** An API server with a node in a zone that has two cores and 4 GiB. */
async function serve(): Promise<TestApiServer> {
  const api = await TestApiServer.start({ disabledAdmissionPlugins: ["ServiceAccount"] });
  const node = await api.request("POST", "/api/v1/nodes", {
    metadata: { name: "n", labels: { [zone]: "z", [region]: "r", other: "x", "kubernetes.io/os": "linux" } },
  });
  assert.equal(node.status, 201);
  const allocatable = { cpu: "2", memory: "4Gi" };
  await api.request("PUT", "/api/v1/nodes/n/status", { ...node.json<object>(), status: { allocatable } });
  return api;
}

const pod = (name: string, more: object = {}): object => ({
  metadata: { name, labels: { [zone]: "mine" } },
  spec: { containers: [{ name: "c", image: "i", resources: { requests: { cpu: "1", memory: "1Gi" } } }], ...more },
});

test("a pod learns where its node is when it is bound, whatever it said of that before", async () => {
  await using api = await serve();
  assert.equal((await api.request("POST", pods, pod("p"))).json<Pod>().metadata.labels?.[zone], "mine");
  const binding = { metadata: { name: "p" }, target: { kind: "Node", name: "n" } };
  assert.equal((await api.request("POST", `${pods}/p/binding`, binding)).status, 201);
  const bound = (await api.request("GET", `${pods}/p`)).json<Pod>();
  assert.deepEqual(bound.metadata.labels, { [zone]: "z", [region]: "r" });
  const placed = await api.request("POST", pods, pod("q", { nodeName: "n" }));
  assert.deepEqual(placed.json<Pod>().metadata.labels, { [zone]: "z", [region]: "r" });
});

test("a pod is not resized beyond what its node has", async () => {
  await using api = await serve();
  await api.request("POST", pods, pod("p", { nodeName: "n" }));
  const resize = (requests: object) =>
    api.request(
      "PATCH",
      `${pods}/p/resize`,
      { spec: { containers: [{ name: "c", resources: { requests } }] } },
      { headers: { "content-type": "application/strategic-merge-patch+json" } },
    );
  const refused = await resize({ cpu: "2500m", memory: "5Gi" });
  assert.equal(refused.status, 403);
  assert.equal(
    refused.message,
    'pods "p" is forbidden: node didn\'t have enough allocatable resources: cpu, requested: 2500, allocatable: 2000; memory, requested: 5368709120, allocatable: 4294967296',
  );
  const { details } = refused.json<{ details: { causes: readonly object[] } }>();
  assert.deepEqual(details.causes, [{ reason: "NodeCapacity" }]);
  assert.equal((await resize({ cpu: "1500m" })).status, 200);
});
