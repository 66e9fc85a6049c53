import assert from "node:assert/strict";
import { test } from "node:test";
import type { ManagedFieldsEntry } from "../../apimachinery/meta/v1/types.gen.ts";
import type { TestAnswer } from "../testing/test-cluster.ts";
import { TestApiServer } from "../testing/test-cluster.ts";

const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const name = "widgets.example.com";
const widgets = "/apis/example.com/v1/namespaces/default/widgets";

interface Widget {
  readonly metadata: {
    readonly generation: number;
    readonly resourceVersion: string;
    readonly managedFields?: readonly ManagedFieldsEntry[];
  };
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status?: unknown;
}

const ports = {
  type: "array",
  "x-kubernetes-list-type": "map",
  "x-kubernetes-list-map-keys": ["number", "protocol"],
  items: {
    type: "object",
    required: ["number"],
    properties: {
      number: { type: "integer" },
      protocol: { type: "string", default: "TCP" },
      name: { type: "string" },
    },
  },
};
const schema = {
  type: "object",
  properties: {
    spec: {
      type: "object",
      properties: {
        size: { type: "integer" },
        color: { type: "string", default: "red" },
        amount: { "x-kubernetes-int-or-string": true },
        when: { type: "string", format: "date-time" },
        tags: { type: "array", "x-kubernetes-list-type": "set", items: { type: "string" } },
        words: { type: "array", items: { type: "string" } },
        ports,
        limits: { type: "object", additionalProperties: { type: "integer" } },
        box: { type: "object", "x-kubernetes-map-type": "atomic", properties: { a: { type: "integer" } } },
        free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
        template: {
          type: "object",
          "x-kubernetes-embedded-resource": true,
          "x-kubernetes-preserve-unknown-fields": true,
        },
      },
    },
    status: { type: "object", properties: { phase: { type: "string" }, size: { type: "integer" } } },
  },
};

function definition(versions: readonly object[] = [version("v1")]): object {
  return {
    metadata: { name },
    spec: {
      group: "example.com",
      scope: "Namespaced",
      names: { plural: "widgets", kind: "Widget", singular: "widget", listKind: "WidgetList" },
      versions,
    },
  };
}

function version(name: string, more: object = {}): object {
  return {
    name,
    served: true,
    storage: name === "v1",
    schema: { openAPIV3Schema: schema },
    subresources: { status: {}, scale: { specReplicasPath: ".spec.size", statusReplicasPath: ".status.size" } },
    ...more,
  };
}

