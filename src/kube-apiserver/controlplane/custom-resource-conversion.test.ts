import assert from "node:assert/strict";
import { test } from "node:test";
import type { WebhookDialer } from "../../apiserver/webhook/webhook-dialer.ts";
import { createInProcessTransport } from "../../apiserver/server/in-process-transport.ts";
import { TransportError } from "../../component-base/http.ts";
import type { KubeApiServerOptions } from "./options.ts";
import { TestApiServer } from "../testing/test-cluster.ts";

const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const name = "routes.example.com";

interface Route {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly uid?: string; readonly generation?: number; labels?: object };
  readonly spec: { readonly hostPort?: string; readonly host?: string; readonly port?: string };
}

interface Review {
  readonly request: { readonly uid: string; readonly desiredAPIVersion: string; readonly objects: readonly Route[] };
}

/** `hostPort` of v1 is `host` and `port` of v2. */
function convert(route: Route, apiVersion: string): Route {
  const { hostPort, host = "", port = "" } = route.spec;
  if (apiVersion === "example.com/v1") return { ...route, apiVersion, spec: { hostPort: `${host}:${port}` } };
  const [first = "", second = ""] = (hostPort ?? "").split(":");
  return { ...route, apiVersion, spec: { host: first, port: second } };
}

class Converter implements WebhookDialer {
  readonly calls: {
    readonly serverName: string;
    readonly path: string;
    readonly wanted: string;
    readonly names: string[];
  }[] = [];
  /** What a test does to the answer. */
  spoil: ((objects: Route[]) => unknown) | undefined;
  isAway = false;

  async send(
    { serverName }: Parameters<WebhookDialer["send"]>[0],
    { path, body }: Parameters<WebhookDialer["send"]>[1],
  ): ReturnType<WebhookDialer["send"]> {
    const { request } = JSON.parse(new TextDecoder().decode(body)) as Review;
    const { uid, desiredAPIVersion, objects } = request;
    this.calls.push({
      serverName,
      path,
      wanted: desiredAPIVersion,
      names: objects.map(({ metadata }) => metadata.name),
    });
    if (this.isAway) throw new TransportError("dial tcp 10.0.0.1:443: connect: connection refused", { notSent: true });
    const convertedObjects = objects.map((object) => convert(object, desiredAPIVersion));
    const response = {
      uid,
      result: { status: "Success" },
      convertedObjects,
      ...(this.spoil?.(convertedObjects) as object),
    };
    const text = JSON.stringify({ apiVersion: "apiextensions.k8s.io/v1", kind: "ConversionReview", response });
    const chunks = (async function* () {
      yield new TextEncoder().encode(text);
    })();
    return { status: 200, headers: {}, body: chunks };
  }
}

const text = { type: "string" };

function definition(storage: string, conversion: object = {}): object {
  const version = (own: string, properties: object): object => ({
    name: own,
    served: true,
    storage: own === storage,
    schema: { openAPIV3Schema: { type: "object", properties: { spec: { type: "object", properties } } } },
    selectableFields:
      own === "v1" ? [{ jsonPath: ".spec.hostPort" }] : [{ jsonPath: ".spec.host" }, { jsonPath: ".spec.port" }],
    additionalPrinterColumns: [
      { name: "Host", type: "string", jsonPath: own === "v1" ? ".spec.hostPort" : ".spec.host" },
    ],
  });
  return {
    metadata: { name },
    spec: {
      group: "example.com",
      scope: "Cluster",
      names: { plural: "routes", kind: "Route", singular: "route", listKind: "RouteList" },
      versions: [
        version("v1", { hostPort: text }),
        version("v2", { host: text, port: { ...text, pattern: "^[0-9]+$" } }),
      ],
      conversion: {
        strategy: "Webhook",
        webhook: {
          conversionReviewVersions: ["v1", "v1beta1"],
          clientConfig: { url: "https://convert.example.com/convert" },
        },
        ...conversion,
      },
    },
  };
}

const path = (version: string, route = ""): string => `/apis/example.com/${version}/routes${route}`;

async function serve(converter: Converter, options: Partial<KubeApiServerOptions> = {}): Promise<TestApiServer> {
  const api = await TestApiServer.start({ webhookDialer: converter, ...options });
  const created = await api.request("POST", definitions, definition("v1"));
  assert.equal(created.status, 201, created.text);
  await until(api, async () => (await api.request("GET", path("v1"))).status === 200);
  return api;
}

