import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Encode } from "../../component-base/bytes.ts";
import { SteppingClock } from "../../component-base/stepping-clock.ts";
import { builtinScheme } from "../../api/scheme.ts";
import type { Strategy } from "../registry/rest/strategy.ts";
import { TestServer } from "../testing/test-server.ts";
import type { Json } from "../testing/test-server.ts";
import { WatchReader } from "../testing/watch-reader.ts";

const scheme = builtinScheme();
const configMaps = "/api/v1/namespaces/default/configmaps";
const pods = "/api/v1/namespaces/default/pods";

const podStrategy: Strategy = {
  selectableFields: (object) => {
    const { spec } = object as { readonly spec?: { readonly nodeName?: string } };
    return { "spec.nodeName": spec?.nodeName ?? "" };
  },
};

async function start(clock = new SteppingClock()): Promise<TestServer> {
  return TestServer.start({ scheme, strategies: { pods: podStrategy }, clock });
}

async function put(server: TestServer, name: string, more: object = {}): Promise<string> {
  const body = { metadata: { name, ...more }, data: {} };
  const exists = (await server.request("GET", `${configMaps}/${name}`)).status === 200;
  const response = exists
    ? await server.request("PUT", `${configMaps}/${name}`, body)
    : await server.request("POST", configMaps, body);
  assert.ok(response.status < 300, response.text);
  return String((response.json as Json).metadata?.resourceVersion);
}

async function watch(server: TestServer, path: string): Promise<WatchReader> {
  const response = await server.send("GET", path);
  assert.equal(response.status, 200);
  return new WatchReader(response);
}

test("a watch from a revision gets every later change once and in order", async () => {
  await using server = await start();
  const from = await put(server, "a");
  await put(server, "b");
  const reader = await watch(server, `${configMaps}?watch=1&resourceVersion=${from}`);
  await put(server, "a", { labels: { x: "y" } });
  await server.request("DELETE", `${configMaps}/b`);
  assert.deepEqual(await reader.take(3), ["ADDED b", "MODIFIED a", "DELETED b"]);
  await reader.close();
});

test("without a revision, or from 0, a watch begins with what is there", async () => {
  await using server = await start();
  await put(server, "a");
  await put(server, "b");
  for (const query of ["", "&resourceVersion=0"]) {
    const reader = await watch(server, `${configMaps}?watch=1${query}`);
    assert.deepEqual(await reader.take(2), ["ADDED a", "ADDED b"]);
    await reader.close();
  }
});

test("a deletion event has the last state at the revision of the deletion", async () => {
  await using server = await start();
  const created = await put(server, "a", { labels: { k: "v" } });
  const reader = await watch(server, `${configMaps}?watch=1&resourceVersion=${created}`);
  await server.request("DELETE", `${configMaps}/a`);
  const event = await reader.next();
  assert.equal(event?.type, "DELETED");
  assert.deepEqual(event?.object.metadata.labels, { k: "v" });
  assert.equal(event?.object.metadata.resourceVersion, String(Number(created) + 1));
  await reader.close();
});

test("entering a selector is ADDED, leaving it DELETED", async () => {
  await using server = await start();
  const from = await put(server, "a", { labels: { app: "web" } });
  const reader = await watch(server, `${configMaps}?watch=1&resourceVersion=${from}&labelSelector=app%3Dweb`);
  await put(server, "a", { labels: { app: "web", more: "x" } });
  await put(server, "a", { labels: { app: "db" } });
  await put(server, "a", { labels: { app: "db", more: "y" } });
  await put(server, "a", { labels: { app: "web" } });
  await server.request("DELETE", `${configMaps}/a`);
  assert.deepEqual(await reader.take(4), ["MODIFIED a", "DELETED a", "ADDED a", "DELETED a"]);
  await reader.close();
});

test("watches by name, by namespace and by spec.nodeName see only theirs", async () => {
  await using server = await start();
  const byName = await watch(server, `/api/v1/pods?watch=1&fieldSelector=metadata.name%3Dp2`);
  const byNode = await watch(server, `/api/v1/pods?watch=1&fieldSelector=spec.nodeName%3Dn1`);
  const byNamespace = await watch(server, `${pods}?watch=1`);
  const elsewhere = await watch(server, `/api/v1/namespaces/other/pods?watch=1`);
  const pod = (name: string, nodeName?: string): object => ({
    metadata: { name },
    spec: { containers: [{ name: "c", image: "i" }], ...(nodeName ? { nodeName } : {}) },
  });
  await server.request("POST", pods, pod("p1", "n1"));
  await server.request("POST", pods, pod("p2"));
  await server.request("POST", "/api/v1/namespaces/other/pods", pod("p3", "n2"));
  await server.request("PUT", `${pods}/p2`, pod("p2", "n1"));
  await server.request("DELETE", `${pods}/p1`);
  assert.deepEqual(await byName.take(2), ["ADDED p2", "MODIFIED p2"]);
  assert.deepEqual(await byNode.take(3), ["ADDED p1", "ADDED p2", "DELETED p1"]);
  assert.deepEqual(await byNamespace.take(4), ["ADDED p1", "ADDED p2", "MODIFIED p2", "DELETED p1"]);
  assert.deepEqual(await elsewhere.take(1), ["ADDED p3"]);
  for (const reader of [byName, byNode, byNamespace, elsewhere]) await reader.close();
});

