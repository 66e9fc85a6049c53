import assert from "node:assert/strict";
import { test } from "node:test";

import { MetricRegistry } from "../../../component-base/metrics.ts";
import { TestApiServer, type TestAnswer } from "../../testing/test-cluster.ts";

const namespaces = "/api/v1/namespaces";
const label = "pod-security.kubernetes.io";
const container = { name: "c", image: "example.com/c" };

const serve = (): Promise<TestApiServer> =>
  TestApiServer.start({ disabledAdmissionPlugins: ["ServiceAccount"], metrics: new MetricRegistry() });

function warningsOf({ headers }: TestAnswer): readonly string[] {
  return (headers["warning"] ?? "").split(/(?:^|, )299 - /).slice(1);
}

function withLevel(name: string, labels: Readonly<Record<string, string>>): object {
  const own = Object.entries(labels).map(([key, value]) => [`${label}/${key}`, value]);
  return { metadata: { name, labels: Object.fromEntries(own) } };
}

async function namespace(api: TestApiServer, name: string, labels: Readonly<Record<string, string>>): Promise<void> {
  const answer = await api.request("POST", namespaces, withLevel(name, labels));
  assert.equal(answer.status, 201, answer.text);
}

const createPod = (api: TestApiServer, inside: string, name: string, spec: object = {}): Promise<TestAnswer> =>
  api.request("POST", `${namespaces}/${inside}/pods`, {
    metadata: { name },
    spec: { containers: [container], ...spec },
  });

test("a pod beyond the level its namespace enforces is refused, and told all it would have to change", async () => {
  await using api = await serve();
  await namespace(api, "base", { enforce: "baseline" });
  const refused = await createPod(api, "base", "p", { hostPID: true, hostNetwork: true });
  assert.equal(refused.status, 403);
  assert.equal(
    refused.message,
    'pods "p" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true, hostPID=true)',
  );
  assert.equal((await createPod(api, "base", "p")).status, 201);
  await namespace(api, "strict", { enforce: "restricted", "enforce-version": "v1.24" });
  assert.match((await createPod(api, "strict", "p")).message, /violates PodSecurity "restricted:v1.24": allowPriv/);
  assert.equal((await createPod(api, "default", "p", { hostPID: true })).status, 201);
});

test("warnings come beside what is allowed, and for what makes pods", async () => {
  await using api = await serve();
  await namespace(api, "warned", { warn: "baseline" });
  const made = await createPod(api, "warned", "p", { hostIPC: true });
  assert.equal(made.status, 201);
  const text = 'would violate PodSecurity "baseline:latest": host namespaces (hostIPC=true)';
  assert.deepEqual(warningsOf(made), [JSON.stringify(text)]);
  await namespace(api, "enforced", { enforce: "baseline" });
  const labels = { app: "a" };
  const deployment = await api.request("POST", "/apis/apps/v1/namespaces/enforced/deployments", {
    metadata: { name: "d" },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [container], hostIPC: true } },
    },
  });
  assert.equal(deployment.status, 201);
  assert.deepEqual(warningsOf(deployment), [JSON.stringify(text)]);
});

test("labels that name no level or version are refused", async () => {
  await using api = await serve();
  const answer = await api.request("POST", namespaces, withLevel("n", { enforce: "Strict", "warn-version": "1.2" }));
  assert.equal(answer.status, 422);
  assert.equal(
    answer.message,
    'Namespace "n" is invalid: [metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "Strict": must be one of privileged, baseline, restricted, metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: "1.2": must be "latest" or "v1.x"]',
  );
});

test("who makes a namespace stricter is told which of its pods go beyond that", async () => {
  await using api = await serve();
  await namespace(api, "n", {});
  for (const name of ["b", "a"]) await createPod(api, "n", name, { hostPID: true });
  await createPod(api, "n", "c", {
    hostPID: true,
    containers: [{ ...container, ports: [{ containerPort: 1, hostPort: 1 }] }],
  });
  await createPod(api, "n", "fine");
  const patch = (labels: object): Promise<TestAnswer> =>
    api.request(
      "PATCH",
      `${namespaces}/n`,
      { metadata: { labels } },
      { headers: { "content-type": "application/merge-patch+json" } },
    );
  const stricter = await patch({ [`${label}/enforce`]: "baseline" });
  assert.equal(stricter.status, 200);
  assert.deepEqual(warningsOf(stricter), [
    JSON.stringify('existing pods in namespace "n" violate the new PodSecurity enforce level "baseline:latest"'),
    '"a (and 1 other pod): host namespaces"',
    '"c: host namespaces, hostPort"',
  ]);
  assert.deepEqual(warningsOf(await patch({ other: "label" })), []);
  assert.deepEqual(warningsOf(await patch({ [`${label}/enforce`]: "privileged" })), []);
});

test("what a running pod may be changed in is looked at only where it matters", async () => {
  await using api = await serve();
  await namespace(api, "n", {});
  await createPod(api, "n", "p", { hostPID: true });
  const merge = { headers: { "content-type": "application/merge-patch+json" } };
  await api.request("PATCH", `${namespaces}/n`, { metadata: { labels: { [`${label}/enforce`]: "baseline" } } }, merge);
  const pod = `${namespaces}/n/pods/p`;
  assert.equal((await api.request("PATCH", pod, { metadata: { labels: { a: "b" } } }, merge)).status, 200);
  assert.equal((await api.request("PATCH", `${pod}/status`, { status: { phase: "Running" } }, merge)).status, 200);
  const image = { spec: { containers: [{ ...container, image: "example.com/other" }] } };
  assert.equal((await api.request("PATCH", pod, image, merge)).status, 403);
});

test("decisions are counted", async () => {
  const metrics = new MetricRegistry();
  await using api = await TestApiServer.start({ disabledAdmissionPlugins: ["ServiceAccount"], metrics });
  await namespace(api, "n", { enforce: "baseline", "enforce-version": "v1.99" });
  await createPod(api, "n", "p", { hostPID: true });
  assert.match(
    metrics.render(),
    /pod_security_evaluations_total\{decision="deny",policy_level="baseline",policy_version="future",mode="enforce",request_operation="create",resource="pod",subresource=""\} 1\n/,
  );
});
