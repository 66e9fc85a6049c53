/** A node's DNS server over an API server in memory, for dns.ts: says its port, serves until its input ends. */
import { endpointSlices, namespaces, services } from "../../src/api/resources.gen.ts";
import { createInformerFactory } from "../../src/client/cache/informer-factory.ts";
import { createApiClient } from "../../src/client/rest/rest-client.ts";
import { FakeApiServer } from "../../src/client/testing/fake-api-server.ts";
import { DnsService } from "../../src/cluster-dns/dns-service.ts";
import { ClusterResolver } from "../../src/cluster-dns/resolver.ts";
import { SystemClock } from "../../src/component-base/clock.ts";
import { silentLogger } from "../../src/component-base/logger.ts";
import { MetricRegistry } from "../../src/component-base/metrics.ts";
import { SystemRandom } from "../../src/component-base/random.ts";
import { startDnsServer } from "../../src/node/dns-server.ts";

const [clock, random, logger] = [new SystemClock(), new SystemRandom(), silentLogger];
const client = createApiClient({ transport: new FakeApiServer(clock, random), userAgent: "bench", clock, random });
await client.resource(namespaces).create({ metadata: { name: "ns" } });
const ports = [{ name: "http", port: 80 }];
for (let n = 0; n < 1_000; n++) {
  const spec = { clusterIP: `10.96.${n >> 8}.${n & 255}`, ports };
  await client.resource(services, "ns").create({ metadata: { name: `s-${n}` }, spec });
}
for (let n = 0; n < 100; n++) {
  await client.resource(services, "ns").create({ metadata: { name: `h-${n}` }, spec: { clusterIP: "None", ports } });
  await client.resource(endpointSlices, "ns").create({
    metadata: { name: `h-${n}-1`, labels: { "kubernetes.io/service-name": `h-${n}` } },
    addressType: "IPv4",
    ports: [{ name: "http", port: 8080, protocol: "TCP" }],
    endpoints: [1, 2, 3].map((i) => ({ addresses: [`10.244.${n}.${i}`], conditions: { ready: true } })),
  });
}
await using informers = createInformerFactory({ client, clock, random, logger });
const resolver = new ClusterResolver({ clusterDomain: "cluster.local", informers });
informers.start();
await informers.waitForSync();
const service = new DnsService({ resolver, metrics: new MetricRegistry() });
await using server = await startDnsServer({ service, host: "127.0.0.1", port: 0, logger });
process.stdout.write(`${server.port}\n`);
await new Promise<void>((resolve) => {
  process.stdin.on("end", resolve).resume();
});