test("sendInitialEvents ends the initial state with an annotated bookmark", async () => {
  await using server = await start();
  await put(server, "a");
  const revision = await put(server, "b");
  const reader = await watch(
    server,
    `${configMaps}?watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&resourceVersion=`,
  );
  assert.deepEqual(await reader.take(2), ["ADDED a", "ADDED b"]);
  const bookmark = await reader.next();
  assert.equal(bookmark?.type, "BOOKMARK");
  assert.equal(bookmark?.object.kind, "ConfigMap");
  assert.equal(bookmark?.object.metadata.annotations?.["k8s.io/initial-events-end"], "true");
  assert.equal(bookmark?.object.metadata.resourceVersion, revision);
  await put(server, "c");
  assert.deepEqual(await reader.take(1), ["ADDED c"]);
  await reader.close();
  const refused = await server.request("GET", `${configMaps}?watch=1&sendInitialEvents=true`);
  assert.equal(refused.status, 422);
});

test("a bookmark of a watch of tables is a table whose row has the annotation", async () => {
  await using server = await start();
  await put(server, "a");
  const response = await server.send(
    "GET",
    `${configMaps}?watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan`,
    undefined,
    { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" },
  );
  const reader = new WatchReader(response);
  await reader.next();
  const table = (await reader.next())?.object as unknown as {
    readonly kind: string;
    readonly columnDefinitions: unknown;
    readonly metadata: object;
    readonly rows: readonly { readonly cells: readonly unknown[]; readonly object: Json }[];
  };
  assert.equal(table.kind, "Table");
  assert.equal(table.columnDefinitions, null);
  assert.deepEqual(Object.keys(table.metadata), ["resourceVersion"]);
  assert.equal(table.rows.length, 1);
  assert.deepEqual(table.rows[0]?.cells, ["", "<none>", "<unknown>"]);
  assert.equal(table.rows[0]?.object.kind, "PartialObjectMetadata");
  assert.equal(table.rows[0]?.object.metadata?.annotations?.["k8s.io/initial-events-end"], "true");
  await reader.close();
});

test("bookmarks come every minute and before the end; the watch ends at its timeout", async () => {
  const clock = new SteppingClock();
  await using server = await start(clock);
  await put(server, "a");
  const reader = await watch(server, `${configMaps}?watch=1&allowWatchBookmarks=true&timeoutSeconds=70`);
  assert.deepEqual(await reader.take(1), ["ADDED a"]);
  // Another resource's write moves the revision a bookmark tells.
  await server.request("POST", "/api/v1/namespaces", { metadata: { name: "n" } });
  clock.step(60_000);
  const bookmark = await reader.next();
  assert.equal(bookmark?.type, "BOOKMARK");
  assert.equal(bookmark?.object.metadata.resourceVersion, String(server.backend.revision()));
  clock.step(10_000);
  assert.deepEqual(await reader.take(2), ["BOOKMARK", "END"]);
});

test("a watch from before compaction gets an ERROR event 410", async () => {
  await using server = await start();
  const from = await put(server, "a");
  await put(server, "b");
  await put(server, "c");
  await server.backend.compact(server.backend.revision());
  await using restarted = await TestServer.start({ scheme, backend: server.backend });
  const reader = await watch(restarted, `${configMaps}?watch=1&resourceVersion=${from}`);
  const event = await reader.next();
  assert.equal(event?.type, "ERROR");
  assert.equal(event?.object.code, 410);
  assert.equal(event?.object.reason, "Expired");
  assert.equal(await reader.next(), undefined);
});

test("a watch resumes from history that the watch cache does not have", async () => {
  await using server = await start();
  const from = await put(server, "a");
  await put(server, "b");
  await server.request("DELETE", `${configMaps}/a`);
  await using restarted = await TestServer.start({ scheme, backend: server.backend });
  const reader = await watch(restarted, `${configMaps}?watch=1&resourceVersion=${from}`);
  assert.deepEqual(await reader.take(2), ["ADDED b", "DELETED a"]);
  await put(restarted, "c");
  await put(restarted, "d");
  assert.deepEqual(await reader.take(2), ["ADDED c", "ADDED d"]);
  await reader.close();
});

test("pages of a list are one snapshot; an expired token offers to go on without it", async () => {
  await using server = await start();
  for (const name of ["a", "b", "c", "d", "e"]) await put(server, name);
  const first = (await server.request("GET", `${configMaps}?limit=2`)).json as Json;
  assert.deepEqual(
    first.items?.map((i) => i.metadata?.name),
    ["a", "b"],
  );
  assert.equal(first.metadata?.remainingItemCount, 3);
  await server.request("DELETE", `${configMaps}/c`);
  await put(server, "bb");
  const token = encodeURIComponent(String(first.metadata?.continue));
  const second = (await server.request("GET", `${configMaps}?limit=2&continue=${token}`)).json as Json;
  assert.deepEqual(
    second.items?.map((i) => i.metadata?.name),
    ["c", "d"],
  );
  assert.equal(second.metadata?.resourceVersion, first.metadata?.resourceVersion);
  await server.backend.compact(server.backend.revision());
  const expired = await server.request("GET", `${configMaps}?limit=2&continue=${token}`);
  assert.equal(expired.status, 410);
  assert.match(String((expired.json as Json).message), /^The provided continue parameter is too old/);
  const fresh = encodeURIComponent(String((expired.json as Json).metadata?.continue));
  const rest = (await server.request("GET", `${configMaps}?continue=${fresh}`)).json as Json;
  assert.deepEqual(
    rest.items?.map((i) => i.metadata?.name),
    ["bb", "d", "e"],
  );
});

test("a list may take five minutes; its token then offers to go on without the snapshot", async () => {
  const clock = new SteppingClock();
  await using server = await TestServer.start({ scheme, clock });
  for (const name of ["a", "b", "c", "d", "e"]) await put(server, name);
  const get = async (query: string): Promise<Json> =>
    (await server.request("GET", `${configMaps}?${query}`)).json as Json;
  const tokenOf = (list: Json): string => encodeURIComponent(String(list.metadata?.continue));
  const first = await get("limit=2");
  await put(server, "f");
  clock.step(4 * 60_000);
  const second = await get(`limit=2&continue=${tokenOf(first)}`);
  assert.equal(second.metadata?.resourceVersion, first.metadata?.resourceVersion);
  clock.step(2 * 60_000);
  for (const [token, names] of [
    [tokenOf(first), ["c", "d", "e", "f"]],
    [tokenOf(second), ["e", "f"]],
  ] as const) {
    const expired = await get(`limit=2&continue=${token}`);
    assert.deepEqual([expired.code, expired.reason], [410, "Expired"]);
    const rest = await get(`limit=9&continue=${tokenOf(expired)}`);
    assert.deepEqual(
      rest.items?.map((i) => i.metadata?.name),
      names,
    );
    assert.notEqual(rest.metadata?.resourceVersion, first.metadata?.resourceVersion);
  }
});

test("resourceVersion of a list: any, not older than, exact, too large, too old", async () => {
  await using server = await start();
  const old = await put(server, "a");
  await put(server, "b");
  const names = async (query: string): Promise<unknown> => {
    const { json } = await server.request("GET", `${configMaps}?${query}`);
    return (json as Json).items?.map((i) => i.metadata?.name) ?? [(json as Json).code, (json as Json).message];
  };
  assert.deepEqual(await names("resourceVersion=0"), ["a", "b"]);
  assert.deepEqual(await names(`resourceVersion=${old}`), ["a", "b"]);
  assert.deepEqual(await names(`resourceVersion=${old}&resourceVersionMatch=NotOlderThan`), ["a", "b"]);
  assert.deepEqual(await names(`resourceVersion=${old}&resourceVersionMatch=Exact`), ["a"]);
  assert.deepEqual(await names("resourceVersion=999"), [
    504,
    `Timeout: Too large resource version: 999, current: ${server.backend.revision()}`,
  ]);
  assert.deepEqual(await names("resourceVersion=x"), [
    400,
    'invalid resource version: resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax',
  ]);
  await server.backend.compact(server.backend.revision());
  assert.deepEqual(await names(`resourceVersion=${old}&resourceVersionMatch=Exact`), [
    410,
    "The resourceVersion for the provided list is too old.",
  ]);
});

test("a client that does not read is closed when it is too far behind", async () => {
  await using server = await start();
  const response = await server.send("GET", `${configMaps}?watch=1`);
  const big = "x".repeat(200_000);
  await put(server, "a");
  for (let i = 0; i < 12; i++) await put(server, "a", { annotations: { big, i: String(i) } });
  // The buffer is full; what follows is queued, up to the limit.
  await server.backend.transact({
    compare: [],
    success: Array.from({ length: 10_050 }, (_, i) => ({
      type: "put",
      key: `/registry/configmaps/default/n${i}`,
      value: (revision) =>
        utf8Encode(
          `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"n${i}","resourceVersion":"${revision}"}}`,
        ),
    })),
  });
  const reader = new WatchReader(response);
  let count = 0;
  while (await reader.next()) count++;
  assert.ok(count < 10_000, `${count} events`);
});

test("shutdown ends watches and turns readiness off", async () => {
  const server = await start();
  const reader = await watch(server, `${configMaps}?watch=1`);
  server.server.startShutdown();
  assert.equal((await server.request("GET", "/readyz")).status, 500);
  assert.equal((await server.request("GET", "/livez")).status, 200);
  const ended = reader.next();
  await server[Symbol.asyncDispose]();
  assert.equal(await ended, undefined);
  assert.equal((await server.request("GET", configMaps)).status, 503);
});
