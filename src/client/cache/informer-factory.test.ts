import assert from "node:assert/strict";
import { test } from "node:test";
import { configMaps } from "../../api/resources.gen.ts";
import { silentLogger } from "../../component-base/logger.ts";
import { SeededRandom } from "../../component-base/random.ts";
import { SteppingClock } from "../../component-base/stepping-clock.ts";
import { createApiClient } from "../rest/rest-client.ts";
import { settle, stepUntil } from "../testing/drain.ts";
import { FakeApiServer } from "../testing/fake-api-server.ts";
import { createInformerFactory } from "./informer-factory.ts";

function world(options: { readonly watchList?: boolean } = {}) {
  const clock = new SteppingClock();
  const random = new SeededRandom(1);
  const server = new FakeApiServer(clock, random);
  const client = createApiClient({ transport: server, userAgent: "test", clock, random });
  const informers = createInformerFactory({ client, clock, random, logger: silentLogger, freeze: true, ...options });
  return { clock, server, client, informers, maps: client.resource(configMaps, "a") };
}

function record(informer: ReturnType<ReturnType<typeof world>["informers"]["for"]>): string[] {
  const log: string[] = [];
  const name = (o: unknown): string => (o as { metadata: { name: string } }).metadata.name;
  informer.addEventHandler({
    onAdd: (o) => log.push(`add ${name(o)}`),
    onUpdate: (_, o) => log.push(`update ${name(o)}`),
    onDelete: (o, stale) => log.push(`delete ${name(o)}${stale ? " stale" : ""}`),
  });
  return log;
}

for (const watchList of [false, true]) {
  test(`an informer holds the list and follows the watch, watchList ${watchList}`, async () => {
    const { informers, maps } = world({ watchList });
    await using _ = informers;
    await maps.create({ metadata: { name: "one" } });
    const informer = informers.for(configMaps);
    const log = record(informer);
    informers.start();
    await informers.waitForSync();
    assert.equal(informer.lister.get("a", "one")?.kind, "ConfigMap");
    await maps.create({ metadata: { name: "two" }, data: { k: "1" } });
    await maps.patch("two", "merge", { data: { k: "2" } });
    await maps.delete("one");
    await settle();
    assert.deepEqual(log, ["add one", "add two", "update two", "delete one"]);
    assert.equal(informer.lister.getByKey("a/two")?.data?.["k"], "2");
    assert.equal(informer.lister.list("a").length, 1);
  });
}

test("a cut watch resumes where it was, without a relist", async () => {
  const { clock, informers, maps, server } = world();
  await using _ = informers;
  const log = record(informers.for(configMaps));
  informers.start();
  await informers.waitForSync();
  await maps.create({ metadata: { name: "one" } });
  await settle();
  server.cutWatches();
  await maps.create({ metadata: { name: "two" } });
  await stepUntil(clock, () => log.length === 2);
  assert.deepEqual(log, ["add one", "add two"]);
  assert.equal(server.requests.filter((r) => r.method === "GET").length, 1);
});

test("410 leads to a relist that tells the difference", async () => {
  const { clock, informers, maps, server } = world();
  await using _ = informers;
  await maps.create({ metadata: { name: "stays" } });
  await maps.create({ metadata: { name: "goes" } });
  await maps.create({ metadata: { name: "replaced" } });
  const log = record(informers.for(configMaps));
  informers.start();
  await informers.waitForSync();
  log.length = 0;
  // What follows happens between the end of the watch and its resumption.
  await settle();
  server.cutWatches();
  await settle();
  await maps.delete("goes");
  await maps.delete("replaced");
  await maps.create({ metadata: { name: "replaced" } });
  await maps.patch("stays", "merge", { data: { k: "v" } });
  server.compact();
  await stepUntil(clock, () => log.length >= 4);
  assert.deepEqual(log, ["update stays", "delete replaced stale", "add replaced", "delete goes stale"]);
});

test("failures back off and end in sync; a throwing handler harms nobody", async () => {
  const { clock, informers, maps, server } = world();
  await using _ = informers;
  await maps.create({ metadata: { name: "one" } });
  let failures = 3;
  server.intercept = (r) => (r.method === "GET" && failures-- > 0 ? { status: 500, body: "no" } : undefined);
  const informer = informers.for(configMaps);
  informer.addEventHandler({
    onAdd: () => {
      throw new Error("handler bug");
    },
  });
  const log = record(informer);
  informers.start();
  await stepUntil(clock, () => informer.hasSynced());
  assert.ok(clock.monotonic() >= 800 + 1600 + 3200);
  assert.deepEqual(log, ["add one"]);
});

test("cached objects are frozen for tests, and indexes follow changes", async () => {
  const { informers, maps } = world();
  await using _ = informers;
  const informer = informers.for(configMaps);
  assert.equal(informers.for(configMaps), informer);
  informer.addIndex("color", (o) => (o.data?.["color"] ? [o.data["color"]] : []));
  informers.start();
  await informers.waitForSync();
  await maps.create({ metadata: { name: "one" }, data: { color: "red" } });
  await settle();
  assert.equal(informer.lister.byIndex("color", "red").length, 1);
  await maps.patch("one", "merge", { data: { color: "blue" } });
  await settle();
  assert.equal(informer.lister.byIndex("color", "red").length, 0);
  assert.ok(Object.isFrozen(informer.lister.byIndex("color", "blue")[0]?.data));
});

test("a watch that is silent past its end is given up and resumed", async () => {
  const { clock, informers, maps, server } = world();
  await using _ = informers;
  const log = record(informers.for(configMaps));
  informers.start();
  await settle();
  // The connection is dead: nothing comes, and it does not end.
  let isDead = true;
  const send = server.send.bind(server);
  server.send = (request) => {
    if (!isDead || !request.path.includes("watch=true")) return send(request);
    const forever = new Promise<IteratorResult<Uint8Array>>((_, reject) =>
      request.signal?.addEventListener("abort", () => reject(request.signal?.reason), { once: true }),
    );
    const body = { [Symbol.asyncIterator]: () => ({ next: () => forever }) };
    return Promise.resolve({ status: 200, headers: {}, body });
  };
  server.cutWatches();
  await stepUntil(
    clock,
    () => clock.nextTimerIn() === undefined || clock.nextTimerIn() === 0 || clock.monotonic() > 800,
  );
  await maps.create({ metadata: { name: "one" } });
  isDead = false;
  await stepUntil(clock, () => log.length > 0, 700_000);
  assert.deepEqual(log, ["add one"]);
  assert.ok(clock.monotonic() >= 330_000);
});
