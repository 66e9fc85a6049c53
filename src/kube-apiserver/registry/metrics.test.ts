import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";

import { settle } from "../../client/testing/drain.ts";
import { utf8Encode } from "../../component-base/bytes.ts";
import type { SentHeaders } from "../../component-base/http.ts";
import { TestApiServer } from "../testing/test-cluster.ts";

/** A server with one node and one pod, whose kubelet tells of half a core used by each of two containers. */
async function start() {
  let clock: { now(): number } | undefined;
  const asked: { readonly url: string; readonly headers: SentHeaders }[] = [];
  const api = await TestApiServer.start({
    metricsKubelets: {
      send: async ({ url, headers }) => {
        asked.push({ url, headers });
        const now = clock?.now() ?? 0;
        const container = (name: string): string => {
          const labels = `{container="${name}",namespace="default",pod="web"}`;
          return `container_cpu_usage_seconds_total${labels} ${now / 2000} ${now}\ncontainer_memory_working_set_bytes${labels} 2097152 ${now}\n`;
        };
        const node = `node_cpu_usage_seconds_total ${now / 1000} ${now}\nnode_memory_working_set_bytes 1073741824 ${now}\n`;
        const body = utf8Encode(`${container("a")}${container("b")}${node}`);
        return {
          status: 200,
          headers: {},
          body: (async function* () {
            yield body;
          })(),
        };
      },
    },
  });
  clock = api.clock;
  await api.request("POST", "/api/v1/nodes", { metadata: { name: "n1", labels: { zone: "z" } } });
  await api.request(
    "PATCH",
    "/api/v1/nodes/n1/status",
    { status: { addresses: [{ type: "InternalIP", address: "192.0.2.7" }] } },
    { headers: { "content-type": "application/merge-patch+json" } },
  );
  await api.request("POST", "/api/v1/namespaces/default/serviceaccounts", { metadata: { name: "default" } });
  const containers = ["a", "b"].map((name) => ({ name, image: "i" }));
  await api.request("POST", "/api/v1/namespaces/default/pods", {
    metadata: { name: "web", labels: { app: "web" } },
    spec: { containers },
  });
  /** Lets time pass until the next round is over. Signing a token takes turns nobody can count. */
  const nextRound = async (ms: number): Promise<void> => {
    const before = asked.length;
    api.clock.step(ms);
    for (let i = 0; i < 1_000 && asked.length === before; i++) await setImmediate();
    await settle();
  };
  return { api, asked, nextRound };
}

const group = "/apis/metrics.k8s.io/v1beta1";

test("metrics of nodes and pods: before the first round, without a rate, and with one", async () => {
  const { api, asked, nextRound } = await start();
  await using _ = api;
  const early = await api.request("GET", `${group}/nodes`);
  assert.equal(early.status, 503);
  assert.equal(early.message, "the server is currently unable to handle the request (get nodes.metrics.k8s.io)");
  await nextRound(5_000);
  assert.deepEqual((await api.request("GET", `${group}/nodes`)).json<{ items: unknown[] }>().items, []);
  assert.equal((await api.request("GET", `${group}/nodes/n1`)).message, 'nodemetrics.metrics.k8s.io "n1" not found');
  assert.equal(
    (await api.request("GET", `${group}/namespaces/default/pods/web`)).message,
    'podmetrics.metrics.k8s.io "default/web" not found',
  );
  assert.equal((await api.request("GET", `${group}/namespaces/default/pods/none`)).message, 'pods "none" not found');
  await nextRound(15_000);
  const node = (await api.request("GET", `${group}/nodes/n1`)).json<Record<string, unknown>>();
  assert.deepEqual(node["usage"], { cpu: "1000000000n", memory: "1048576Ki" });
  assert.equal(node["kind"], "NodeMetrics");
  const { items } = (await api.request("GET", `${group}/pods?labelSelector=app%3Dweb`)).json<{
    items: { containers: unknown; window: string }[];
  }>();
  assert.deepEqual(items[0]?.containers, [
    { name: "a", usage: { cpu: "500000000n", memory: "2048Ki" } },
    { name: "b", usage: { cpu: "500000000n", memory: "2048Ki" } },
  ]);
  assert.match(items[0].window, /^\d+s$/);
  assert.deepEqual(
    (await api.request("GET", `${group}/pods?labelSelector=app%3Dother`)).json<{ items: unknown[] }>().items,
    [],
  );
  assert.deepEqual(
    (await api.request("GET", `${group}/pods?fieldSelector=metadata.name%21%3Dweb`)).json<{ items: unknown[] }>().items,
    [],
  );
  assert.equal(asked[0]?.url, "https://192.0.2.7:10250/metrics/resource");
  assert.match(String(asked[0].headers["authorization"]), /^Bearer ey/);
});

test("metrics as a table, in discovery, and for whom", async () => {
  const { api, nextRound } = await start();
  await using _ = api;
  await nextRound(5_000);
  await nextRound(5_000);
  const [row] = await api.table(`${group}/namespaces/default/pods`);
  assert.deepEqual({ ...row, Window: "" }, { Name: "web", cpu: "1", memory: "4Mi", Window: "" });
  const list = (await api.request("GET", group)).json<{ resources: { name: string; verbs: string[] }[] }>();
  assert.deepEqual(
    list.resources.map(({ name, verbs }) => [name, ...verbs]),
    [
      ["nodes", "get", "list"],
      ["pods", "get", "list"],
    ],
  );
  const reader = { commonName: "reader", organizations: [] };
  const path = `${group}/namespaces/default/pods`;
  assert.equal((await api.request("GET", path, undefined, { as: reader })).status, 403);
  await api.request("POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings", {
    metadata: { name: "r" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" },
    subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: "reader" }],
  });
  assert.equal((await api.request("GET", path, undefined, { as: reader })).status, 200);
  assert.equal((await api.request("DELETE", `${path}/web`)).status, 405);
});

test("without a way to kubelets there is no such group", async () => {
  await using api = await TestApiServer.start();
  assert.equal((await api.request("GET", group)).status, 404);
});