async function until(api: TestApiServer, check: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 5000; turn++) {
    if (await check()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.fail("it did not happen");
}

/** Begins a watch; the function waits for so many events, and ends it. */
async function watchEvents(
  api: TestApiServer,
  path: string,
): Promise<(count: number) => Promise<readonly { readonly type: string; readonly object: Route }[]>> {
  const transport = createInProcessTransport(api.server.handler, {
    address: "127.0.0.1",
    certificate: { commonName: "admin", organizations: ["system:masters"] },
  });
  const watch = await transport.send({ method: "GET", path, headers: {} });
  assert.equal(watch.status, 200);
  return async (count) => {
    let received = "";
    for await (const chunk of watch.body) {
      received += new TextDecoder().decode(chunk);
      if (received.split("\n").length > count) break;
    }
    return received
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string; object: Route });
  };
}

test("objects are written and read in either version, and the webhook is asked once for each", async () => {
  const converter = new Converter();
  await using api = await serve(converter);
  const created = await api.request("POST", path("v2"), {
    kind: "Route",
    metadata: { name: "a" },
    spec: { host: "h", port: "80" },
  });
  assert.equal(created.status, 201, created.text);
  assert.deepEqual(
    [created.json<Route>().apiVersion, created.json<Route>().spec],
    ["example.com/v2", { host: "h", port: "80" }],
  );
  const inV1 = (await api.request("GET", path("v1", "/a"))).json<Route>();
  assert.deepEqual(
    [inV1.apiVersion, inV1.spec, inV1.metadata.uid],
    ["example.com/v1", { hostPort: "h:80" }, created.json<Route>().metadata.uid],
  );
  assert.deepEqual(
    converter.calls.map(({ path, wanted }) => [path, wanted]),
    [
      ["/convert?timeout=30s", "example.com/v1"],
      ["/convert?timeout=30s", "example.com/v2"],
    ],
  );
  await api.request("GET", path("v2", "/a"));
  await api.request("GET", path("v2"));
  assert.equal(converter.calls.length, 2);
  const merge = { headers: { "content-type": "application/merge-patch+json" } };
  const patched = (await api.request("PATCH", path("v2", "/a"), { spec: { port: "81" } }, merge)).json<Route>();
  assert.deepEqual([patched.spec, patched.metadata.generation], [{ host: "h", port: "81" }, 2]);
  const same = await api.request("PATCH", path("v2", "/a"), { spec: { port: "81" } }, merge);
  assert.equal(same.json<Route>().metadata?.generation, 2, same.text);
  assert.deepEqual((await api.request("GET", path("v1", "/a"))).json<Route>().spec, { hostPort: "h:81" });
  assert.deepEqual(
    (await api.table(path("v2"))).map(({ Host }) => Host),
    ["h"],
  );
  const invalid = await api.request("POST", path("v2"), {
    kind: "Route",
    metadata: { name: "b" },
    spec: { host: "h", port: "http" },
  });
  assert.match(invalid.message, /^Route\.example\.com "b" is invalid: spec\.port: Invalid value: "http"/);
  const deleted = await api.request("DELETE", path("v2", "/a"));
  assert.equal(deleted.status, 200, deleted.text);
});

test("objects stored in different versions are one list in either", async () => {
  const converter = new Converter();
  await using api = await serve(converter);
  await api.request("POST", path("v1"), { kind: "Route", metadata: { name: "a" }, spec: { hostPort: "a:1" } });
  const stored = (await api.request("GET", `${definitions}/${name}`)).json<{ metadata: object }>();
  const { spec } = definition("v2") as { spec: object };
  assert.equal((await api.request("PUT", `${definitions}/${name}`, { ...stored, spec })).status, 200);
  await until(api, async () => {
    const answer = await api.request("POST", `${path("v2")}?dryRun=All`, {
      kind: "Route",
      metadata: { name: "probe" },
      spec: { host: "x" },
    });
    const before = converter.calls.length;
    await api.request("POST", `${path("v1")}?dryRun=All`, {
      kind: "Route",
      metadata: { name: "probe" },
      spec: { hostPort: "x:1" },
    });
    return answer.status === 201 && converter.calls.slice(before).some(({ wanted }) => wanted === "example.com/v2");
  });
  await api.request("POST", path("v2"), { kind: "Route", metadata: { name: "b" }, spec: { host: "b", port: "2" } });
  const specs = async (version: string): Promise<unknown> => {
    const { items } = (await api.request("GET", path(version))).json<{ items: readonly Route[] }>();
    return items.map(({ apiVersion, spec }) => [apiVersion, spec]);
  };
  assert.deepEqual(await specs("v1"), [
    ["example.com/v1", { hostPort: "a:1" }],
    ["example.com/v1", { hostPort: "b:2" }],
  ]);
  assert.deepEqual(await specs("v2"), [
    ["example.com/v2", { host: "a", port: "1" }],
    ["example.com/v2", { host: "b", port: "2" }],
  ]);
  const merge = { headers: { "content-type": "application/merge-patch+json" } };
  const touched = await api.request("PATCH", path("v1", "/a"), { metadata: { labels: { x: "y" } } }, merge);
  assert.equal(touched.json<Route>().metadata.generation, 1, touched.text);
});

