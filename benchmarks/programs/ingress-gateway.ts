/** A node's Ingress over an API server in memory, for ingress.ts: says its ports, serves until its input ends. */
import { endpointSlices, ingressClasses, ingresses, services } from "../../src/api/resources.gen.ts";
import { createInformerFactory } from "../../src/client/cache/informer-factory.ts";
import { createApiClient } from "../../src/client/rest/rest-client.ts";
import { FakeApiServer } from "../../src/client/testing/fake-api-server.ts";
import { SystemClock } from "../../src/component-base/clock.ts";
import { silentLogger } from "../../src/component-base/logger.ts";
import { MetricRegistry } from "../../src/component-base/metrics.ts";
import { SystemRandom } from "../../src/component-base/random.ts";
import { NodeIngress } from "../../src/ingress/node-ingress.ts";
import { listenForIngress, tlsProblemOf } from "../../src/node/ingress-listener.ts";

// Beside the one that is asked for, so that the table is not empty.
const otherHosts = 1000;

const backendPort = Number(process.argv[2]);
const [clock, random, logger] = [new SystemClock(), new SystemRandom(), silentLogger];
const client = createApiClient({ transport: new FakeApiServer(clock, random), userAgent: "bench", clock, random });
await client.resource(ingressClasses).create({ metadata: { name: "k8ts" }, spec: { controller: "k8ts.dev/ingress" } });
await client.resource(services, "ns").create({
  metadata: { name: "web" },
  spec: { clusterIP: "10.96.0.9", ports: [{ name: "http", port: 80 }] },
});
await client.resource(endpointSlices, "ns").create({
  metadata: { name: "web-1", labels: { "kubernetes.io/service-name": "web" } },
  addressType: "IPv4",
  ports: [{ name: "http", port: backendPort, protocol: "TCP" }],
  endpoints: [{ addresses: ["127.0.0.1"], conditions: { ready: true } }],
});
for (const host of ["web.example", ...Array.from({ length: otherHosts }, (_, i) => `other-${i}.example`)]) {
  const backend = { service: { name: "web", port: { number: 80 } } };
  await client.resource(ingresses, "ns").create({
    metadata: { name: host.replaceAll(".", "-") },
    spec: {
      ingressClassName: "k8ts",
      rules: [{ host, http: { paths: [{ path: "/", pathType: "Prefix", backend }] } }],
    },
  });
}
await using informers = createInformerFactory({ client, clock, random, logger });
const stop = new AbortController();
const ingress = new NodeIngress({
  nodeName: "node",
  informers,
  client,
  recorder: { event: () => {} },
  listen: async (handler) => {
    const listener = await listenForIngress(handler, { host: "127.0.0.1", httpPort: 0, httpsPort: 0, logger });
    process.stdout.write(`${listener.httpPort} ${listener.httpsPort}\n`);
    return listener;
  },
  problemOf: tlsProblemOf,
  clock,
  random,
  logger,
  metrics: new MetricRegistry(),
});
informers.start();
process.stdin.on("end", () => stop.abort()).resume();
await ingress.run(stop.signal);
