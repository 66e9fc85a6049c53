import assert from "node:assert/strict";
import { test } from "node:test";

import type { TestAnswer } from "../testing/test-cluster.ts";
import { TestApiServer } from "../testing/test-cluster.ts";

// What updates may do to metadata, and which object and state they are made for. The texts are upstream's.

const namespace = "/api/v1/namespaces/default";
const configMap = `${namespace}/configmaps/cm`;
const deployment = "/apis/apps/v1/namespaces/default/deployments/web";
const lease = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
const merge = { "content-type": "application/merge-patch+json" };
const apply = { "content-type": "application/apply-patch+yaml" };

interface Named {
  readonly metadata: Readonly<Record<string, unknown>>;
}

async function start(): Promise<TestApiServer> {
  const server = await TestApiServer.start();
  const template = { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "c", image: "i" }] } };
  const spec = { replicas: 0, selector: { matchLabels: { a: "b" } }, template };
  await server.request("POST", `${namespace}/serviceaccounts`, { metadata: { name: "default" } });
  await server.request("POST", `${namespace}/configmaps`, { metadata: { name: "cm", labels: { a: "b" } } });
  await server.request("POST", "/apis/apps/v1/namespaces/default/deployments", { metadata: { name: "web" }, spec });
  return server;
}

function patch(server: TestApiServer, path: string, body: unknown, headers = merge): Promise<TestAnswer> {
  return server.request("PATCH", path, body, { headers });
}

test("an update cannot mark an object for deletion, nor make it another one", async () => {
  await using server = await start();
  const put = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "cm" } };
  const deletionTimestamp = "2020-01-01T00:00:00Z";
  const cases: readonly (readonly [metadata: object, field: string])[] = [
    [{ deletionTimestamp }, "metadata.deletionTimestamp"],
    [{ deletionGracePeriodSeconds: 5 }, "metadata.deletionGracePeriodSeconds"],
    [{ uid: "other" }, "metadata.uid"],
  ];
  for (const [metadata, field] of cases) {
    const answer = await patch(server, configMap, { metadata });
    assert.equal(answer.status, 422, answer.text);
    assert.match(answer.message, new RegExp(`^ConfigMap "cm" is invalid: ${field}: .*: field is immutable$`));
  }
  const replaced = await server.request("PUT", configMap, { ...put, metadata: { name: "cm", deletionTimestamp } });
  assert.equal(replaced.status, 422, replaced.text);
  const { metadata } = (await server.request("GET", configMap)).json<Named>();
  assert.deepEqual([metadata["deletionTimestamp"], metadata["labels"]], [undefined, { a: "b" }]);
});

test("a PUT with a uid is for that object alone, whether it is there or not", async () => {
  await using server = await start();
  const conflict = (key: string, actual: string): RegExp =>
    new RegExp(`Key: ${key}, .*Precondition failed: UID in precondition: other, UID in object meta: ${actual}$`);
  const of = (path: string, kind: object, query = ""): Promise<TestAnswer> =>
    server.request("PUT", path + query, { ...kind, metadata: { name: path.split("/").at(-1), uid: "other" } });
  const cm = { apiVersion: "v1", kind: "ConfigMap" };
  const stored = await of(configMap, cm);
  assert.equal(stored.status, 409);
  assert.match(stored.message, conflict("/registry/configmaps/default/cm", "[-0-9a-f]{36}"));
  assert.match((await of(configMap, cm, "?dryRun=All")).message, conflict("/configmaps/default/cm", "[-0-9a-f]{36}"));
  const absent = await of(`${lease}/none`, { apiVersion: "coordination.k8s.io/v1", kind: "Lease" });
  assert.match(absent.message, conflict("/registry/leases/default/none", ""));
  assert.equal((await server.request("GET", `${lease}/none`)).status, 404);
});

