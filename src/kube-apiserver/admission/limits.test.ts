import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod, ResourceQuota } from "../../api/core/v1/types.gen.ts";
import type { TestAnswer } from "../testing/test-cluster.ts";
import { TestApiServer } from "../testing/test-cluster.ts";

const ns = "/api/v1/namespaces/default";

async function start(): Promise<TestApiServer> {
  const api = await TestApiServer.start();
  const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default" } };
  assert.equal((await api.request("POST", `${ns}/serviceaccounts`, account)).status, 201);
  return api;
}

const pod = (name: string, resources: object = {}, more: object = {}): object => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name },
  spec: { containers: [{ name: "c", image: "i", resources }], ...more },
});

async function limit(api: TestApiServer, name: string, ...limits: object[]): Promise<void> {
  const range = { apiVersion: "v1", kind: "LimitRange", metadata: { name }, spec: { limits } };
  const answer = await api.request("POST", `${ns}/limitranges`, range);
  assert.equal(answer.status, 201, answer.text);
  assert.equal(answer.headers["warning"], undefined);
}

/** A quota whose status says that nothing is used, as the controller would. */
async function quota(
  api: TestApiServer,
  name: string,
  spec: { hard: Record<string, string>; scopes?: string[] },
): Promise<void> {
  const created = await api.request("POST", `${ns}/resourcequotas`, {
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name },
    spec,
  });
  assert.equal(created.status, 201, created.text);
  assert.equal(created.headers["warning"], undefined);
  const used = Object.fromEntries(Object.keys(spec.hard).map((key) => [key, "0"]));
  const body = { ...created.json<object>(), status: { hard: spec.hard, used } };
  assert.equal((await api.request("PUT", `${ns}/resourcequotas/${name}/status`, body)).status, 200);
}

async function used(api: TestApiServer, name: string): Promise<unknown> {
  return (await api.request("GET", `${ns}/resourcequotas/${name}`)).json<ResourceQuota>().status.used;
}

function assertRefused(answer: TestAnswer, message: string): void {
  assert.equal(answer.message, message);
  assert.equal(answer.status, 403);
}

test("LimitRanger fills in what containers leave out and notes it", async () => {
  await using api = await start();
  await limit(api, "l", {
    type: "Container",
    default: { cpu: "200m", memory: "1Gi" },
    defaultRequest: { cpu: "100m" },
  });
  const answer = await api.request("POST", `${ns}/pods`, pod("p", { limits: { memory: "2Gi" } }));
  const { metadata, spec } = answer.json<Pod>();
  assert.deepEqual(spec.containers[0]?.resources, {
    limits: { cpu: "200m", memory: "2Gi" },
    // A limit without a request is the request, too, before anything else.
    requests: { cpu: "100m", memory: "2Gi" },
  });
  assert.equal(
    metadata.annotations?.["kubernetes.io/limit-ranger"],
    "LimitRanger plugin set: cpu request for container c; cpu limit for container c",
  );
});

test("LimitRanger refuses with upstream's texts", async () => {
  await using api = await start();
  await limit(
    api,
    "l",
    { type: "Container", min: { cpu: "100m" }, maxLimitRequestRatio: { memory: "2" } },
    { type: "Pod", min: { "ephemeral-storage": "1" }, max: { memory: "1Gi" } },
    { type: "PersistentVolumeClaim", min: { storage: "1Gi" }, max: { storage: "2Gi" } },
  );
  const create = (name: string, requests: object, limits: object): Promise<TestAnswer> =>
    api.request("POST", `${ns}/pods`, pod(name, { requests, limits }));
  const memory = { memory: "512Mi", "ephemeral-storage": "1Gi" };
  assertRefused(
    await create("a", { cpu: "50m", ...memory }, memory),
    'pods "a" is forbidden: minimum cpu usage per Container is 100m, but request is 50m',
  );
  assertRefused(
    await create("b", { memory: "512Mi" }, { memory: "512Mi" }),
    'pods "b" is forbidden: minimum ephemeral-storage usage per Pod is 1.  No request is specified',
  );
  assertRefused(
    await create("c", { cpu: "1", ...memory }, { memory: "2Gi" }),
    'pods "c" is forbidden: [memory max limit to request ratio per Container is 2, but provided ratio is 4.000000, maximum memory usage per Pod is 1Gi, but limit is 2Gi]',
  );
  assertRefused(
    await create("d", { cpu: "1", ...memory }, {}),
    'pods "d" is forbidden: [memory max limit to request ratio per Container is 2, but no limit is specified or limit is 0, maximum memory usage per Pod is 1Gi.  No limit is specified]',
  );
  const claim = (name: string, storage: string): object => ({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage } } },
  });
  const claims = `${ns}/persistentvolumeclaims`;
  assertRefused(
    await api.request("POST", claims, claim("e", "3Gi")),
    'persistentvolumeclaims "e" is forbidden: maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi',
  );
  assertRefused(
    await api.request("POST", claims, claim("f", "1Mi")),
    'persistentvolumeclaims "f" is forbidden: minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi',
  );
});

test("a LimitRange must leave room between its bounds", async () => {
  await using api = await TestApiServer.start();
  const limits = [{ type: "Container", min: { cpu: "2" }, max: { cpu: "1" } }];
  const range = { apiVersion: "v1", kind: "LimitRange", metadata: { name: "l" }, spec: { limits } };
  const answer = await api.request("POST", `${ns}/limitranges`, range);
  assert.equal(answer.status, 422);
  assert.match(
    answer.message,
    /spec\.limits\[0\]\.min\[cpu\]: Invalid value: "2": min value 2 is greater than max value 1/,
  );
});

