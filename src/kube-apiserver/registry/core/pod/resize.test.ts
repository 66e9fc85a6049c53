import assert from "node:assert/strict";
import { test } from "node:test";

import type { Container, Pod } from "../../../../api/core/v1/types.gen.ts";
import { TestApiServer } from "../../../testing/test-cluster.ts";

const path = "/api/v1/namespaces/default/pods/web";
const container = {
  name: "c",
  image: "i",
  resources: { requests: { cpu: "100m", memory: "64Mi" }, limits: { cpu: "200m", memory: "64Mi" } },
};

/** A burstable pod, its initial generation known. */
async function start(spec: object = {}): Promise<{ readonly api: TestApiServer; readonly pod: Pod }> {
  const api = await TestApiServer.start();
  await api.request("POST", "/api/v1/namespaces/default/serviceaccounts", { metadata: { name: "default" } });
  const created = await api.request("POST", "/api/v1/namespaces/default/pods", {
    metadata: { name: "web", labels: { app: "web" } },
    spec: { containers: [container], ...spec },
  });
  assert.equal(created.status, 201, created.text);
  return { api, pod: created.json<Pod>() };
}

function withResources(pod: Pod, resources: Container["resources"], more: object = {}): unknown {
  return { ...pod, spec: { ...pod.spec, containers: [{ ...pod.spec.containers[0], resources, ...more }] } };
}

const merge = { headers: { "content-type": "application/strategic-merge-patch+json" } };

test("resize changes CPU and memory and nothing else, and raises the generation", async () => {
  const { api, pod } = await start();
  await using _ = api;
  const requests = { cpu: "150m", memory: "64Mi" };
  const patch = {
    metadata: { labels: { app: "other" } },
    spec: { activeDeadlineSeconds: 5, containers: [{ name: "c", image: "other", resources: { requests } }] },
  };
  const answer = await api.request("PATCH", `${path}/resize`, patch, merge);
  assert.equal(answer.status, 200, answer.text);
  const resized = answer.json<Pod>();
  assert.deepEqual(resized.spec.containers[0]?.resources?.requests, requests);
  assert.equal(resized.spec.containers[0]?.image, "i");
  assert.equal(resized.spec.activeDeadlineSeconds, undefined);
  assert.equal(resized.metadata.generation, (pod.metadata.generation ?? 0) + 1);
  const read = await api.request("GET", `${path}/resize`);
  assert.equal(read.json<Pod>().kind, "Pod");
  const put = await api.request("PUT", `${path}/resize`, withResources(resized, container.resources));
  assert.deepEqual(put.json<Pod>().spec.containers[0]?.resources, container.resources);
  assert.equal((await api.request("PATCH", path, patch, merge)).status, 422);
});

test("what a resize may not do is refused with upstream's reasons", async () => {
  const { api, pod } = await start();
  await using _ = api;
  const { requests, limits } = container.resources;
  const cases: readonly [Container["resources"], RegExp][] = [
    [
      { requests: limits, limits },
      /spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing/,
    ],
    [{ requests }, /spec\.containers\[0\]\.resources\.limits: Forbidden: resource limits cannot be removed/],
    [
      { requests, limits: { ...limits, "ephemeral-storage": "1Gi" } },
      /spec: Forbidden: only cpu and memory resources are mutable/,
    ],
    [{ requests: { cpu: "1", memory: "64Mi" }, limits }, /must be less than or equal to cpu limit/],
  ];
  for (const [resources, message] of cases) {
    const answer = await api.request("PUT", `${path}/resize`, withResources(pod, resources));
    assert.equal(answer.status, 422, answer.text);
    assert.match(answer.message, message);
  }
  const more = { ...pod, spec: { ...pod.spec, containers: [...pod.spec.containers, { ...container, name: "d" }] } };
  assert.match(
    (await api.request("PUT", `${path}/resize`, more)).message,
    /containers may not be added or removed on resize/,
  );
  const renamed = withResources(pod, container.resources, { name: "x" });
  assert.match(
    (await api.request("PUT", `${path}/resize`, renamed)).message,
    /spec\.containers\[0\]\.name: Forbidden: containers may not be renamed or reordered on resize/,
  );
});

test("a quota counts what a resize adds", async () => {
  const { api, pod } = await start();
  await using _ = api;
  const quota = "/api/v1/namespaces/default/resourcequotas";
  await api.request("POST", quota, { metadata: { name: "q" }, spec: { hard: { "requests.cpu": "150m" } } });
  const status = { hard: { "requests.cpu": "150m" }, used: { "requests.cpu": "100m" } };
  await api.request(
    "PATCH",
    `${quota}/q/status`,
    { status },
    { headers: { "content-type": "application/merge-patch+json" } },
  );
  const resources = (cpu: string) => ({ requests: { cpu, memory: "64Mi" }, limits: container.resources.limits });
  const refused = await api.request("PUT", `${path}/resize`, withResources(pod, resources("160m")));
  assert.equal(refused.status, 403, refused.text);
  assert.match(
    refused.message,
    /exceeded quota: q, requested: requests\.cpu=60m, used: requests\.cpu=100m, limited: requests\.cpu=150m/,
  );
  assert.equal((await api.request("PUT", `${path}/resize`, withResources(pod, resources("150m")))).status, 200);
});
