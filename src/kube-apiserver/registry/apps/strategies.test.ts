import assert from "node:assert/strict";
import { test } from "node:test";

import { TestApiServer } from "../../testing/test-cluster.ts";

const statefulSets = "/apis/apps/v1/namespaces/default/statefulsets";

function statefulSet(name: string, mounted: string): object {
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name },
    spec: {
      serviceName: "db",
      selector: { matchLabels: { app: "db" } },
      template: {
        metadata: { labels: { app: "db" } },
        spec: { containers: [{ name: "c", image: "i", volumeMounts: [{ name: mounted, mountPath: "/data" }] }] },
      },
      volumeClaimTemplates: [
        {
          metadata: { name: "data" },
          spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
        },
      ],
    },
  };
}

test("a StatefulSet's containers may mount its claim templates, and nothing that is not there", async () => {
  await using api = await TestApiServer.start();
  assert.equal((await api.request("POST", statefulSets, statefulSet("db", "data"))).status, 201);
  const refused = await api.request("POST", statefulSets, statefulSet("other", "elsewhere"));
  assert.equal(refused.status, 422);
  assert.match(refused.message, /volumeMounts\[0\]\.name: Not found: "elsewhere"/);
});

test("a StatefulSet's maxUnavailable is dropped, as where its gate is off", async () => {
  await using api = await TestApiServer.start();
  const plain = statefulSet("db", "data") as { readonly spec: object };
  const rollingUpdate = { partition: 1, maxUnavailable: 2 };
  const spec = { ...plain.spec, updateStrategy: { type: "RollingUpdate", rollingUpdate } };
  const created = await api.request("POST", statefulSets, { ...plain, spec });
  assert.equal(created.status, 201, created.text);
  assert.match(created.text, /"updateStrategy":\{"type":"RollingUpdate","rollingUpdate":\{"partition":1\}\}/);
});