test("of many concurrent creations as many succeed as the quota allows", async () => {
  await using api = await start();
  await quota(api, "q", { hard: { pods: "2" } });
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => api.request("POST", `${ns}/pods`, pod(`p${i}`))),
  );
  assert.equal(answers.filter(({ status }) => status === 201).length, 2);
  const refused = answers.find(({ status }) => status !== 201);
  assert.match(
    refused?.message ?? "",
    /^pods "p\d+" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2$/,
  );
  assert.deepEqual(await used(api, "q"), { pods: "2" });
});

test("a pod that gets a deadline is charged to the quotas for such pods", async () => {
  await using api = await start();
  await quota(api, "q", { hard: { pods: "1" }, scopes: ["Terminating"] });
  assert.equal((await api.request("POST", `${ns}/pods`, pod("p"))).status, 201);
  assert.deepEqual(await used(api, "q"), { pods: "0" });
  const stored = (await api.request("GET", `${ns}/pods/p`)).json<{ spec: object }>();
  const next = { ...stored, spec: { ...stored.spec, activeDeadlineSeconds: 3600 } };
  assert.equal((await api.request("PUT", `${ns}/pods/p`, next)).status, 200);
  assert.deepEqual(await used(api, "q"), { pods: "1" });
  assertRefused(
    await api.request("POST", `${ns}/pods`, pod("r", {}, { activeDeadlineSeconds: 3600 })),
    'pods "r" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1',
  );
});

test("a quota on cpu and memory makes containers state them; a dry run charges nothing", async () => {
  await using api = await start();
  await quota(api, "q", { hard: { "limits.memory": "1Gi", "requests.cpu": "1", "requests.example.com/gpu": "1" } });
  assertRefused(
    await api.request("POST", `${ns}/pods`, pod("p")),
    'pods "p" is forbidden: failed quota: q: must specify limits.memory for: c; requests.cpu for: c',
  );
  const requests = { cpu: "600m", memory: "512Mi" };
  const gpu = { "example.com/gpu": "1" };
  const body = pod("p", { requests: { ...requests, ...gpu }, limits: { memory: "512Mi", ...gpu } });
  assert.equal((await api.request("POST", `${ns}/pods?dryRun=All`, body)).status, 201);
  assert.deepEqual(await used(api, "q"), {
    "limits.memory": "0",
    "requests.cpu": "0",
    "requests.example.com/gpu": "0",
  });
  assert.equal((await api.request("POST", `${ns}/pods`, body)).status, 201);
  assert.deepEqual(await used(api, "q"), {
    "limits.memory": "512Mi",
    "requests.cpu": "600m",
    "requests.example.com/gpu": "1",
  });
  assertRefused(
    await api.request(
      "POST",
      `${ns}/pods`,
      pod("r", { requests: { ...requests, ...gpu }, limits: { memory: "512Mi", ...gpu } }),
    ),
    'pods "r" is forbidden: exceeded quota: q, requested: requests.cpu=600m,requests.example.com/gpu=1, used: requests.cpu=600m,requests.example.com/gpu=1, limited: requests.cpu=1,requests.example.com/gpu=1',
  );
});

test("scopes choose the pods a quota is about", async () => {
  await using api = await start();
  const spec = { hard: { pods: "0" }, scopes: ["BestEffort"] };
  await quota(api, "best-effort", spec);
  assert.equal((await api.request("POST", `${ns}/pods`, pod("a", { requests: { cpu: "1" } }))).status, 201);
  assertRefused(
    await api.request("POST", `${ns}/pods`, pod("b")),
    'pods "b" is forbidden: exceeded quota: best-effort, requested: pods=1, used: pods=0, limited: pods=0',
  );
});

test("services are charged for node ports by the difference an update makes; any kind can be counted", async () => {
  await using api = await start();
  await quota(api, "q", {
    hard: { services: "2", "services.nodeports": "1", "count/deployments.apps": "0", configmaps: "0" },
  });
  const service = (type: string, ports: number[]): object => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "s" },
    spec: { type, ports: ports.map((port) => ({ name: `p${port}`, port })) },
  });
  assert.equal((await api.request("POST", `${ns}/services`, service("ClusterIP", [1]))).status, 201);
  const change = (type: string, ports: number[]): Promise<TestAnswer> =>
    api.request("PATCH", `${ns}/services/s`, service(type, ports), {
      headers: { "content-type": "application/merge-patch+json" },
    });
  assert.equal((await change("NodePort", [1])).status, 200);
  assertRefused(
    await change("NodePort", [1, 2]),
    'services "s" is forbidden: exceeded quota: q, requested: services.nodeports=1, used: services.nodeports=1, limited: services.nodeports=1',
  );
  const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { generateName: "m-" } };
  assert.match(
    (await api.request("POST", `${ns}/configmaps`, map)).message,
    /exceeded quota: q, requested: configmaps=1, used: configmaps=0, limited: configmaps=0$/,
  );
  const template = { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "c", image: "i" }] } };
  const deployment = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "d" },
    spec: { selector: { matchLabels: { a: "b" } }, template },
  };
  assertRefused(
    await api.request("POST", "/apis/apps/v1/namespaces/default/deployments", deployment),
    'deployments.apps "d" is forbidden: exceeded quota: q, requested: count/deployments.apps=1, used: count/deployments.apps=0, limited: count/deployments.apps=0',
  );
});
