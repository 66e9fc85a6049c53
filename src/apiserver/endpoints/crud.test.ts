import assert from "node:assert/strict";
import { test } from "node:test";
import { builtinScheme } from "../../api/scheme.ts";
import { TestServer } from "../testing/test-server.ts";
import type { Json } from "../testing/test-server.ts";

const scheme = builtinScheme();
const configMaps = "/api/v1/namespaces/default/configmaps";
const deployments = "/apis/apps/v1/namespaces/default/deployments";

function configMap(name: string, more: object = {}): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, ...more };
}

function deployment(name: string): object {
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "c", image: "i" }] } },
    },
  };
}

test("create, get, list, update, delete of one object", async () => {
  await using server = await TestServer.start({ scheme });
  const created = await server.request("POST", configMaps, configMap("a", { data: { k: "v" } }));
  assert.equal(created.status, 201);
  const object = created.json as Json;
  assert.equal(object.metadata?.namespace, "default");
  assert.match(String(object.metadata?.uid), /^[0-9a-f-]{36}$/);
  assert.equal(object.metadata?.creationTimestamp, "2026-01-01T00:00:00Z");
  assert.equal((await server.request("GET", `${configMaps}/a`)).text, created.text);
  const list = (await server.request("GET", configMaps)).json as Json;
  assert.equal(list.kind, "ConfigMapList");
  assert.equal(list.items?.length, 1);
  assert.equal(list.items?.[0]?.kind, undefined);
  assert.equal(list.metadata?.resourceVersion, object.metadata?.resourceVersion);
  const updated = await server.request("PUT", `${configMaps}/a`, configMap("a", { data: { k: "w" } }));
  assert.equal(updated.status, 200);
  assert.equal((updated.json as Json).metadata?.uid, object.metadata?.uid);
  const deleted = await server.request("DELETE", `${configMaps}/a`);
  assert.equal(deleted.status, 200);
  assert.deepEqual((deleted.json as Json).details, { name: "a", kind: "configmaps", uid: object.metadata?.uid });
  const missing = await server.request("GET", `${configMaps}/a`);
  assert.equal(missing.status, 404);
  assert.equal((missing.json as Json).message, 'configmaps "a" not found');
});

type Refusal = [method: string, path: string, body: unknown, status: number, message: string];

// In upstream's words for what is in none of a built-in group's paths, or not for this method.
const noSuchResource = "the server could not find the requested resource";
const notAllowed = "the server does not allow this method on the requested resource";
const unknownPaths = [
  "/api/v1/nope",
  "/api/v2/configmaps",
  "/api/v1/namespaces/default/configmaps/a/scale",
  "/api/v1/configmaps/a",
];