test("a resourceVersion is a number, and that of the state the update was made for", async () => {
  await using server = await start();
  const applied = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "new", resourceVersion: "7" } };
  const cases: readonly (readonly [answer: TestAnswer, status: number, message: string])[] = [
    [await patch(server, configMap, { metadata: { resourceVersion: "x" } }), 500, 'ParseUint: parsing "x": invalid'],
    [await patch(server, configMap, { metadata: { resourceVersion: "1", uid: "x" } }), 409, "has been modified"],
    [await server.request("GET", `${configMap}?resourceVersion=x`), 500, 'resourceVersion: Invalid value: "x"'],
    [await server.request("GET", `${namespace}/configmaps?resourceVersion=x`), 400, "invalid resource version: "],
    [
      await server.request("POST", `${namespace}/configmaps`, { metadata: { name: "a", resourceVersion: "5" } }),
      500,
      "resourceVersion should not be set",
    ],
  ];
  for (const [answer, status, message] of cases) {
    assert.equal(answer.status, status, answer.text);
    assert.ok(answer.message.includes(message), answer.message);
  }
  const versions = await Promise.all(
    ["0", "x"].map((resourceVersion, i) =>
      server.request("POST", `${namespace}/configmaps`, { metadata: { name: `n${i}`, resourceVersion } }),
    ),
  );
  assert.deepEqual(
    versions.map(({ status }) => status),
    [201, 201],
  );
  assert.equal((await patch(server, `${namespace}/configmaps/new?fieldManager=m`, applied, apply)).status, 201);
});

test("updates of status leave alone what of metadata is not theirs", async () => {
  await using server = await start();
  const metadata = { labels: { x: "y" }, annotations: { x: "y" } };
  const changed = (await patch(server, `${deployment}/status`, { metadata })).json<Named>().metadata;
  assert.deepEqual(changed["labels"], undefined);
  assert.deepEqual(changed["annotations"], { x: "y" });
  const attachment = { attacher: "a.b", nodeName: "n", source: { persistentVolumeName: "pv" } };
  const attachments = "/apis/storage.k8s.io/v1/volumeattachments";
  await server.request("POST", attachments, { metadata: { name: "va" }, spec: attachment });
  const finalizers = ["example.com/x"];
  const status = await patch(server, `${attachments}/va/status`, { metadata: { ...metadata, finalizers } });
  const kept = status.json<Named>().metadata;
  assert.deepEqual([kept["labels"], kept["annotations"], kept["finalizers"]], [undefined, undefined, undefined]);
});

test("a scale is that of the object in the path", async () => {
  await using server = await start();
  const scale = (await server.request("GET", `${deployment}/scale`)).json<Named>();
  const put = (metadata: object): Promise<TestAnswer> =>
    server.request("PUT", `${deployment}/scale`, { ...scale, metadata: { ...scale.metadata, ...metadata } });
  const cases: readonly (readonly [metadata: object, status: number, message: string])[] = [
    [{ name: "other" }, 400, "the name of the object (other) does not match the name on the URL (web)"],
    [{ namespace: "other" }, 400, "the namespace of the provided object does not match"],
    [{ uid: "other" }, 409, "Precondition failed: UID in precondition: other"],
    [{ resourceVersion: "1" }, 409, "the object has been modified"],
    [{ labels: { "a b": "" } }, 422, 'Scale.autoscaling "web" is invalid: metadata.labels: Invalid value: "a b"'],
  ];
  for (const [metadata, status, message] of cases) {
    const answer = await put(metadata);
    assert.equal(answer.status, status, answer.text);
    assert.ok(answer.message.includes(message), answer.message);
  }
  const patched = await patch(server, `${deployment}/scale`, { metadata: { uid: "other" } });
  assert.match(patched.message, /^Operation cannot be fulfilled on deployments\/scale.apps "web": Precondition failed/);
  assert.equal((await put({})).status, 200);
});

test("an object that is created has no resourceVersion, but for a dry run's", async () => {
  await using server = await start();
  const copy = { metadata: { name: "copy", resourceVersion: "7" } };
  const created = await server.request("POST", `${namespace}/configmaps`, copy);
  assert.equal(created.message, "resourceVersion should not be set on objects to be created");
  const tried = await server.request("POST", `${namespace}/configmaps?dryRun=All`, copy);
  assert.equal(tried.status, 201);
  assert.equal(tried.json<Named>().metadata["resourceVersion"], undefined);
});