async function serve(api: TestApiServer, object: object = definition()): Promise<void> {
  const created = await api.request("POST", definitions, object);
  assert.equal(created.status, 201, created.text);
  for (let turn = 0; turn < 5000; turn++) {
    if ((await api.request("GET", widgets)).status === 200) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.fail("not served");
}

function apply(
  api: TestApiServer,
  manager: string,
  spec: object,
  { path = widgets, query = "", more = {} }: { path?: string; query?: string; more?: object } = {},
): Promise<TestAnswer> {
  const apiVersion = path.split("/").slice(2, 4).join("/");
  const object = {
    apiVersion,
    kind: "Widget",
    metadata: { name: "w" },
    ...(Object.keys(spec).length > 0 ? { spec } : {}),
    ...more,
  };
  return api.request(
    "PATCH",
    `${path}/w${query.startsWith("/") ? query : ""}?fieldManager=${manager}${query.startsWith("&") ? query : ""}`,
    object,
    {
      headers: { "content-type": "application/apply-patch+yaml" },
    },
  );
}

function fieldsOf(answer: TestAnswer): Readonly<Record<string, unknown>> {
  const entries = answer.json<Widget>().metadata.managedFields ?? [];
  return Object.fromEntries(
    entries.map(({ manager, operation, subresource, fieldsV1 }) => [
      `${manager} ${operation}${subresource === undefined ? "" : ` ${subresource}`}`,
      fieldsV1,
    ]),
  );
}

test("an apply creates, merges by the schema's list types, takes away what is no longer applied, and is idle when repeated", async () => {
  await using api = await TestApiServer.start();
  await serve(api);
  const created = await apply(api, "one", { size: 1, ports: [{ number: 80, name: "web" }], tags: ["a"], words: ["x"] });
  assert.equal(created.status, 201, created.text);
  assert.deepEqual(created.json<Widget>().spec, {
    size: 1,
    ports: [{ number: 80, name: "web", protocol: "TCP" }],
    tags: ["a"],
    words: ["x"],
    color: "red",
  });
  assert.deepEqual(fieldsOf(created), {
    "one Apply": {
      "f:spec": {
        "f:size": {},
        "f:ports": { 'k:{"number":80,"protocol":"TCP"}': { ".": {}, "f:number": {}, "f:name": {} } },
        "f:tags": { 'v:"a"': {} },
        "f:words": {},
      },
    },
  });
  const second = await apply(api, "two", {
    ports: [
      { number: 80, protocol: "UDP" },
      { number: 443, protocol: "TCP", name: "tls" },
    ],
    tags: ["b"],
    limits: { cpu: 1 },
    free: { deep: { a: 1 } },
    box: { a: 1 },
    amount: "5%",
    when: "2026-01-01T00:00:00Z",
    template: { apiVersion: "v1", kind: "Pod", metadata: { labels: { a: "b" } }, spec: { x: 1 } },
  });
  assert.equal(second.status, 200, second.text);
  const { spec, metadata } = second.json<Widget>();
  assert.deepEqual(spec["ports"], [
    { number: 80, name: "web", protocol: "TCP" },
    { number: 80, protocol: "UDP" },
    { number: 443, protocol: "TCP", name: "tls" },
  ]);
  assert.deepEqual(spec["tags"], ["a", "b"]);
  assert.equal(metadata.generation, 2);
  assert.deepEqual(fieldsOf(second)["two Apply"], {
    "f:spec": {
      "f:ports": {
        'k:{"number":443,"protocol":"TCP"}': { ".": {}, "f:number": {}, "f:protocol": {}, "f:name": {} },
        'k:{"number":80,"protocol":"UDP"}': { ".": {}, "f:number": {}, "f:protocol": {} },
      },
      "f:tags": { 'v:"b"': {} },
      "f:limits": { "f:cpu": {} },
      "f:free": { "f:deep": { ".": {}, "f:a": {} } },
      "f:box": {},
      "f:amount": {},
      "f:when": {},
      "f:template": {
        "f:apiVersion": {},
        "f:kind": {},
        "f:metadata": { "f:labels": { "f:a": {} } },
        "f:spec": { ".": {}, "f:x": {} },
      },
    },
  });
  const again = await apply(api, "one", { size: 1, ports: [{ number: 80, name: "web" }], tags: ["a"], words: ["x"] });
  assert.equal(again.json<Widget>().metadata.resourceVersion, metadata.resourceVersion);
  const less = await apply(api, "one", { size: 1, ports: [{ number: 80 }] });
  const left = less.json<Widget>().spec;
  assert.deepEqual([left["tags"], left["words"]], [["b"], undefined]);
  assert.deepEqual((left["ports"] as readonly unknown[])[0], { number: 80, protocol: "TCP" });
});

test("conflicts name the managers and fields, and force takes them over", async () => {
  await using api = await TestApiServer.start();
  await serve(api);
  await apply(api, "one", { size: 1, words: ["x"] });
  const conflict = await apply(api, "two", { size: 2, words: ["y"] });
  assert.equal(conflict.status, 409);
  assert.equal(conflict.message, 'Apply failed with 2 conflicts: conflicts with "one":\n- .spec.size\n- .spec.words');
  const forced = await apply(api, "two", { size: 2, words: ["y"] }, { query: "&force=true" });
  assert.equal(forced.status, 200, forced.text);
  assert.deepEqual(Object.keys(fieldsOf(forced)), ["two Apply"]);
});

test("a configuration that does not fit the schema is refused with upstream's texts", async () => {
  await using api = await TestApiServer.start();
  await serve(api);
  const cases: readonly (readonly [object, number, string])[] = [
    [{ size: "big" }, 500, ".spec.size: expected numeric (int or float), got string"],
    [{ nothing: 1 }, 500, ".spec.nothing: field not declared in schema"],
    [{ tags: ["a", "a"] }, 500, '.spec.tags: duplicate entries for key [="a"]'],
    [
      { ports: [{ number: 1 }, { number: 1, protocol: "TCP" }] },
      500,
      '.spec.ports: duplicate entries for key [number=1,protocol="TCP"]',
    ],
  ];
  for (const [spec, status, text] of cases) {
    const answer = await apply(api, "one", spec);
    assert.equal(answer.status, status, answer.text);
    assert.equal(answer.message, `failed to create typed patch object (/w; example.com/v1, Kind=Widget): ${text}`);
  }
  const wrong = await api.request(
    "PATCH",
    `${widgets}/w`,
    {},
    { headers: { "content-type": "application/apply-patch+yaml" } },
  );
  assert.equal(wrong.status, 422);
  const unsupported = await api.request(
    "PATCH",
    `${widgets}/w`,
    {},
    {
      headers: { "content-type": "application/strategic-merge-patch+json" },
    },
  );
  assert.equal(
    unsupported.message,
    "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
  );
});

test("every write of a custom resource is recorded: create, update, patch, status, scale", async () => {
  await using api = await TestApiServer.start();
  await serve(api);
  const as = { headers: { "user-agent": "widgetctl/1.0" } };
  const created = await api.request(
    "POST",
    widgets,
    { kind: "Widget", metadata: { name: "w", labels: { a: "b" } }, spec: { size: 1 } },
    as,
  );
  const createdFields = {
    "f:metadata": { "f:labels": { ".": {}, "f:a": {} } },
    "f:spec": { ".": {}, "f:color": {}, "f:size": {} },
  };
  assert.deepEqual(fieldsOf(created), { "widgetctl Update": createdFields });
  const merge = { headers: { "content-type": "application/merge-patch+json", "user-agent": "other/2" } };
  const patched = await api.request("PATCH", `${widgets}/w`, { spec: { size: 2, free: {} } }, merge);
  assert.deepEqual(fieldsOf(patched)["other Update"], { "f:spec": { "f:free": {}, "f:size": {} } });
  const status = await api.request(
    "PATCH",
    `${widgets}/w/status`,
    { metadata: { labels: { x: "y" } }, status: { phase: "on" } },
    merge,
  );
  assert.deepEqual(fieldsOf(status)["other Update status"], { "f:status": { ".": {}, "f:phase": {} } });
  assert.deepEqual(status.json<Widget>().metadata.generation, 2);
  const scale = {
    apiVersion: "autoscaling/v1",
    kind: "Scale",
    metadata: { name: "w", namespace: "default" },
    spec: { replicas: 7 },
  };
  const scaled = await api.request("PUT", `${widgets}/w/scale?fieldManager=hpa`, scale);
  assert.equal(scaled.status, 200, scaled.text);
  const after = await api.request("GET", `${widgets}/w`);
  assert.deepEqual(fieldsOf(after)["hpa Update scale"], { "f:spec": { "f:size": {} } });
  assert.deepEqual(fieldsOf(after)["other Update"], { "f:spec": { "f:free": {} } });
  const applied = await apply(api, "owner", { size: 3 });
  assert.equal(
    applied.message,
    'Apply failed with 1 conflict: conflict with "hpa" with subresource "scale" using example.com/v1: .spec.size',
  );
});

test("a status apply owns status alone", async () => {
  await using api = await TestApiServer.start();
  await serve(api);
  await apply(api, "one", { size: 1 });
  const answer = await apply(api, "ctl", {}, { query: "/status", more: { status: { phase: "on" } } });
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(fieldsOf(answer)["ctl Apply status"], { "f:status": { "f:phase": {} } });
  assert.deepEqual(answer.json<Widget>().status, { phase: "on" });
});

test("fields are tracked across versions, and a changed schema counts from the next write", async () => {
  await using api = await TestApiServer.start();
  await serve(api, definition([version("v1"), version("v2")]));
  await apply(api, "one", { size: 1 });
  const v2 = "/apis/example.com/v2/namespaces/default/widgets";
  const conflict = await apply(api, "two", { size: 2 }, { path: v2 });
  assert.equal(conflict.message, 'Apply failed with 1 conflict: conflict with "one": .spec.size');
  const atomic = structuredClone(schema) as { properties: { spec: { properties: Record<string, object> } } };
  atomic.properties.spec.properties["ports"] = {
    ...ports,
    "x-kubernetes-list-type": "atomic",
    "x-kubernetes-list-map-keys": undefined,
  };
  await apply(api, "one", { ports: [{ number: 1, protocol: "TCP" }] });
  const old = (await api.request("GET", `${definitions}/${name}`)).json<{ spec: object }>();
  const changed = {
    ...old,
    ...(definition([version("v1", { schema: { openAPIV3Schema: atomic } }), version("v2")]) as { spec: object }),
    metadata: (old as unknown as { metadata: object }).metadata,
  };
  const put = await api.request("PUT", `${definitions}/${name}`, changed);
  assert.equal(put.status, 200, put.text);
  let answer = await apply(api, "one", { ports: [{ number: 2, protocol: "TCP" }] });
  for (let turn = 0; turn < 200 && JSON.stringify(fieldsOf(answer)).includes("k:{"); turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    answer = await apply(api, "one", { ports: [{ number: 2, protocol: "TCP" }] });
  }
  assert.deepEqual(fieldsOf(answer)["one Apply"], { "f:spec": { "f:ports": {} } });
  assert.deepEqual(answer.json<Widget>().spec["ports"], [{ number: 2, protocol: "TCP" }]);
});
