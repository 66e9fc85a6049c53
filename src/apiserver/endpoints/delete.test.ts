import assert from "node:assert/strict";
import { test } from "node:test";
import { SteppingClock } from "../../component-base/stepping-clock.ts";
import { builtinScheme } from "../../api/scheme.ts";
import type { Strategy } from "../registry/rest/strategy.ts";
import { TestServer } from "../testing/test-server.ts";
import type { Json } from "../testing/test-server.ts";

const scheme = builtinScheme();
const configMaps = "/api/v1/namespaces/default/configmaps";
const pods = "/api/v1/namespaces/default/pods";
const jsonMerge = { "content-type": "application/merge-patch+json" };

const podStrategy: Strategy = {
  gracePeriodSeconds: (_pod, requested) => requested ?? 30,
  returnDeletedObject: true,
};

async function start(strategies: Readonly<Record<string, Strategy>> = { pods: podStrategy }): Promise<TestServer> {
  return TestServer.start({ scheme, strategies, clock: new SteppingClock() });
}

const pod = (name: string, finalizers?: string[]): object => ({
  metadata: { name, ...(finalizers ? { finalizers } : {}) },
  spec: { containers: [{ name: "c", image: "i" }] },
});

test("a graceful deletion marks, may only be shortened, and ends with grace 0", async () => {
  await using server = await start();
  const get = async (): Promise<Json> => (await server.request("GET", `${pods}/p`)).json as Json;
  await server.request("POST", pods, pod("p"));
  const marked = await server.request("DELETE", `${pods}/p`);
  assert.equal(marked.status, 200);
  assert.equal((await get()).metadata?.deletionTimestamp, "2026-01-01T00:00:30Z");
  assert.equal((await get()).metadata?.deletionGracePeriodSeconds, 30);
  assert.equal((await get()).metadata?.generation, 2);
  await server.request("DELETE", `${pods}/p`, { gracePeriodSeconds: 60 });
  assert.equal((await get()).metadata?.deletionGracePeriodSeconds, 30);
  await server.request("DELETE", `${pods}/p`, { gracePeriodSeconds: 5 });
  assert.equal((await get()).metadata?.deletionTimestamp, "2026-01-01T00:00:05Z");
  assert.equal((await server.request("POST", pods, pod("p"))).status, 409);
  const gone = await server.request("DELETE", `${pods}/p`, { gracePeriodSeconds: 0 });
  assert.equal((gone.json as Json).kind, "Pod");
  assert.equal((await get()).code, 404);
});

test("finalizers hold an object until the last is removed; none may be added meanwhile", async () => {
  await using server = await start();
  const path = `${configMaps}/a`;
  await server.request("POST", configMaps, { metadata: { name: "a", finalizers: ["x.io/one", "x.io/two"] } });
  const marked = (await server.request("DELETE", path)).json as Json;
  assert.equal(marked.kind, "ConfigMap");
  assert.equal(marked.metadata?.deletionGracePeriodSeconds, 0);
  const again = await server.request("DELETE", path);
  assert.equal(again.status, 200);
  assert.equal((again.json as Json).metadata?.resourceVersion, marked.metadata?.resourceVersion);
  const added = await server.request("PATCH", path, { metadata: { finalizers: ["x.io/one", "x.io/new"] } }, jsonMerge);
  assert.equal(added.status, 422);
  assert.match(added.text, /no new finalizers can be added if the object is being deleted/);
  await server.request("PATCH", path, { metadata: { finalizers: ["x.io/two"] } }, jsonMerge);
  assert.equal((await server.request("GET", path)).status, 200);
  const last = await server.request("PATCH", path, { metadata: { finalizers: null } }, jsonMerge);
  assert.equal(last.status, 200);
  assert.equal((await server.request("GET", path)).status, 404);
});

test("propagation policies become finalizers", async () => {
  await using server = await start();
  for (const [policy, finalizers] of [
    ["Orphan", ["orphan"]],
    ["Foreground", ["foregroundDeletion"]],
  ] as const) {
    await server.request("POST", configMaps, { metadata: { name: "a" } });
    await server.request("DELETE", `${configMaps}/a`, { propagationPolicy: policy });
    const object = (await server.request("GET", `${configMaps}/a`)).json as Json;
    assert.deepEqual(object.metadata?.finalizers, finalizers);
    await server.request("PATCH", `${configMaps}/a`, { metadata: { finalizers: null } }, jsonMerge);
  }
  await server.request("POST", configMaps, { metadata: { name: "a" } });
  await server.request("DELETE", `${configMaps}/a?propagationPolicy=Background`);
  assert.equal((await server.request("GET", `${configMaps}/a`)).status, 404);
  const bad = await server.request("DELETE", `${configMaps}/a`, { propagationPolicy: "Nope" });
  assert.equal(bad.status, 422);
});

test("deletion preconditions", async () => {
  await using server = await start();
  const created = (await server.request("POST", configMaps, { metadata: { name: "a" } })).json as Json;
  for (const preconditions of [{ uid: "other" }, { resourceVersion: "1" }])
    assert.equal((await server.request("DELETE", `${configMaps}/a`, { preconditions })).status, 409);
  const uid = created.metadata?.uid;
  assert.equal((await server.request("DELETE", `${configMaps}/a`, { preconditions: { uid } })).status, 200);
});

test("deletecollection deletes what is selected", async () => {
  await using server = await start();
  for (const [name, app] of [
    ["a", "x"],
    ["b", "x"],
    ["c", "y"],
  ])
    await server.request("POST", configMaps, { metadata: { name, labels: { app } } });
  const deleted = (await server.request("DELETE", `${configMaps}?labelSelector=app%3Dx`)).json as Json;
  assert.deepEqual(
    deleted.items?.map((i) => i.metadata?.name),
    ["a", "b"],
  );
  const left = (await server.request("GET", configMaps)).json as Json;
  assert.deepEqual(
    left.items?.map((i) => i.metadata?.name),
    ["c"],
  );
});

test("finalizers of a kind's own hold it, too", async () => {
  const strategy: Strategy = {
    generation: "none",
    prepareForCreate: (object) => {
      (object as { spec?: unknown }).spec = { finalizers: ["kubernetes"] };
    },
    hasPendingFinalizers: (object) =>
      ((object as { spec?: { finalizers?: unknown[] } }).spec?.finalizers?.length ?? 0) > 0,
    prepareForGracefulDelete: (object) => {
      (object as { status?: unknown }).status = { phase: "Terminating" };
    },
  };
  await using server = await TestServer.start({
    scheme,
    strategies: { namespaces: strategy },
    replaced: {
      namespaces: {
        strategy,
        subresources: {
          finalize: {
            type: "object",
            strategy: {
              prepareForUpdate: (object, old) =>
                void Object.assign(object, { status: (old as { status?: unknown }).status }),
            },
          },
        },
      },
    },
  });
  await server.request("POST", "/api/v1/namespaces", { metadata: { name: "n" } });
  const marked = (await server.request("DELETE", "/api/v1/namespaces/n")).json as Json;
  assert.equal(marked.status?.phase, "Terminating");
  assert.equal(marked.metadata?.generation, undefined);
  const finalized = await server.request("PUT", "/api/v1/namespaces/n/finalize", {
    metadata: { name: "n" },
    spec: { finalizers: [] },
  });
  assert.equal(finalized.status, 200, finalized.text);
  assert.equal((await server.request("GET", "/api/v1/namespaces/n")).status, 404);
});
