import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as k8s from "@kubernetes/client-node";

import { startLoopbackCluster, type LoopbackCluster } from "../support/loopback-cluster.ts";

// The JavaScript client that most programs use, unchanged, over TLS: what it sends and expects is upstream's business, not ours.

let cluster: LoopbackCluster;
const config = new k8s.KubeConfig();
before(async () => {
  cluster = await startLoopbackCluster();
  config.loadFromString(cluster.kubeconfig);
});
after(() => cluster[Symbol.asyncDispose]());

const configMap = (name: string, data: Record<string, string>): k8s.V1ConfigMap => ({ metadata: { name }, data });

test("objects are created, read, replaced, listed by page and selector, and deleted", async () => {
  const core = config.makeApiClient(k8s.CoreV1Api);
  const namespace = "crud";
  await core.createNamespace({ body: { metadata: { name: namespace } } });
  for (const name of ["a", "b", "c"]) {
    const body = { metadata: { name, labels: { odd: String(name !== "b") } }, data: { name } };
    await core.createNamespacedConfigMap({ namespace, body });
  }
  const read = await core.readNamespacedConfigMap({ namespace, name: "a" });
  assert.equal(read.data?.["name"], "a");
  assert.ok(read.metadata?.creationTimestamp instanceof Date);
  const replaced = await core.replaceNamespacedConfigMap({
    namespace,
    name: "a",
    body: { metadata: read.metadata, data: { name: "A" } },
  });
  assert.notEqual(replaced.metadata?.resourceVersion, read.metadata.resourceVersion);
  await assert.rejects(core.replaceNamespacedConfigMap({ namespace, name: "a", body: read }), { code: 409 });

  const labelSelector = "odd=true";
  const first = await core.listNamespacedConfigMap({ namespace, labelSelector, limit: 1 });
  const rest = await core.listNamespacedConfigMap({ namespace, labelSelector, _continue: first.metadata?._continue });
  assert.deepEqual(
    [...first.items, ...rest.items].map((item) => item.metadata?.name),
    ["a", "c"],
  );
  await core.deleteNamespacedConfigMap({ namespace, name: "a" });
  await assert.rejects(core.readNamespacedConfigMap({ namespace, name: "a" }), { code: 404 });
});

test("patches of every kind are taken", async () => {
  const core = config.makeApiClient(k8s.CoreV1Api);
  const apps = config.makeApiClient(k8s.AppsV1Api);
  const namespace = "default";
  await core.createNamespacedConfigMap({ namespace, body: configMap("patched", { a: "1", b: "2" }) });
  const named = { namespace, name: "patched" };
  const as = (type: string) => k8s.setHeaderOptions("Content-Type", type);
  await core.patchNamespacedConfigMap(
    { ...named, body: [{ op: "replace", path: "/data/a", value: "json" }] },
    as(k8s.PatchStrategy.JsonPatch),
  );
  await core.patchNamespacedConfigMap({ ...named, body: { data: { b: null } } }, as(k8s.PatchStrategy.MergePatch));
  await core.patchNamespacedConfigMap(
    { ...named, body: { metadata: { labels: { x: "y" } } } },
    as(k8s.PatchStrategy.StrategicMergePatch),
  );
  const applied = await core.patchNamespacedConfigMap(
    {
      ...named,
      fieldManager: "client-node",
      body: { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "patched" }, data: { c: "3" } },
    },
    as(k8s.PatchStrategy.ServerSideApply),
  );
  assert.deepEqual(applied.data, { a: "json", c: "3" });
  assert.deepEqual(applied.metadata?.labels, { x: "y" });
  assert.ok(applied.metadata?.managedFields?.some((m) => m.manager === "client-node" && m.operation === "Apply"));

  const template = {
    metadata: { labels: { app: "scaled" } },
    spec: { containers: [{ name: "main", image: "example.com/web:1" }] },
  };
  const spec = { replicas: 1, selector: { matchLabels: { app: "scaled" } }, template };
  await apps.createNamespacedDeployment({ namespace, body: { metadata: { name: "scaled" }, spec } });
  const scale = await apps.readNamespacedDeploymentScale({ namespace, name: "scaled" });
  assert.equal(scale.spec?.replicas, 1);
  // Without the version that was read: the Deployment's controller writes meanwhile.
  const unconditional = { metadata: { namespace, name: "scaled" }, spec: { replicas: 3 } };
  await apps.replaceNamespacedDeploymentScale({ namespace, name: "scaled", body: unconditional });
  assert.equal((await apps.readNamespacedDeployment({ namespace, name: "scaled" })).spec?.replicas, 3);
});