test("refusals carry upstream's codes and texts and change nothing", async () => {
  await using server = await TestServer.start({ scheme });
  await server.request("POST", configMaps, configMap("a", { data: { k: "v" } }));
  const before = (await server.request("GET", `${configMaps}/a`)).text;
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  const cases: Refusal[] = [
    ["POST", configMaps, configMap("a"), 409, 'configmaps "a" already exists'],
    [
      "POST",
      configMaps,
      configMap("Caps"),
      422,
      `ConfigMap "Caps" is invalid: metadata.name: Invalid value: "Caps": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
    ],
    [
      "POST",
      configMaps,
      configMap("b", { metadata: { name: "b", namespace: "other" } }),
      400,
      "the namespace of the provided object does not match the namespace sent on the request",
    ],
    [
      "PUT",
      `${configMaps}/a`,
      configMap("b"),
      400,
      "the name of the object (b) does not match the name on the URL (a)",
    ],
    [
      "PUT",
      `${configMaps}/a`,
      configMap("a", { metadata: { name: "a", resourceVersion: "1" } }),
      409,
      'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
    ],
    [
      "PUT",
      `${configMaps}/a`,
      configMap("a", { metadata: { name: "a", uid: "x" } }),
      409,
      "Precondition failed: UID in precondition: x, UID in object meta: ",
    ],
    [
      "POST",
      `${configMaps}?fieldValidation=Strict`,
      configMap("b", { foo: 1 }),
      400,
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "foo"',
    ],
    [
      "POST",
      `${configMaps}?fieldValidation=Strict`,
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b"},"data":{"a":"1","a":"2"}}',
      400,
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: duplicate field "data.a"',
    ],
    ["POST", configMaps, deep, 400, "exceeded max depth"],
    ["POST", configMaps, `"${"x".repeat(4 << 20)}"`, 413, "Request entity too large: limit is 3145728"],
    ...unknownPaths.map((path): Refusal => ["GET", path, undefined, 404, noSuchResource]),
    ["POST", "/api/v1/configmaps", configMap("b"), 405, notAllowed],
    ["POST", `${configMaps}/a`, configMap("b"), 405, notAllowed],
    ["PUT", configMaps, configMap("b"), 405, notAllowed],
    ["DELETE", "/api/v1/configmaps", undefined, 405, notAllowed],
    ["DELETE", `${configMaps}/b`, undefined, 404, 'configmaps "b" not found'],
    ["GET", `${configMaps}?fieldSelector=spec.x%3D1`, undefined, 400, '"spec.x" is not a known field selector'],
  ];
  for (const [method, path, body, status, message] of cases) {
    const response = await server.request(method, path, body);
    assert.equal(response.status, status, `${method} ${path}: ${response.text.slice(0, 300)}`);
    assert.ok(String((response.json as Json).message).includes(message), String((response.json as Json).message));
  }
  for (const path of ["/api/v1/namespaces/default/configmaps/%2e%2e", "/api/v1/namespaces/default/configmaps/a%2Fb"])
    assert.equal((await server.request("GET", path)).status, 400);
  assert.equal((await server.request("GET", "/apis/nope/v1/things")).text, "404 page not found\n");
  assert.equal((await server.request("GET", `${configMaps}/a`)).text, before);
});

test("__proto__ is data", async () => {
  await using server = await TestServer.start({ scheme });
  const body = '{"metadata":{"name":"a","labels":{"constructor":"x"}},"data":{"__proto__":"v","constructor":"w"}}';
  const created = await server.request("POST", configMaps, body);
  assert.equal(created.status, 201);
  assert.ok(created.text.includes('"__proto__":"v"'), created.text);
  assert.ok((await server.request("GET", `${configMaps}/a`)).text.includes('"__proto__":"v"'));
});

test("unknown fields are warned about by default", async () => {
  await using server = await TestServer.start({ scheme });
  const response = await server.request("POST", configMaps, configMap("a", { foo: 1 }));
  assert.equal(response.status, 201);
  assert.equal(response.headers.warning, '299 - "unknown field \\"foo\\""');
});

test("unknown and duplicate fields are told in the order of the text", async () => {
  await using server = await TestServer.start({ scheme });
  const text =
    '{"metadata":{"name":"a","name":"b","x":1},"data":{"k":"v","k":"w"},"y":{"y":1,"y":2},"data":{"k":"v"},"immutable":true,"z":1,"immutable":false}';
  const answer = await server.request("POST", `${configMaps}?fieldValidation=Strict`, text, {
    "content-type": "application/json",
  });
  assert.equal(
    (answer.json as Json).message?.toString(),
    'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: ' +
      [
        'duplicate field "metadata.name"',
        'unknown field "metadata.x"',
        'duplicate field "data.k"',
        'unknown field "y"',
        'duplicate field "data"',
        'unknown field "z"',
        'duplicate field "immutable"',
      ].join(", "),
  );
});

test("generateName makes names until one is free", async () => {
  await using server = await TestServer.start({ scheme });
  const names = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const { json } = await server.request("POST", configMaps, { metadata: { generateName: "a-" } });
    names.add(String((json as Json).metadata?.name));
  }
  assert.equal(names.size, 20);
  for (const name of names) assert.match(name, /^a-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
});

test("an update that changes nothing keeps the resourceVersion", async () => {
  await using server = await TestServer.start({ scheme });
  const first = await server.request("POST", deployments, deployment("web"));
  assert.equal(first.status, 201, first.text);
  const again = await server.request("PUT", `${deployments}/web`, deployment("web"));
  assert.equal(again.text, first.text);
  const patched = await server.request("PATCH", `${deployments}/web`, "{}", {
    "content-type": "application/merge-patch+json",
  });
  assert.equal(patched.text, first.text);
});

test("generation follows spec; spec and status are written apart", async () => {
  await using server = await TestServer.start({ scheme });
  const get = async (): Promise<Json> => (await server.request("GET", `${deployments}/web`)).json as Json;
  const patch = async (path: string, body: object): Promise<number> =>
    (await server.request("PATCH", path, body, { "content-type": "application/merge-patch+json" })).status;
  await server.request("POST", deployments, { ...deployment("web"), status: { replicas: 7 } });
  assert.equal((await get()).metadata?.generation, 1);
  assert.equal((await get()).status?.replicas, undefined);
  assert.equal(await patch(`${deployments}/web`, { spec: { replicas: 3 }, metadata: { generation: 40 } }), 200);
  assert.equal((await get()).metadata?.generation, 2);
  assert.equal(await patch(`${deployments}/web`, { metadata: { labels: { a: "b" } }, status: { replicas: 9 } }), 200);
  assert.equal((await get()).metadata?.generation, 2);
  assert.equal((await get()).status?.replicas, undefined);
  assert.equal(await patch(`${deployments}/web/status`, { spec: { replicas: 9 }, status: { replicas: 3 } }), 200);
  assert.equal((await get()).spec?.replicas, 3);
  assert.equal((await get()).status?.replicas, 3);
  assert.equal((await get()).metadata?.generation, 2);
});

test("scale reads and writes replicas", async () => {
  await using server = await TestServer.start({ scheme });
  await server.request("POST", deployments, deployment("web"));
  const scale = (await server.request("GET", `${deployments}/web/scale`)).json as Json;
  assert.equal(scale.kind, "Scale");
  assert.equal(scale.spec?.replicas, 1);
  assert.equal(scale.status?.selector, "app=web");
  const put = await server.request("PUT", `${deployments}/web/scale`, { ...scale, spec: { replicas: 10 } });
  assert.equal(put.status, 200, put.text);
  const now = (await server.request("GET", `${deployments}/web`)).json as Json;
  assert.equal(now.spec?.replicas, 10);
  assert.equal(now.metadata?.generation, 2);
  const negative = await server.request("PATCH", `${deployments}/web/scale`, '{"spec":{"replicas":-1}}', {
    "content-type": "application/merge-patch+json",
  });
  assert.equal(negative.status, 422);
  const stale = await server.request("PUT", `${deployments}/web/scale`, { ...scale, spec: { replicas: 5 } });
  assert.equal(stale.status, 409);
});

test("concurrent patches all land", async () => {
  await using server = await TestServer.start({ scheme });
  await server.request("POST", configMaps, configMap("a"));
  const statuses = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      server.request(
        "PATCH",
        `${configMaps}/a`,
        { data: { [`k${i}`]: "v" } },
        { "content-type": "application/merge-patch+json" },
      ),
    ),
  );
  assert.deepEqual([...new Set(statuses.map((r) => r.status))], [200]);
  const object = (await server.request("GET", `${configMaps}/a`)).json as Json;
  assert.equal(Object.keys(object.data ?? {}).length, 20);
});

test("dry run answers as the write would and stores nothing", async () => {
  await using server = await TestServer.start({ scheme });
  const created = await server.request("POST", `${configMaps}?dryRun=All`, configMap("a"));
  assert.equal(created.status, 201);
  assert.equal((await server.request("GET", `${configMaps}/a`)).status, 404);
  await server.request("POST", configMaps, configMap("a"));
  assert.equal((await server.request("POST", `${configMaps}?dryRun=All`, configMap("a"))).status, 409);
  const updated = await server.request("PUT", `${configMaps}/a?dryRun=All`, configMap("a", { data: { k: "v" } }));
  assert.equal((updated.json as Json).data?.k, "v");
  assert.equal(((await server.request("GET", `${configMaps}/a`)).json as Json).data, undefined);
  assert.equal((await server.request("DELETE", `${configMaps}/a?dryRun=All`)).status, 200);
  assert.equal((await server.request("GET", `${configMaps}/a`)).status, 200);
});

test("views: table, metadata, pretty; what cannot be produced is 406", async () => {
  await using server = await TestServer.start({ scheme });
  await server.request("POST", configMaps, configMap("a", { data: { k: "v" } }));
  const accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
  const table = (await server.request("GET", configMaps, undefined, { accept })).json as Json;
  assert.equal(table.kind, "Table");
  assert.equal(table.rows?.[0]?.cells?.[0], "a");
  assert.equal(table.rows?.[0]?.object?.kind, "PartialObjectMetadata");
  const partial = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
  const list = (await server.request("GET", configMaps, undefined, { accept: partial })).json as Json;
  assert.equal(list.kind, "PartialObjectMetadataList");
  assert.equal(list.items?.[0]?.data, undefined);
  const only = "application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io";
  assert.equal((await server.request("GET", configMaps, undefined, { accept: only })).status, 406);
  assert.ok((await server.request("GET", `${configMaps}/a?pretty=true`)).text.startsWith('{\n  "kind": "ConfigMap"'));
});

test("YAML is read and written; bombs and duplicates are refused", async () => {
  await using server = await TestServer.start({ scheme });
  const yaml = { "content-type": "application/yaml" };
  const created = await server.request("POST", configMaps, "metadata:\n  name: a\ndata:\n  k: v\n", yaml);
  assert.equal(created.status, 201, created.text);
  const read = await server.request("GET", `${configMaps}/a`, undefined, { accept: "application/yaml" });
  assert.match(read.text, /^apiVersion: v1\ndata:\n {2}k: v\nkind: ConfigMap\n/);
  const twice = await server.request(
    "POST",
    `${configMaps}?fieldValidation=Strict`,
    "metadata:\n  name: b\ndata:\n  k: v\n  k: w\nfoo: 1\n",
    yaml,
  );
  assert.equal(twice.status, 400);
  assert.match(twice.text, /strict decoding error: yaml: unmarshal errors:.*already set in map, unknown field/);
  const bomb = ["a: &a [x,x,x,x,x,x,x,x,x]", "b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]"]
    .concat(["c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]", "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]", "e: [*d,*d,*d,*d,*d,*d,*d]"])
    .join("\n");
  assert.equal((await server.request("POST", configMaps, bomb, yaml)).status, 400);
});

test("strategic merge patch merges containers by name; json patch tests; a patch cannot rename", async () => {
  await using server = await TestServer.start({ scheme });
  await server.request("POST", deployments, deployment("web"));
  const patch = (type: string, body: unknown) =>
    server.request("PATCH", `${deployments}/web`, body, { "content-type": `application/${type}` });
  const containers = [{ name: "d", image: "j" }];
  const merged = await patch("strategic-merge-patch+json", { spec: { template: { spec: { containers } } } });
  assert.equal(merged.status, 200, merged.text);
  const names = (merged.json as Json).spec?.template?.spec?.containers?.map((c) => c.name);
  assert.deepEqual(names, ["d", "c"]);
  const replicas = await patch("json-patch+json", [
    { op: "test", path: "/spec/replicas", value: 1 },
    { op: "replace", path: "/spec/replicas", value: 4 },
  ]);
  assert.equal((replicas.json as Json).spec?.replicas, 4);
  const failed = await patch("json-patch+json", [{ op: "test", path: "/spec/replicas", value: 1 }]);
  assert.equal(failed.status, 422);
  const renamed = await patch("merge-patch+json", { metadata: { name: "other" } });
  assert.equal(renamed.status, 400);
  const stale = await patch("merge-patch+json", { metadata: { resourceVersion: "1" } });
  assert.equal(stale.status, 409);
  assert.equal((await patch("x-unknown", {})).status, 415);
});