test("fields select what the served version has, whatever is stored", async () => {
  const converter = new Converter();
  await using api = await serve(converter);
  const listed = async (version: string, query: string): Promise<readonly string[]> => {
    const list = await api.request("GET", `${path(version)}?${query}`);
    assert.equal(list.status, 200, list.text);
    return list.json<{ items: Route[] }>().items.map(({ metadata }) => metadata.name);
  };
  const events = await watchEvents(api, `${path("v2")}?watch=true&fieldSelector=spec.host%3Dh`);
  for (const [each, host, port] of [
    ["a", "h", "80"],
    ["b", "other", "80"],
    ["c", "h", "8080"],
  ])
    await api.request("POST", path("v2"), { kind: "Route", metadata: { name: each }, spec: { host, port } });
  assert.deepEqual(await listed("v2", "fieldSelector=spec.host%3Dh"), ["a", "c"]);
  assert.deepEqual(await listed("v2", "fieldSelector=spec.host%3Dh,spec.port!%3D80"), ["c"]);
  assert.deepEqual(await listed("v2", "fieldSelector=spec.host%3Dh,metadata.name%3Da"), ["a"]);
  assert.deepEqual(await listed("v1", "fieldSelector=spec.hostPort%3Dother:80"), ["b"]);

  const page = await api.request("GET", `${path("v2")}?limit=1&fieldSelector=spec.host%3Dh`);
  const { items, metadata } = page.json<{ items: Route[]; metadata: { continue: string } }>();
  assert.deepEqual(
    items.map(({ metadata }) => metadata.name),
    ["a"],
  );
  const next = `limit=1&fieldSelector=spec.host%3Dh&continue=${encodeURIComponent(metadata.continue)}`;
  assert.deepEqual(await listed("v2", next), ["c"]);

  const patch = async (name: string, host: string): Promise<void> => {
    const headers = { "content-type": "application/merge-patch+json" };
    const patched = await api.request("PATCH", path("v2", `/${name}`), { spec: { host } }, { headers });
    assert.equal(patched.status, 200, patched.text);
  };
  await patch("a", "gone");
  await patch("b", "h");
  await api.request("DELETE", `${path("v2")}?fieldSelector=spec.host%3Dh,spec.port%3D8080`);
  assert.deepEqual(await listed("v2", ""), ["a", "b"]);
  assert.deepEqual(
    (await events(5)).map(({ type, object }) => [type, object.metadata.name, object.spec.host]),
    [
      ["ADDED", "a", "h"],
      ["ADDED", "c", "h"],
      ["DELETED", "a", "h"],
      ["ADDED", "b", "h"],
      ["DELETED", "c", "h"],
    ],
  );
});

test("a list of more objects than are kept parsed is converted whole", async () => {
  const converter = new Converter();
  await using api = await serve(converter, { parsedBytesMax: 8 * 1024 });
  const names = Array.from({ length: 60 }, (_, i) => `r${String(i).padStart(2, "0")}`);
  for (const each of names)
    await api.request("POST", path("v1"), { kind: "Route", metadata: { name: each }, spec: { hostPort: `${each}:1` } });
  const list = await api.request("GET", path("v2"));
  assert.equal(list.status, 200, list.text);
  assert.deepEqual(
    list.json<{ items: Route[] }>().items.map(({ spec }) => spec.host),
    names,
  );
  const watch = await watchEvents(api, `${path("v2")}?watch=true`);
  assert.deepEqual(
    (await watch(names.length)).map(({ object }) => object.spec.host),
    names,
  );
});