test("a watch follows changes from where a list ended", { timeout: 30_000 }, async () => {
  const core = config.makeApiClient(k8s.CoreV1Api);
  const namespace = "default";
  await core.createNamespacedConfigMap({ namespace, body: configMap("before", {}) });
  const { metadata } = await core.listNamespacedConfigMap({ namespace });
  const seen: string[] = [];
  const { promise: complete, resolve, reject } = Promise.withResolvers<void>();
  const request = await new k8s.Watch(config).watch(
    `/api/v1/namespaces/${namespace}/configmaps`,
    { resourceVersion: metadata?.resourceVersion, allowWatchBookmarks: true, labelSelector: "watched" },
    (phase: string, object: k8s.V1ConfigMap) => {
      if (phase !== "BOOKMARK") seen.push(`${phase} ${object.metadata?.name ?? ""}`);
      if (phase === "DELETED") resolve();
    },
    (error: unknown) => reject(error instanceof Error ? error : new Error(String(error))),
  );
  const body = { metadata: { name: "watched", labels: { watched: "" } }, data: {} };
  await core.createNamespacedConfigMap({ namespace, body });
  await core.replaceNamespacedConfigMap({ namespace, name: "watched", body: { ...body, data: { k: "v" } } });
  await core.deleteNamespacedConfigMap({ namespace, name: "watched" });
  await complete;
  request.abort();
  assert.deepEqual(seen, ["ADDED watched", "MODIFIED watched", "DELETED watched"]);
});

test("an informer knows what there is and hears what becomes of it", { timeout: 30_000 }, async () => {
  const core = config.makeApiClient(k8s.CoreV1Api);
  const namespace = "informed";
  await core.createNamespace({ body: { metadata: { name: namespace } } });
  await core.createNamespacedConfigMap({ namespace, body: configMap("there", { n: "1" }) });
  const informer = k8s.makeInformer(config, `/api/v1/namespaces/${namespace}/configmaps`, () =>
    core.listNamespacedConfigMap({ namespace }),
  );
  const heard: string[] = [];
  const { promise: gone, resolve, reject } = Promise.withResolvers<void>();
  const note = (what: string) => (object: k8s.V1ConfigMap) => {
    const name = object.metadata?.name ?? "";
    if (name === "kube-root-ca.crt") return;
    heard.push(`${what} ${name}`);
    if (what === "delete") resolve();
  };
  for (const verb of ["add", "update", "delete"] as const) informer.on(verb, note(verb));
  informer.on("error", reject);
  await informer.start();
  await core.replaceNamespacedConfigMap({ namespace, name: "there", body: configMap("there", { n: "2" }) });
  await core.deleteNamespacedConfigMap({ namespace, name: "there" });
  await gone;
  await informer.stop();
  assert.deepEqual(heard, ["add there", "update there", "delete there"]);
});

test("objects of any kind go by their apiVersion, kinds defined meanwhile included", { timeout: 30_000 }, async () => {
  const objects = k8s.KubernetesObjectApi.makeApiClient(config);
  const schema = {
    type: "object",
    properties: { spec: { type: "object", properties: { size: { type: "integer", _default: 7 } } } },
  };
  await objects.create({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "widgets.example.com" },
    spec: {
      group: "example.com",
      scope: "Namespaced",
      names: { plural: "widgets", kind: "Widget" },
      versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  });
  const extensions = config.makeApiClient(k8s.ApiextensionsV1Api);
  for (;;) {
    const { status } = await extensions.readCustomResourceDefinition({ name: "widgets.example.com" });
    if (status?.conditions?.some((c) => c.type === "Established" && c.status === "True") === true) break;
  }
  const widget = { apiVersion: "example.com/v1", kind: "Widget", metadata: { name: "w", namespace: "default" } };
  const made = await objects.create({ ...widget, spec: {} } as k8s.KubernetesObject);
  assert.deepEqual((made as { spec?: unknown }).spec, { size: 7 });
  const custom = config.makeApiClient(k8s.CustomObjectsApi);
  const { items } = (await custom.listNamespacedCustomObject({
    group: "example.com",
    version: "v1",
    namespace: "default",
    plural: "widgets",
  })) as { items: unknown[] };
  assert.equal(items.length, 1);
});

test("who may do nothing is told so, and what they may not", async () => {
  const jane = new k8s.KubeConfig();
  jane.loadFromString(cluster.kubeconfig);
  jane.setCurrentContext("jane");
  const refused = jane.makeApiClient(k8s.CoreV1Api).listNamespacedPod({ namespace: "default" });
  await assert.rejects(refused, (error: k8s.ApiException<string>) => {
    assert.equal(error.code, 403);
    assert.match(error.body, /pods is forbidden: User \\?"jane\\?" cannot list resource \\?"pods\\?" in API group/);
    return true;
  });
  const auth = jane.makeApiClient(k8s.AuthorizationV1Api);
  const review = await auth.createSelfSubjectAccessReview({
    body: { spec: { resourceAttributes: { verb: "list", resource: "pods" } } },
  });
  assert.equal(review.status?.allowed, false);
});
