import assert from "node:assert/strict";
import { test } from "node:test";
import { builtinScheme } from "../../api/scheme.ts";
import { buildOpenApiV2, buildOpenApiV3, openApiV3Paths } from "../../apimachinery/openapi/document.ts";
import { SteppingClock } from "../../component-base/stepping-clock.ts";
import { createMemoryBackend } from "../../mvcc/memory-backend.ts";
import { TestApiServer } from "../testing/test-cluster.ts";

const definitionsPath = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

interface Definition {
  readonly metadata: { readonly finalizers?: readonly string[]; readonly resourceVersion: string };
  readonly status: {
    readonly conditions: readonly Condition[] | null;
    readonly acceptedNames: { readonly plural: string; readonly shortNames?: readonly string[] };
    readonly storedVersions: readonly string[];
  };
}

interface CronTab {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly generation: number;
    readonly labels?: Record<string, string>;
    readonly resourceVersion: string;
  };
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
}

const schema = {
  type: "object",
  properties: {
    spec: {
      type: "object",
      required: ["cronSpec"],
      properties: {
        cronSpec: { type: "string", pattern: "^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$" },
        image: { type: "string", default: "busybox" },
        color: { type: "string", enum: ["red", "green"] },
        replicas: { type: "integer", minimum: 1, maximum: 10 },
        port: { "x-kubernetes-int-or-string": true },
        ports: {
          type: "array",
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["name"],
          items: {
            type: "object",
            required: ["name"],
            properties: { name: { type: "string" }, number: { type: "integer" } },
          },
        },
        free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
      },
    },
    status: {
      type: "object",
      properties: { replicas: { type: "integer" }, labelSelector: { type: "string" }, phase: { type: "string" } },
    },
  },
};

function definition(
  changes: Record<string, unknown> = {},
  version: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "crontabs.stable.example.com" },
    spec: {
      group: "stable.example.com",
      scope: "Namespaced",
      names: { plural: "crontabs", singular: "crontab", kind: "CronTab", shortNames: ["ct"], categories: ["all"] },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: { openAPIV3Schema: schema },
          subresources: {
            status: {},
            scale: {
              specReplicasPath: ".spec.replicas",
              statusReplicasPath: ".status.replicas",
              labelSelectorPath: ".status.labelSelector",
            },
          },
          additionalPrinterColumns: [
            { name: "Spec", type: "string", jsonPath: ".spec.cronSpec" },
            { name: "Replicas", type: "integer", jsonPath: ".spec.replicas" },
            { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
          ],
          selectableFields: [{ jsonPath: ".spec.color" }],
          ...version,
        },
      ],
      ...changes,
    },
  };
}

const collection = "/apis/stable.example.com/v1/namespaces/default/crontabs";

function cronTab(name: string, spec: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    apiVersion: "stable.example.com/v1",
    kind: "CronTab",
    metadata: { name },
    spec: { cronSpec: "* * * * */5", ...spec },
  };
}

