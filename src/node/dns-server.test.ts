import assert from "node:assert/strict";
import { Resolver } from "node:dns/promises";
import { after, before, test } from "node:test";

import { createInformerFactory } from "../client/cache/informer-factory.ts";
import { createApiClient } from "../client/rest/rest-client.ts";
import { settle } from "../client/testing/drain.ts";
import { FakeApiServer } from "../client/testing/fake-api-server.ts";
import { endpointSlices, namespaces, services } from "../api/resources.gen.ts";
import { DnsService } from "../cluster-dns/dns-service.ts";
import { ClusterResolver } from "../cluster-dns/resolver.ts";
import { silentLogger } from "../component-base/logger.ts";
import { MetricRegistry } from "../component-base/metrics.ts";
import { SeededRandom } from "../component-base/random.ts";
import { SteppingClock } from "../component-base/stepping-clock.ts";
import { createForwarder, startDnsServer } from "./dns-server.ts";

const stack = new AsyncDisposableStack();
const resolver = new Resolver({ timeout: 2_000, tries: 1 });

before(async () => {
  const clock = new SteppingClock();
  const random = new SeededRandom(1);
  const transport = new FakeApiServer(clock, random);
  const client = createApiClient({ transport, userAgent: "test", clock, random });
  await client.resource(namespaces).create({ kind: "Namespace", metadata: { name: "shop" } });
  const create = (name: string, spec: object): Promise<unknown> =>
    client.resource(services, "shop").create({ kind: "Service", metadata: { name }, spec });
  await create("web", {
    clusterIP: "10.96.0.5",
    ports: [
      { name: "http", port: 80 },
      { name: "https", port: 443 },
    ],
  });
  await create("db", { clusterIP: "None", ports: [{ name: "sql", port: 5432 }] });
  await create("lonely", { clusterIP: "None" });
  await create("away", { type: "ExternalName", externalName: "example.org" });
  await create("alias", { type: "ExternalName", externalName: "web.shop.svc.cluster.local" });
  await client.resource(endpointSlices, "shop").create({
    kind: "EndpointSlice",
    metadata: { name: "db-1", labels: { "kubernetes.io/service-name": "db" } },
    addressType: "IPv4",
    ports: [{ name: "sql", port: 5432, protocol: "TCP" }],
    endpoints: [
      { addresses: ["10.244.0.7"], hostname: "db-0", conditions: { ready: true } },
      { addresses: ["10.244.0.8"], conditions: { ready: true } },
      { addresses: ["10.244.0.9"], conditions: { ready: false } },
    ],
  });
  const informers = stack.use(createInformerFactory({ client, clock, random, logger: silentLogger }));
  const service = new DnsService({
    resolver: new ClusterResolver({ clusterDomain: "cluster.local", informers }),
    metrics: new MetricRegistry(),
  });
  informers.start();
  await settle(1000);
  const server = stack.use(await startDnsServer({ service, host: "127.0.0.1", port: 0, logger: silentLogger }));
  resolver.setServers([`127.0.0.1:${server.port}`]);
});

after(() => stack.disposeAsync());

function refusedWith(code: string): (error: unknown) => boolean {
  return (error) => (error as { code?: unknown }).code === code;
}

test("a service has its cluster address, in any case of letters", async () => {
  assert.deepEqual(await resolver.resolve4("web.shop.svc.cluster.local"), ["10.96.0.5"]);
  assert.deepEqual(await resolver.resolve4("WEB.Shop.svc.Cluster.LOCAL"), ["10.96.0.5"]);
});

test("a headless service has its ready endpoints, each also by name", async () => {
  assert.deepEqual((await resolver.resolve4("db.shop.svc.cluster.local")).sort(), ["10.244.0.7", "10.244.0.8"]);
  assert.deepEqual(await resolver.resolve4("db-0.db.shop.svc.cluster.local"), ["10.244.0.7"]);
  assert.deepEqual(await resolver.resolve4("10-244-0-8.db.shop.svc.cluster.local"), ["10.244.0.8"]);
});

test("SRV records name port and target", async () => {
  const [web] = await resolver.resolveSrv("_http._tcp.web.shop.svc.cluster.local");
  assert.equal(web?.port, 80);
  assert.equal(web?.name, "web.shop.svc.cluster.local");
  const db = await resolver.resolveSrv("_sql._tcp.db.shop.svc.cluster.local");
  assert.deepEqual(db.map((r) => r.name).sort(), [
    "10-244-0-8.db.shop.svc.cluster.local",
    "db-0.db.shop.svc.cluster.local",
  ]);
  await assert.rejects(resolver.resolveSrv("_nope._tcp.web.shop.svc.cluster.local"), refusedWith("ENOTFOUND"));
});

test("an ExternalName is an alias, followed inside of the cluster", async () => {
  assert.deepEqual(await resolver.resolveCname("away.shop.svc.cluster.local"), ["example.org"]);
  assert.deepEqual(await resolver.resolve4("alias.shop.svc.cluster.local"), ["10.96.0.5"]);
});

test("a name without that type of record is empty, a name that is not there is not found", async () => {
  await assert.rejects(resolver.resolve6("web.shop.svc.cluster.local"), refusedWith("ENODATA"));
  await assert.rejects(resolver.resolve4("shop.svc.cluster.local"), refusedWith("ENODATA"));
  for (const name of ["nope.shop.svc", "web.nope.svc", "lonely.shop.svc", "a.b.web.shop.svc", "nope"]) {
    await assert.rejects(resolver.resolve4(`${name}.cluster.local`), refusedWith("ENOTFOUND"), name);
  }
});

test("addresses lead back to names", async () => {
  assert.deepEqual(await resolver.reverse("10.96.0.5"), ["web.shop.svc.cluster.local"]);
  assert.deepEqual(await resolver.reverse("10.244.0.7"), ["db-0.db.shop.svc.cluster.local"]);
});

test("pod addresses have names in existing namespaces", async () => {
  assert.deepEqual(await resolver.resolve4("10-244-0-7.shop.pod.cluster.local"), ["10.244.0.7"]);
  await assert.rejects(resolver.resolve4("10-244-0-7.nope.pod.cluster.local"), refusedWith("ENOTFOUND"));
});

test("names outside of the cluster are refused when nobody is there to ask", async () => {
  await assert.rejects(resolver.resolve4("example.org"), refusedWith("EREFUSED"));
});

test("an upstream server nobody can send to is a failed query, not the end of the process", async () => {
  // The kernel refuses to connect to a broadcast address: nothing is sent.
  await assert.rejects(createForwarder(["255.255.255.255"])(new Uint8Array(12), "udp"), refusedWith("EACCES"));
});
