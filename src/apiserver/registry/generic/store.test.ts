import assert from "node:assert/strict";
import { test } from "node:test";
import { configMaps, events, pods } from "../../../api/resources.gen.ts";
import { builtinScheme } from "../../../api/scheme.ts";
import { SteppingClock } from "../../../component-base/stepping-clock.ts";
import type { KubeObject, Mutable } from "../../../apimachinery/resource-type.ts";
import { isConflict, isNotFound } from "../../../apimachinery/errors/status-error.ts";
import { TestServer } from "../../testing/test-server.ts";
import type { Json } from "../../testing/test-server.ts";
import { WatchReader } from "../../testing/watch-reader.ts";
import type { RequestContext, Strategy, SubresourceRequest } from "../rest/strategy.ts";

const scheme = builtinScheme();
const path = "/api/v1/namespaces/default";

const context: RequestContext = {
  user: { name: "system:test", groups: [] },
  namespace: "default",
  nowMs: 0,
  dryRun: false,
  warn: () => {},
};

test("objects with a time to live go together, and each is told of", async () => {
  const clock = new SteppingClock();
  const strategy: Strategy = { ttlSeconds: () => 3600 };
  await using server = await TestServer.start({ scheme, clock, strategies: { events: strategy } });
  const involvedObject = { kind: "Pod", namespace: "default", name: "p" };
  for (const name of ["a", "b"]) {
    const created = await server.request("POST", `${path}/events`, { metadata: { name }, involvedObject });
    assert.equal(created.status, 201, created.text);
  }
  const from = server.backend.revision();
  const reader = new WatchReader(
    await server.send("GET", `${path}/events?watch=1&timeoutSeconds=9999&resourceVersion=${from}`),
  );
  clock.step(3661 * 1000);
  assert.deepEqual(await reader.take(2), ["DELETED a", "DELETED b"]);
  assert.deepEqual(server.storage.lister(events).list(), []);
  await reader.close();
});

test("claims are committed with the write and rolled back with its failure or dry run", async () => {
  const log: string[] = [];
  const claim = (what: string) => ({
    commit: async () => void log.push(`commit ${what}`),
    rollback: async () => void log.push(`rollback ${what}`),
  });
  const strategy: Strategy = {
    beginCreate: async (object) => claim(`create ${object.metadata.name ?? ""}`),
    beginUpdate: async (object) => claim(`update ${object.metadata.name ?? ""}`),
  };
  await using server = await TestServer.start({ scheme, strategies: { configmaps: strategy } });
  const body = (data: object): object => ({ metadata: { name: "a" }, data });
  await server.request("POST", `${path}/configmaps?dryRun=All`, body({}));
  await server.request("POST", `${path}/configmaps`, body({}));
  await server.request("POST", `${path}/configmaps`, body({}));
  await server.request("PUT", `${path}/configmaps/a`, body({ k: "v" }));
  await server.request("PUT", `${path}/configmaps/a?dryRun=All`, body({ k: "w" }));
  assert.deepEqual(log, [
    "rollback create a",
    "commit create a",
    "rollback create a",
    "commit update a",
    "rollback update a",
  ]);
});

test("server-side code acts through the registry and reads through listers", async () => {
  await using server = await TestServer.start({ scheme });
  const lister = server.storage.lister(configMaps);
  const changes: string[] = [];
  lister.onChange((current, previous) => {
    changes.push(`${previous?.metadata.name ?? "-"} ${current?.metadata.name ?? "-"}`);
  });
  const registry = server.server.registry.resource(configMaps);
  const metadata = { name: "a", namespace: "default" };
  const created = await registry.create({ apiVersion: "v1", kind: "ConfigMap", metadata }, context);
  assert.equal(lister.get("default", "a"), created);
  const updated = await registry.update("default", "a", (copy) => void (copy.data = { k: "v" }), context);
  assert.equal(lister.get("default", "a")?.data?.k, "v");
  assert.equal(created.data, undefined);
  const stale = { preconditions: { resourceVersion: created.metadata.resourceVersion ?? "" } };
  await assert.rejects(
    registry.update("default", "a", () => {}, context, stale),
    isConflict,
  );
  await registry.delete("default", "a", { preconditions: { uid: updated.metadata.uid ?? "" } }, context);
  await assert.rejects(registry.get("default", "a"), isNotFound);
  assert.equal(lister.get("default", "a"), undefined);
  assert.deepEqual(changes, ["- a", "a a", "a -"]);
});