test("a watch sends converted objects in their order", async () => {
  const converter = new Converter();
  await using api = await serve(converter);
  await api.request("POST", path("v1"), { kind: "Route", metadata: { name: "a" }, spec: { hostPort: "a:1" } });
  const events = await watchEvents(api, `${path("v2")}?watch=true`);
  for (const each of ["b", "c"])
    await api.request("POST", path("v1"), { kind: "Route", metadata: { name: each }, spec: { hostPort: `${each}:1` } });
  await api.request("DELETE", path("v1", "/a"));
  assert.deepEqual(
    (await events(4)).map(({ type, object }) => [type, object.apiVersion, object.spec.host]),
    [
      ["ADDED", "example.com/v2", "a"],
      ["ADDED", "example.com/v2", "b"],
      ["ADDED", "example.com/v2", "c"],
      ["DELETED", "example.com/v2", "a"],
    ],
  );
});

test("answers that are none are failures in upstream's words, and what is stored stays readable in its version", async () => {
  const converter = new Converter();
  await using api = await serve(converter);
  await api.request("POST", path("v1"), { kind: "Route", metadata: { name: "a" }, spec: { hostPort: "a:1" } });
  const failure = "conversion webhook for example.com/v1, Kind=Route";
  const cases: readonly (readonly [(objects: Route[]) => object, string])[] = [
    [() => ({ convertedObjects: [] }), `${failure} returned 0 objects, expected 1`],
    [() => ({ result: { status: "Failed", message: "no such host" } }), `${failure} failed: no such host`],
    [() => ({ result: {} }), `${failure} failed: response.result.status was '', not 'Success'`],
    [() => ({ uid: "other" }), 'got "other"'],
    [
      ([first]) => ({ convertedObjects: [{ ...first, apiVersion: "example.com/v1" }] }),
      "invalid groupVersion (expected example.com/v2, received example.com/v1)",
    ],
    [
      ([first]) => ({ convertedObjects: [{ ...first, metadata: { ...first?.metadata, name: "b" } }] }),
      "must have the same name: a != b",
    ],
  ];
  for (const [spoil, message] of cases) {
    converter.spoil = spoil;
    const answer = await api.request("GET", path("v2", "/a"));
    assert.equal(answer.status, 500);
    assert.ok(answer.message.endsWith(message), answer.message);
  }
  converter.spoil = undefined;
  converter.isAway = true;
  const away = await api.request("GET", path("v2"));
  assert.equal(
    away.message,
    `${failure} failed: Post "https://convert.example.com/convert?timeout=30s": dial tcp 10.0.0.1:443: connect: connection refused`,
  );
  assert.equal((await api.request("GET", path("v1", "/a"))).status, 200);
  converter.isAway = false;
  converter.spoil = ([first]) => ({
    convertedObjects: [
      { ...first, metadata: { ...first?.metadata, labels: { a: "b" }, generation: 99, finalizers: ["x/y"] } },
    ],
  });
  const { metadata } = (await api.request("GET", path("v2", "/a"))).json<Route>();
  assert.deepEqual([metadata.labels, metadata.generation, "finalizers" in metadata], [{ a: "b" }, 1, false]);
});

test("a definition must say where its webhook is and what it speaks", async () => {
  await using api = await TestApiServer.start();
  const messageOf = async (conversion: object): Promise<string> => {
    const answer = await api.request("POST", definitions, definition("v1", conversion));
    return answer.message.replace(/^.*is invalid: /, "");
  };
  assert.equal(
    await messageOf({ strategy: "None" }),
    "[spec.conversion.webhookClientConfig: Forbidden: should not be set when strategy is not set to Webhook, spec.conversion.conversionReviewVersions: Forbidden: should not be set when strategy is not set to Webhook]",
  );
  assert.match(await messageOf({ strategy: "Other" }), /^\[spec\.conversion\.strategy: Unsupported value: "Other"/);
  assert.match(
    await messageOf({ webhook: { conversionReviewVersions: ["v1"] } }),
    /^spec\.conversion\.webhookClientConfig: Required value: required when strategy is set to Webhook/,
  );
  assert.match(
    await messageOf({ webhook: { conversionReviewVersions: ["v9"], clientConfig: { url: "https://a/b" } } }),
    /^spec\.conversion\.conversionReviewVersions: Invalid value: .*must include at least one of v1, v1beta1/,
  );
});