/** Asks again until the answer is the one waited for: what happens in between waits for no timer. */
async function until(check: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 5000; turn++) {
    if (await check()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.fail("it did not happen");
}

async function untilStatus(api: TestApiServer, path: string, status: number): Promise<void> {
  await until(async () => (await api.request("GET", path)).status === status);
}

async function untilCondition(api: TestApiServer, name: string, type: string, status: string): Promise<void> {
  await until(async () => {
    const { conditions } = (await api.request("GET", `${definitionsPath}/${name}`)).json<Definition>().status;
    return conditions?.some((condition) => condition.type === type && condition.status === status) ?? false;
  });
}

async function served(body: Record<string, unknown> = definition()): Promise<TestApiServer> {
  const api = await TestApiServer.start();
  const created = await api.request("POST", definitionsPath, body);
  assert.equal(created.status, 201, created.text);
  await untilCondition(api, "crontabs.stable.example.com", "Established", "True");
  return api;
}

void test("a definition is established, and its resource served and discovered", async () => {
  await using api = await served();
  const found = (await api.request("GET", `${definitionsPath}/crontabs.stable.example.com`)).json<Definition>();
  assert.deepEqual(
    found.status.conditions?.map(({ type, status, reason, message }) => [type, status, reason, message]),
    [
      ["NamesAccepted", "True", "NoConflicts", "no conflicts found"],
      ["Established", "True", "InitialNamesAccepted", "the initial names have been accepted"],
    ],
  );
  assert.deepEqual(found.status.acceptedNames.shortNames, ["ct"]);
  assert.deepEqual(found.status.storedVersions, ["v1"]);
  const list = (await api.request("GET", "/apis/stable.example.com/v1")).json<{
    resources: readonly { name: string; kind: string }[];
  }>();
  assert.deepEqual(
    list.resources.map(({ name, kind }) => [name, kind]),
    [
      ["crontabs", "CronTab"],
      ["crontabs/scale", "Scale"],
      ["crontabs/status", "CronTab"],
    ],
  );
  const groups = await api.request("GET", "/apis", undefined, {
    headers: { accept: "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList" },
  });
  assert.match(groups.text, /"stable\.example\.com"/);
});

void test("instances are created with defaults, read, listed with their type, patched, scaled and deleted", async () => {
  await using api = await served();
  const created = await api.request("POST", collection, cronTab("a", { replicas: 3 }));
  assert.equal(created.status, 201, created.text);
  const object = created.json<CronTab>();
  assert.equal(object.spec.image, "busybox");
  assert.equal(object.metadata.generation, 1);
  const list = (await api.request("GET", collection)).json<{ kind: string; items: readonly CronTab[] }>();
  assert.equal(list.kind, "CronTabList");
  assert.deepEqual(
    list.items.map(({ kind, apiVersion }) => [kind, apiVersion]),
    [["CronTab", "stable.example.com/v1"]],
  );
  const patched = await api.request(
    "PATCH",
    `${collection}/a`,
    { spec: { color: "red" } },
    { headers: { "content-type": "application/merge-patch+json" } },
  );
  assert.equal(patched.json<CronTab>().spec.color, "red");
  assert.equal(patched.json<CronTab>().metadata.generation, 2);
  const strategic = await api.request(
    "PATCH",
    `${collection}/a`,
    {},
    { headers: { "content-type": "application/strategic-merge-patch+json" } },
  );
  assert.equal(strategic.status, 415);
  const status = await api.request(
    "PATCH",
    `${collection}/a/status`,
    { metadata: { labels: { x: "y" } }, spec: { color: "green" }, status: { replicas: 2, labelSelector: "a=b" } },
    { headers: { "content-type": "application/merge-patch+json" } },
  );
  assert.deepEqual(status.json<CronTab>().status, { replicas: 2, labelSelector: "a=b" });
  assert.equal(status.json<CronTab>().spec.color, "red");
  assert.equal(status.json<CronTab>().metadata.labels, undefined);
  assert.equal(status.json<CronTab>().metadata.generation, 2);
  const scale = (await api.request("GET", `${collection}/a/scale`)).json<{ spec: unknown; status: unknown }>();
  assert.deepEqual([scale.spec, scale.status], [{ replicas: 3 }, { replicas: 2, selector: "a=b" }]);
  await api.request(
    "PATCH",
    `${collection}/a/scale`,
    { spec: { replicas: 5 } },
    { headers: { "content-type": "application/merge-patch+json" } },
  );
  assert.equal((await api.request("GET", `${collection}/a`)).json<CronTab>().spec.replicas, 5);
  assert.deepEqual(await api.table(collection), [{ Name: "a", Spec: "* * * * */5", Replicas: 5, Age: "0s" }]);
  const red = (await api.request("GET", `${collection}?fieldSelector=spec.color%3Dred`)).json<{
    items: readonly unknown[];
  }>();
  const green = (await api.request("GET", `${collection}?fieldSelector=spec.color%3Dgreen`)).json<{
    items: readonly unknown[];
  }>();
  assert.deepEqual([red.items.length, green.items.length], [1, 0]);
  assert.equal((await api.request("GET", `${collection}?fieldSelector=spec.image%3Dx`)).status, 400);
  assert.equal((await api.request("DELETE", `${collection}/a`)).status, 200);
  assert.equal((await api.request("GET", `${collection}/a`)).status, 404);
});

void test("instances are validated by their schema with upstream's messages", async () => {
  await using api = await served();
  const cases: readonly (readonly [Record<string, unknown>, string])[] = [
    [
      { cronSpec: "* * *" },
      `spec.cronSpec: Invalid value: "* * *": spec.cronSpec in body should match '^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$'`,
    ],
    [
      { replicas: "x" },
      '[spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string", .spec.replicas: Invalid value: 0: .spec.replicas accessor error: x is of the type string, expected int64]',
    ],
    [{ replicas: 15 }, "spec.replicas: Invalid value: 15: spec.replicas in body should be less than or equal to 10"],
    [{ color: "blue" }, 'spec.color: Unsupported value: "blue": supported values: "red", "green"'],
    [
      { port: true },
      'spec.port: Invalid value: "boolean": spec.port in body must be of type integer,string: "boolean"',
    ],
    [{ ports: [{ name: "a" }, { name: "a" }] }, 'spec.ports[1]: Duplicate value: {"name":"a"}'],
    [{ ports: [{}] }, "spec.ports[0].name: Required value"],
  ];
  for (const [spec, message] of cases) {
    const answer = await api.request("POST", collection, cronTab("a", spec));
    assert.equal(answer.status, 422, answer.text);
    assert.equal(answer.message, `CronTab.stable.example.com "a" is invalid: ${message}`);
  }
});

void test("unknown fields are dropped, told of, or refused as fieldValidation says", async () => {
  await using api = await served();
  const body = JSON.stringify(cronTab("a", { bogus: 1, free: { any: 1 }, ports: [{ name: "p", more: 1 }] })).replace(
    '"bogus":1',
    '"bogus":1,"color":"red","color":"green"',
  );
  const strict = await api.request("POST", `${collection}?fieldValidation=Strict`, body);
  assert.equal(
    strict.message,
    'CronTab in version "v1" cannot be handled as a CronTab: strict decoding error: duplicate field "spec.color", unknown field "spec.bogus", unknown field "spec.ports[0].more"',
  );
  const warned = await api.request("POST", collection, body.replace('"name":"a"', '"name":"b","bogus":1'));
  assert.equal(warned.status, 201, warned.text);
  assert.match(String(warned.headers["warning"]), /unknown field \\"metadata\.bogus\\"/);
  assert.deepEqual(warned.json<CronTab>().spec, {
    cronSpec: "* * * * */5",
    color: "green",
    free: { any: 1 },
    ports: [{ name: "p" }],
    image: "busybox",
  });
});

void test("a changed definition is served at once: other defaults on read, further versions, none that are not served", async () => {
  await using api = await served();
  await api.request("POST", collection, cronTab("a"));
  const changed = structuredClone(definition()) as {
    spec: {
      versions: { schema: { openAPIV3Schema: { properties: { spec: { properties: Record<string, unknown> } } } } }[];
    };
  };
  const [v1] = changed.spec.versions;
  assert.ok(v1);
  // Selectable fields that all versions share need a schema that they share, too.
  const v2 = { ...structuredClone(v1), name: "v2", storage: false, selectableFields: [] };
  v2.schema.openAPIV3Schema.properties.spec.properties.added = { type: "string", default: "new" };
  changed.spec.versions.push(v2);
  const path = `${definitionsPath}/crontabs.stable.example.com`;
  const { metadata } = (await api.request("GET", path)).json<{ metadata: Record<string, unknown> }>();
  assert.match((await api.request("PUT", path, changed)).message, /must be specified for an update/);
  const put = await api.request("PUT", path, { ...changed, metadata });
  assert.equal(put.status, 200, put.text);
  await untilStatus(api, `${collection.replace("/v1/", "/v2/")}/a`, 200);
  const old = (await api.request("GET", `${collection}/a`)).json<CronTab>();
  assert.equal(old.spec.added, undefined);
  const other = (await api.request("GET", `${collection.replace("/v1/", "/v2/")}/a`)).json<CronTab>();
  assert.deepEqual([other.apiVersion, other.spec.added], ["stable.example.com/v2", "new"]);
  const group = (await api.request("GET", "/apis/stable.example.com")).json<{
    preferredVersion: { version: string };
  }>();
  assert.equal(group.preferredVersion.version, "v2");
  const unserved = [{ op: "replace", path: "/spec/versions/0/served", value: false }];
  await api.request("PATCH", path, unserved, { headers: { "content-type": "application/json-patch+json" } });
  await untilStatus(api, `${collection}/a`, 404);
});

void test("deleting a definition deletes the instances first, and waits for those with finalizers", async () => {
  await using api = await served();
  const held = cronTab("held");
  held["metadata"] = { name: "held", finalizers: ["example.com/wait"] };
  await api.request("POST", collection, held);
  await api.request("POST", collection, cronTab("b"));
  const both = (await api.request("GET", collection)).json<{ items: readonly CronTab[] }>();
  assert.deepEqual(
    both.items.map(({ kind, metadata }) => [kind, metadata.name]),
    [
      ["CronTab", "b"],
      ["CronTab", "held"],
    ],
  );
  const path = `${definitionsPath}/crontabs.stable.example.com`;
  const deleted = (await api.request("DELETE", path)).json<Definition>();
  assert.deepEqual(deleted.metadata.finalizers, ["customresourcecleanup.apiextensions.k8s.io"]);
  const refused = await api.request("POST", collection, cronTab("c"));
  assert.deepEqual(
    [refused.status, refused.message],
    [405, "create not allowed while custom resource definition is terminating"],
  );
  await untilStatus(api, `${collection}/b`, 404);
  assert.equal((await api.request("GET", path)).status, 200);
  await api.request(
    "PATCH",
    `${collection}/held`,
    { metadata: { finalizers: null } },
    { headers: { "content-type": "application/merge-patch+json" } },
  );
  await untilStatus(api, path, 404);
  await untilStatus(api, "/apis/stable.example.com", 404);
  assert.equal((await api.request("GET", collection)).status, 404);
});

void test("names that are taken are not accepted until they are free", async () => {
  await using api = await served();
  const other = definition({ names: { plural: "others", kind: "CronTab", shortNames: ["ct"] } });
  other["metadata"] = { name: "others.stable.example.com" };
  assert.equal((await api.request("POST", definitionsPath, other)).status, 201);
  await untilCondition(api, "others.stable.example.com", "Established", "False");
  const conditions = async (): Promise<readonly (readonly string[])[] | undefined> =>
    (await api.request("GET", `${definitionsPath}/others.stable.example.com`))
      .json<Definition>()
      .status.conditions?.map(({ type, status, reason, message }) => [type, status, reason, message]);
  assert.deepEqual(await conditions(), [
    ["NamesAccepted", "False", "ListKindConflict", '"CronTabList" is already in use'],
    ["Established", "False", "NotAccepted", "not all names are accepted"],
  ]);
  await api.request("DELETE", `${definitionsPath}/crontabs.stable.example.com`);
  await untilCondition(api, "others.stable.example.com", "Established", "True");
  await untilCondition(api, "others.stable.example.com", "NamesAccepted", "True");
});

void test("definitions are validated with upstream's messages", async () => {
  await using api = await TestApiServer.start();
  const withSchema = (openAPIV3Schema: unknown): Record<string, unknown> =>
    definition({}, { schema: { openAPIV3Schema } });
  const at = "spec.validation.openAPIV3Schema";
  const cases: readonly (readonly [Record<string, unknown>, string])[] = [
    [
      { ...definition(), metadata: { name: "x.example.com" } },
      'metadata.name: Invalid value: "x.example.com": must be spec.names.plural+"."+spec.group',
    ],
    [definition({}, { schema: undefined }), "spec.versions[0].schema.openAPIV3Schema: Required value"],
    [
      withSchema({ type: "object", properties: { a: {} } }),
      `${at}.properties[a].type: Required value: must not be empty for specified object fields`,
    ],
    [withSchema({ properties: {} }), `${at}.type: Required value: must not be empty at the root`],
    [
      withSchema({ type: "object", properties: { a: { type: "string", pattern: "[" } } }),
      `${at}.properties[a].pattern: Invalid value: "[": must be a valid regular expression, but isn't: error parsing regexp: missing closing ]: \`[\``,
    ],
    [
      withSchema({ type: "object", properties: { a: { type: "string", default: 1 } } }),
      `${at}.properties[a].default: Invalid value: "integer":  in body must be of type string: "integer"`,
    ],
    [
      withSchema({ type: "object", anyOf: [{ properties: { a: { minimum: 1 } } }] }),
      `${at}.properties[a]: Required value: because it is defined in ${at}.anyOf[0].properties[a]`,
    ],
  ];
  for (const [body, message] of cases) {
    const answer = await api.request("POST", definitionsPath, body);
    assert.equal(answer.status, 422, answer.text);
    assert.ok(answer.message.includes(message), `${answer.message}\n  does not include\n${message}`);
  }
});

void test("rules in CEL are kept on every write, warned of where nothing changed, and compiled when they are defined", async () => {
  const rule = (text: string) => ({
    openAPIV3Schema: {
      type: "object",
      properties: {
        spec: {
          type: "object",
          properties: {
            replicas: { type: "integer", "x-kubernetes-validations": [{ rule: text, message: "no less than before" }] },
            odd: { type: "integer", "x-kubernetes-validations": [{ rule: "self % 2 == 1" }] },
          },
        },
        status: {
          type: "object",
          properties: {
            phase: { type: "string", maxLength: 9, "x-kubernetes-validations": [{ rule: "self != 'Bad'" }] },
          },
        },
      },
    },
  });
  const subresources = { status: {} };
  const plain = definition({}, { schema: rule("self.none == oldSelf"), subresources, selectableFields: [] });
  await using api = await served(
    definition({}, { schema: rule("self >= oldSelf"), subresources, selectableFields: [] }),
  );
  const refused = await api.request("POST", `${definitionsPath}?dryRun=All`, {
    ...plain,
    metadata: { name: "other.example.com" },
  });
  assert.equal(refused.status, 422, refused.text);
  assert.match(refused.message, /compilation failed: ERROR: <input>:1:5: type 'int' does not support field selection/);
  const bad = await api.request("POST", collection, cronTab("a", { replicas: 3, odd: 2 }));
  assert.equal(bad.status, 422, bad.text);
  assert.match(bad.message, /spec\.odd: Invalid value: 2: failed rule: self % 2 == 1$/);
  const created = await api.request("POST", collection, cronTab("a", { replicas: 3, odd: 1 }));
  assert.equal(created.status, 201, created.text);
  const object = created.json<CronTab>();
  const less = await api.request("PUT", `${collection}/a`, { ...object, spec: { replicas: 2, odd: 1 } });
  assert.match(less.message, /spec\.replicas: Invalid value: 2: no less than before$/);
  const status = await api.request("PUT", `${collection}/a/status`, { ...object, status: { phase: "Bad" } });
  assert.match(status.message, /status\.phase: Invalid value: "Bad": failed rule: self != 'Bad'$/);
});

void test("a server that starts over stored definitions serves them from its first request", async () => {
  const clock = new SteppingClock();
  await using backend = createMemoryBackend({ clock });
  {
    await using first = await TestApiServer.start({ backend });
    await first.request("POST", definitionsPath, definition());
    await untilCondition(first, "crontabs.stable.example.com", "Established", "True");
    assert.equal((await first.request("POST", collection, cronTab("a"))).status, 201);
  }
  await using second = await TestApiServer.start({ backend });
  assert.equal((await second.request("GET", `${collection}/a`)).status, 200);
});

void test("cluster-scoped resources, deprecated versions, metadata alone", async () => {
  await using api = await served(
    definition({ scope: "Cluster" }, { deprecated: true, deprecationWarning: "use something else" }),
  );
  const path = "/apis/stable.example.com/v1/crontabs";
  const created = await api.request("POST", path, cronTab("a"));
  assert.equal(created.status, 201, created.text);
  assert.equal(created.headers["warning"], '299 - "use something else"');
  assert.equal((await api.request("POST", collection, cronTab("b"))).status, 404);
  const accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
  const list = (await api.request("GET", path, undefined, { headers: { accept } })).json<{
    kind: string;
    items: readonly Record<string, unknown>[];
  }>();
  assert.deepEqual(
    [list.kind, list.items.map((item) => Object.keys(item))],
    ["PartialObjectMetadataList", [["kind", "apiVersion", "metadata"]]],
  );
  assert.equal((await api.request("DELETE", path)).status, 200);
  assert.equal((await api.request("GET", `${path}/a`)).status, 404);
});

void test("OpenAPI describes custom kinds as soon as they are served, and no longer", async () => {
  const scheme = builtinScheme();
  await using api = await TestApiServer.start({
    openApi: {
      v2: () => buildOpenApiV2(scheme),
      v3Paths: () => openApiV3Paths(scheme),
      v3: (path) => buildOpenApiV3(scheme, path.split("/")[1] ?? "", path.split("/")[2] ?? ""),
    },
  });
  const index = "/openapi/v3";
  const document = `${index}/apis/stable.example.com/v1`;
  assert.doesNotMatch((await api.request("GET", "/openapi/v2")).text, /stable\.example\.com/);
  assert.equal((await api.request("GET", document)).status, 404);
  await api.request("POST", definitionsPath, definition());
  await untilCondition(api, "crontabs.stable.example.com", "Established", "True");
  const v3 = (await api.request("GET", document)).json<{
    components: { schemas: Record<string, Record<string, unknown>> };
    paths: Record<string, { patch?: { requestBody: { content: object } } }>;
  }>();
  const kind = v3.components.schemas["com.example.stable.v1.CronTab"];
  assert.deepEqual(kind?.["x-kubernetes-group-version-kind"], [
    { group: "stable.example.com", version: "v1", kind: "CronTab" },
  ]);
  assert.ok(v3.components.schemas["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"]);
  const item = v3.paths["/apis/stable.example.com/v1/namespaces/{namespace}/crontabs/{name}"];
  // By this kubectl knows that it must not patch strategically.
  assert.deepEqual(Object.keys(item?.patch?.requestBody.content ?? {}), [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/apply-patch+yaml",
    "application/apply-patch+cbor",
  ]);
  assert.match((await api.request("GET", index)).text, /apis\/stable\.example\.com\/v1\?hash=/);
  assert.match((await api.request("GET", "/openapi/v2")).text, /com\.example\.stable\.v1\.CronTab/);
  const accept = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
  assert.match((await api.request("GET", "/openapi/v2", undefined, { headers: { accept } })).text, /CronTab/);
  await api.request("DELETE", `${definitionsPath}/crontabs.stable.example.com`);
  await untilStatus(api, document, 404);
  assert.doesNotMatch((await api.request("GET", "/openapi/v2")).text, /stable\.example\.com/);
});

void test("an object keeps what a stricter schema would refuse, until that is changed", async () => {
  await using api = await served();
  await api.request("POST", collection, cronTab("a", { replicas: 9 }));
  const path = `${definitionsPath}/crontabs.stable.example.com`;
  const maximum = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/replicas/maximum";
  await api.request("PATCH", path, [{ op: "replace", path: maximum, value: 5 }], {
    headers: { "content-type": "application/json-patch+json" },
  });
  const merge = { headers: { "content-type": "application/merge-patch+json" } };
  await until(
    async () => (await api.request("POST", `${collection}?dryRun=All`, cronTab("b", { replicas: 9 }))).status === 422,
  );
  assert.equal((await api.request("PATCH", `${collection}/a`, { spec: { color: "red" } }, merge)).status, 200);
  assert.equal((await api.request("PATCH", `${collection}/a`, { spec: { replicas: 8 } }, merge)).status, 422);
});

void test("what belongs to an established definition does not change", async () => {
  await using api = await served();
  const path = `${definitionsPath}/crontabs.stable.example.com`;
  const merge = { headers: { "content-type": "application/merge-patch+json" } };
  const scope = await api.request("PATCH", path, { spec: { scope: "Cluster" } }, merge);
  assert.match(scope.message, /spec\.scope: Invalid value: "Cluster": field is immutable/);
  const names = await api.request("PATCH", `${path}/status`, { status: { acceptedNames: { plural: "A" } } }, merge);
  assert.match(names.message, /status\.acceptedNames\.plural: Invalid value: "A": a DNS-1035 label/);
  const labelled = await api.request("PATCH", `${path}/status`, { spec: { names: { kind: "X" } } }, merge);
  assert.equal(labelled.json<{ spec: { names: { kind: string } } }>().spec.names.kind, "CronTab");
});