test("PUT creates where the strategy allows, for those who may create", async () => {
  const verbs: string[] = [];
  await using server = await TestServer.start({
    scheme,
    strategies: { leases: { allowCreateOnUpdate: true } },
    authorizer: {
      authorize: async ({ verb }) => {
        verbs.push(verb);
        return { decision: "allow" };
      },
    },
  });
  const leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
  const created = await server.request("PUT", `${leases}/l`, { metadata: { name: "l" } });
  assert.equal(created.status, 201, created.text);
  assert.match(String((created.json as Json).metadata?.uid), /^[0-9a-f-]{36}$/);
  assert.deepEqual(verbs, ["update", "create"]);
  assert.equal((await server.request("PUT", `${leases}/l`, { metadata: { name: "l" } })).status, 200);
  assert.equal((await server.request("PUT", `${path}/configmaps/c`, { metadata: { name: "c" } })).status, 404);
});

test("subresources: create takes a body of its kind, connect answers itself", async () => {
  const bound: string[] = [];
  const bind = async ({ body, name, namespace, registry, context }: SubresourceRequest): Promise<KubeObject> => {
    const target = (body as unknown as { target: { name: string } }).target.name;
    await registry.resource(pods).update(namespace, name, (pod) => void (pod.spec.nodeName = target), context);
    bound.push(`${name} ${target}`);
    return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success" } as KubeObject;
  };
  await using server = await TestServer.start({
    scheme,
    replaced: {
      pods: {
        subresources: {
          binding: { type: "create", create: bind },
          log: {
            type: "connect",
            connect: async ({ query }) => ({
              status: 200,
              headers: {},
              body: new TextEncoder().encode(query.get("container") ?? ""),
            }),
          },
        },
      },
    },
  });
  const spec = { containers: [{ name: "c", image: "i" }] };
  await server.request("POST", `${path}/pods`, { metadata: { name: "p" }, spec });
  const answer = await server.request("POST", `${path}/pods/p/binding`, { target: { name: "n1" } });
  assert.equal(answer.status, 201, answer.text);
  assert.deepEqual(bound, ["p n1"]);
  assert.equal(((await server.request("GET", `${path}/pods/p`)).json as Json).spec?.nodeName, "n1");
  assert.equal((await server.request("GET", `${path}/pods/p/log?container=c`)).text, "c");
  assert.equal((await server.request("DELETE", `${path}/pods/p/log`)).status, 405);
  assert.equal((await server.request("GET", `${path}/pods/p/nope`)).status, 404);
});

test("two versions of a resource are one storage, converted at the edge", async () => {
  const retype =
    (apiVersion: string, from: string, to: string) =>
    (object: KubeObject): Mutable<KubeObject> => {
      const { [from]: moved, ...rest } = object as unknown as Record<string, unknown>;
      return { ...rest, apiVersion, ...(moved === undefined ? {} : { [to]: moved }) } as unknown as Mutable<KubeObject>;
    };
  const convert = {
    toStorage: retype("v1", "note", "message"),
    fromStorage: retype("events.k8s.io/v1", "message", "note"),
  };
  const registrations = ["", "events.k8s.io"].map((group) => {
    const resource = scheme.resource(group, "v1", "events");
    assert.ok(resource);
    return { resource, ...(group === "" ? {} : { convert }) };
  });
  await using server = await TestServer.start({ scheme, registrations });
  const newer = "/apis/events.k8s.io/v1/namespaces/default/events";
  const watch = new WatchReader(await server.send("GET", `${newer}?watch=1`));
  const created = await server.request("POST", newer, { metadata: { name: "e" }, note: "hello" });
  assert.equal(created.status, 201, created.text);
  assert.equal((created.json as Json).apiVersion, "events.k8s.io/v1");
  assert.equal(((await server.request("GET", `${path}/events/e`)).json as Json).message, "hello");
  assert.equal(((await server.request("GET", newer)).json as Json).items?.[0]?.note, "hello");
  assert.equal((await watch.next())?.object.note, "hello");
  const missing = (await server.request("GET", `${newer}/x`)).json as Json;
  assert.equal(missing.message, 'events.events.k8s.io "x" not found');
  await watch.close();
});
