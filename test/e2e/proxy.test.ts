import assert from "node:assert/strict";
import { get } from "node:http";
import { after, before, beforeEach, test } from "node:test";

import type { Service } from "../../src/api/core/v1/types.gen.ts";
import type { Endpoint } from "../../src/api/discovery/v1/types.gen.ts";
import { endpointSlices, nodes, services } from "../../src/api/resources.gen.ts";
import type { Input } from "../../src/apimachinery/resource-type.ts";
import { createInformerFactory } from "../../src/client/cache/informer-factory.ts";
import type { ApiClient } from "../../src/client/rest/api-client.ts";
import { createApiClient } from "../../src/client/rest/rest-client.ts";
import { FakeApiServer } from "../../src/client/testing/fake-api-server.ts";
import { SystemClock } from "../../src/component-base/clock.ts";
import { createLogger, silentLogger } from "../../src/component-base/logger.ts";
import { MetricRegistry } from "../../src/component-base/metrics.ts";
import { SeededRandom } from "../../src/component-base/random.ts";
import { Proxier } from "../../src/kube-proxy/proxier.ts";
import { servePlainHttp } from "../../src/node/plain-http-server.ts";
import { nftablesApplier } from "../../src/node/nftables.ts";
import { NetworkLab, type Host } from "./network-lab/lab.ts";
import { enterWorld, eventually } from "./world.ts";

// kube-proxy's rules judged by packets: pods a and b of this node, pod c of another, and a client outside of the cluster.

const world = await enterWorld(["nft", "conntrack"]);
const skip = typeof world === "string" ? world : false;
const nodeIp = "198.18.0.1";
const vip = "10.96.0.5";
const stack = new AsyncDisposableStack();
const errors: string[] = [];
let client: ApiClient;
let lab: NetworkLab;
let a: Host;
let b: Host;
let c: Host;
let outside: Host;

before(async () => {
  if (skip) return;
  lab = stack.use(new NetworkLab(nodeIp));
  await lab.start(["10.96.0.0/12", "203.0.113.0/24"]);
  [a, b, c, outside] = await Promise.all([
    lab.host("a", "10.244.0.2"),
    lab.host("b", "10.244.0.3"),
    lab.host("c", "10.244.1.2"),
    lab.host("outside", "192.0.2.9"),
  ]);
  for (const host of [a, b, c]) {
    await host.serve("tcp", 8080);
    await host.serve("udp", 8080);
  }
  const clock = new SystemClock();
  const random = new SeededRandom(1);
  client = createApiClient({ transport: new FakeApiServer(clock, random), userAgent: "test", clock, random });
  const labels = { "topology.kubernetes.io/zone": "here" };
  await client.resource(nodes).create({ kind: "Node", metadata: { name: "node", labels } });
  stack.defer(() => stopProxy());
  await startProxy();
});

after(async () => {
  await stack.disposeAsync();
  assert.deepEqual(errors, []);
});

beforeEach(async () => {
  if (skip) return;
  for (const resource of [client.resource(services, "default"), client.resource(endpointSlices, "default")]) {
    for (const { metadata } of (await resource.list()).items) await resource.delete(metadata.name);
  }
  await settled();
});

let stopProxy = async (): Promise<void> => {};

async function startProxy(): Promise<void> {
  const own = new AsyncDisposableStack();
  stopProxy = () => own.disposeAsync();
  const clock = new SystemClock();
  const random = new SeededRandom(1);
  const informers = own.use(createInformerFactory({ client, clock, random, logger: silentLogger }));
  const proxier = new Proxier({
    nodeName: "node",
    table: "test-proxy",
    podCidrs: ["10.244.0.0/16", "fd00::/56"],
    informers,
    applier: nftablesApplier(),
    serveHttp: servePlainHttp,
    statusAddresses: { metrics: { host: "127.0.0.1", port: 10_249 } },
    clock,
    logger: createLogger((record) => void errors.push(JSON.stringify(record)), "error"),
    metrics: new MetricRegistry(),
  });
  informers.start();
  const stop = new AbortController();
  const running = proxier.run(stop.signal);
  own.defer(async () => {
    stop.abort();
    await running;
  });
  await eventually("the proxy has synced", async () => proxier.hasSynced);
}

/**
 * Changes are in force within milliseconds, but there is nothing that says so; a Service and an EndpointSlice that come after
 * them do.
 */
let markers = 0;
async function settled(): Promise<void> {
  const clusterIP = `10.97.${markers >> 8}.${markers++ & 255}`;
  const name = `marker-${markers}`;
  const ports = [{ name: "tcp", port: 80 }];
  await client.resource(services, "marker").create({ kind: "Service", metadata: { name }, spec: { clusterIP, ports } });
  await client.resource(endpointSlices, "marker").create({
    kind: "EndpointSlice",
    metadata: { name, labels: { "kubernetes.io/service-name": name } },
    addressType: "IPv4",
    ports: [{ name: "tcp", port: 8080, protocol: "TCP" }],
    endpoints: [endpoint(b)],
  });
  await eventually("the marker answers", async () => (await a.probe("tcp", clusterIP, 80)).startsWith("b "));
}

function endpoint(host: Host, conditions: object = {}, more: Partial<Input<Endpoint>> = {}): Input<Endpoint> {
  return {
    addresses: [host.ip],
    nodeName: host === c ? "other" : "node",
    conditions: { ready: true, ...conditions },
    ...more,
  };
}

async function serve(
  spec: Partial<Input<Service["spec"]>>,
  endpoints: readonly Input<Endpoint>[],
  status: object = {},
): Promise<void> {
  const ports = [
    { name: "tcp", port: 80, protocol: "TCP" as const },
    { name: "udp", port: 80, protocol: "UDP" as const },
  ].map((p) => (spec.type === "NodePort" || spec.type === "LoadBalancer" ? { ...p, nodePort: 30_080 } : p));
  await setEndpoints(endpoints);
  const resource = client.resource(services, "default");
  const body = { kind: "Service", metadata: { name: "web" }, spec: { clusterIP: vip, ports, ...spec } };
  const existing = (await resource.list()).items.find((s) => s.metadata.name === "web");
  const saved = existing
    ? await resource.update({ ...body, metadata: { ...existing.metadata } } as Input<Service>)
    : await resource.create(body as Input<Service>);
  await resource.updateStatus({ ...saved, status: { loadBalancer: {}, ...status } });
  await settled();
}

async function setEndpoints(endpoints: readonly Input<Endpoint>[]): Promise<void> {
  const resource = client.resource(endpointSlices, "default");
  const [existing] = (await resource.list()).items;
  const metadata = { name: "web-1", labels: { "kubernetes.io/service-name": "web" } };
  const body = {
    kind: "EndpointSlice" as const,
    addressType: "IPv4" as const,
    ports: [
      { name: "tcp", port: 8080, protocol: "TCP" as const },
      { name: "udp", port: 8080, protocol: "UDP" as const },
    ],
    endpoints,
  };
  if (existing) await resource.update({ ...body, metadata: { ...existing.metadata } });
  else await resource.create({ ...body, metadata });
}

/** Who answers, over several tries. */
async function answers(from: Host, host: string, port: number, protocol: "tcp" | "udp" = "tcp"): Promise<string[]> {
  const all = await Promise.all(Array.from({ length: 16 }, () => from.probe(protocol, host, port)));
  return [...new Set(all.map((text) => text.split(" ")[0] ?? ""))].sort();
}

test(
  "a cluster address balances over all endpoints, from pods and the node, and keeps pods' addresses",
  { skip },
  async () => {
    await serve({}, [endpoint(a), endpoint(b)]);
    for (const protocol of ["tcp", "udp"] as const) {
      assert.deepEqual(await answers(c, vip, 80, protocol), ["a", "b"]);
      assert.deepEqual(await answers(lab.node, vip, 80, protocol), ["a", "b"]);
    }
    assert.match(await c.probe("tcp", vip, 80), / 10\.244\.1\.2$/);
    assert.equal(await c.probe("tcp", vip, 81), "ECONNREFUSED");
  },
);

test("a pod reaches itself through its Service", { skip }, async () => {
  await serve({}, [endpoint(a)]);
  assert.match(await a.probe("tcp", vip, 80), /^a /);
  assert.match(await a.probe("udp", vip, 80), /^a /);
});

test("no endpoints: refused", { skip }, async () => {
  await serve({ type: "NodePort" }, []);
  for (const protocol of ["tcp", "udp"] as const) {
    assert.equal(await a.probe(protocol, vip, 80), "ECONNREFUSED");
    assert.equal(await outside.probe(protocol, nodeIp, 30_080), "ECONNREFUSED");
  }
  for (const [host, port] of [
    [vip, 80],
    [nodeIp, 30_080],
  ] as const) {
    assert.equal(await lab.node.probe("tcp", host, port), "ECONNREFUSED");
    // What the node itself sends is refused before it is sent: the kernel says so to whoever sends, as with upstream's rules.
    assert.equal(await lab.node.probe("udp", host, port), "EPERM");
  }
});

test("node ports, external and load balancer addresses lead to all endpoints, masqueraded", { skip }, async () => {
  const spec = {
    type: "LoadBalancer" as const,
    externalIPs: ["203.0.113.5"],
    externalTrafficPolicy: "Cluster" as const,
  };
  await serve(spec, [endpoint(a), endpoint(c)], { loadBalancer: { ingress: [{ ip: "203.0.113.6", ipMode: "VIP" }] } });
  for (const [host, port] of [
    [nodeIp, 30_080],
    ["203.0.113.5", 80],
    ["203.0.113.6", 80],
  ] as const) {
    assert.deepEqual(await answers(outside, host, port), ["a", "c"]);
    assert.deepEqual(await answers(b, host, port), ["a", "c"]);
    assert.deepEqual(await answers(lab.node, host, port), ["a", "c"]);
    assert.doesNotMatch(await outside.probe("tcp", host, port), /192\.0\.2\.9/);
  }
  // A load balancer that rewrites addresses itself is to be gone through.
  await serve(spec, [endpoint(a)], { loadBalancer: { ingress: [{ ip: "203.0.113.6", ipMode: "Proxy" }] } });
  assert.notEqual((await outside.probe("tcp", "203.0.113.6", 80)).slice(0, 2), "a ");
});

test("load balancer source ranges let in whom they name, also when they overlap", { skip }, async () => {
  const status = { loadBalancer: { ingress: [{ ip: "203.0.113.6" }] } };
  const ranges = (loadBalancerSourceRanges: string[]) => ({ type: "LoadBalancer" as const, loadBalancerSourceRanges });
  await serve(ranges(["192.0.0.0/16", "192.0.2.0/24", " 10.1.0.0/16"]), [endpoint(a)], status);
  assert.match(await outside.probe("tcp", "203.0.113.6", 80), /^a /);
  assert.equal(await b.probe("tcp", "203.0.113.6", 80), "timeout");
  await serve(ranges(["10.1.0.0/16"]), [endpoint(a)], status);
  assert.equal(await outside.probe("tcp", "203.0.113.6", 80), "timeout");
});

test(
  "external policy Local keeps the client's address, drops without endpoint, and does not bind pods",
  { skip },
  async () => {
    const spec = { type: "NodePort" as const, externalTrafficPolicy: "Local" as const };
    await serve(spec, [endpoint(a), endpoint(c)]);
    assert.deepEqual(await answers(outside, nodeIp, 30_080), ["a"]);
    assert.match(await outside.probe("tcp", nodeIp, 30_080), / 192\.0\.2\.9$/);
    assert.deepEqual(await answers(b, nodeIp, 30_080), ["a", "c"]);
    await serve(spec, [endpoint(c)]);
    assert.equal(await outside.probe("tcp", nodeIp, 30_080), "timeout");
    assert.deepEqual(await answers(b, nodeIp, 30_080), ["c"]);
    assert.deepEqual(await answers(lab.node, nodeIp, 30_080), ["c"]);
  },
);

test("internal policy Local uses local endpoints and drops without", { skip }, async () => {
  await serve({ internalTrafficPolicy: "Local" }, [endpoint(a), endpoint(c)]);
  assert.deepEqual(await answers(b, vip, 80), ["a"]);
  await serve({ internalTrafficPolicy: "Local" }, [endpoint(c)]);
  assert.equal(await b.probe("tcp", vip, 80), "timeout");
});

test("affinity holds a client to one endpoint on all ways, until it is switched", { skip }, async () => {
  const affine = { type: "NodePort" as const, sessionAffinity: "ClientIP" as const };
  const three = [endpoint(a), endpoint(b), endpoint(c)];
  await serve(affine, three);
  const chosen = await answers(outside, nodeIp, 30_080);
  assert.equal(chosen.length, 1);
  assert.deepEqual(await answers(outside, vip, 80), chosen);
  // It survives changes of others.
  await serve(affine, [
    ...three.filter((e) => e.addresses?.[0] === [a, b, c].find((h) => h.name === chosen[0])?.ip),
    endpoint(b),
  ]);
  assert.deepEqual(await answers(outside, vip, 80), chosen);
  await serve({ type: "NodePort" }, three);
  assert.equal((await answers(outside, vip, 80)).length, 3);
  await serve({ ...affine, sessionAffinityConfig: { clientIP: { timeoutSeconds: 1 } } }, three);
  assert.equal((await answers(outside, vip, 80)).length, 1);
  const seen = new Set<string>();
  await eventually(
    "affinity runs out",
    async () => {
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      seen.add((await outside.probe("tcp", vip, 80)).slice(0, 1));
      return seen.size > 1;
    },
    30_000,
  );
});

test("who loses its endpoint gets another one, and keeps that", { skip }, async () => {
  const affine = { type: "NodePort" as const, sessionAffinity: "ClientIP" as const };
  const three = [endpoint(a), endpoint(b), endpoint(c)];
  await serve(affine, three);
  const [chosen] = await answers(outside, vip, 80);
  await serve(
    affine,
    three.filter((e) => e.addresses?.[0] !== [a, b, c].find((h) => h.name === chosen)?.ip),
  );
  const next = await answers(outside, vip, 80);
  assert.equal(next.length, 1);
  assert.notEqual(next[0], chosen);
  assert.deepEqual(await answers(outside, nodeIp, 30_080), next);
});

test("who was sent to an endpoint stays there when the proxy starts again", { skip }, async () => {
  const affinity = {
    sessionAffinity: "ClientIP",
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 100 } },
  } as const;
  await serve({ type: "NodePort", ...affinity }, [endpoint(a), endpoint(b), endpoint(c)]);
  const askAll = async (): Promise<readonly string[]> => {
    // Not from the pod of another node: it would not come by here, and cannot be sent to itself.
    const ways = [a, b].map((host) => host.probe("tcp", vip, 80));
    return (await Promise.all([...ways, outside.probe("tcp", nodeIp, 30_080)])).map((answer) => answer.slice(0, 2));
  };
  const chosen = await askAll();
  for (let i = 0; i < 3; i++) {
    // Whatever is numbered anew is numbered in another order.
    await settled();
    await stopProxy();
    await startProxy();
    assert.deepEqual(await askAll(), chosen);
  }
  const gone = chosen[0] === "a " ? a : chosen[0] === "b " ? b : c;
  await stopProxy();
  await setEndpoints([a, b, c].filter((host) => host !== gone).map((host) => endpoint(host)));
  await startProxy();
  const now = await askAll();
  assert.deepEqual(
    now.map((who, i) => (chosen[i] === chosen[0] ? who !== chosen[0] : who === chosen[i])),
    now.map(() => true),
  );
  assert.deepEqual(await askAll(), now);
});

test("terminating endpoints serve when there is no other", { skip }, async () => {
  const leaving = { ready: false, serving: true, terminating: true };
  await serve({}, [endpoint(a, leaving), endpoint(b)]);
  assert.deepEqual(await answers(c, vip, 80), ["b"]);
  await serve({}, [endpoint(a, leaving)]);
  assert.deepEqual(await answers(c, vip, 80), ["a"]);
  await serve({}, [endpoint(a, { ready: false, serving: false, terminating: true })]);
  assert.equal(await c.probe("tcp", vip, 80), "ECONNREFUSED");
});

test("hints keep traffic in the zone or on the node when all endpoints have them", { skip }, async () => {
  const zone = (name: string) => ({ hints: { forZones: [{ name }] } });
  await serve({}, [endpoint(a, {}, zone("here")), endpoint(b, {}, zone("there"))]);
  assert.deepEqual(await answers(c, vip, 80), ["a"]);
  await serve({}, [endpoint(a, {}, zone("here")), endpoint(b)]);
  assert.deepEqual(await answers(c, vip, 80), ["a", "b"]);
  const node = (name: string) => ({ hints: { forNodes: [{ name }], forZones: [{ name: "here" }] } });
  await serve({}, [endpoint(a, {}, node("node")), endpoint(c, {}, node("other"))]);
  assert.deepEqual(await answers(b, vip, 80), ["a"]);
});

test("a UDP flow leaves an endpoint that is gone, and finds the first that comes", { skip }, async () => {
  await serve({ type: "NodePort" }, [endpoint(a)]);
  const flow = { sourcePort: 5_353 };
  for (const [host, port] of [
    [vip, 80],
    [nodeIp, 30_080],
  ] as const) {
    // Flows are forgotten just after the rules are in force.
    const leadsTo = (beginning: string): Promise<void> =>
      eventually(`the flow leads to ${beginning}`, async () =>
        (await outside.probe("udp", host, port, flow)).startsWith(beginning),
      );
    await serve({ type: "NodePort" }, [endpoint(a)]);
    await leadsTo("a ");
    await serve({ type: "NodePort" }, [endpoint(b)]);
    await leadsTo("b ");
    await serve({ type: "NodePort" }, []);
    await leadsTo("ECONNREFUSED");
    await serve({ type: "NodePort" }, [endpoint(c)]);
    await leadsTo("c ");
  }
});

test("the proxy tells its mode and its metrics to the node alone", { skip }, async () => {
  const text = async (host: string, path: string): Promise<string> =>
    (await fetch(`http://${host}:10249${path}`)).text();
  assert.equal(await text("127.0.0.1", "/proxyMode"), "nftables");
  assert.match(await text("127.0.0.1", "/metrics"), /kubeproxy_sync_proxy_rules_duration_seconds_count [1-9]/);
  await assert.rejects(text(nodeIp, "/proxyMode"), /fetch failed/);
});

test("Services of other proxies are left alone", { skip }, async () => {
  await serve({}, [endpoint(a)]);
  assert.match(await b.probe("tcp", vip, 80), /^a /);
  const resource = client.resource(services, "default");
  await resource.patch("web", "merge", { metadata: { labels: { "service.kubernetes.io/service-proxy-name": "x" } } });
  await settled();
  assert.notEqual((await b.probe("tcp", vip, 80)).slice(0, 2), "a ");
});

test("the health check port tells of local endpoints", { skip }, async () => {
  const spec = { type: "LoadBalancer" as const, externalTrafficPolicy: "Local" as const, healthCheckNodePort: 31_999 };
  await serve(spec, [endpoint(a), endpoint(c)]);
  assert.deepEqual(await health(31_999), [
    200,
    { service: { namespace: "default", name: "web" }, localEndpoints: 1, serviceProxyHealthy: true },
  ]);
  await serve(spec, [endpoint(c)]);
  assert.equal((await health(31_999))[0], 503);
  await serve({ ...spec, externalTrafficPolicy: "Cluster" }, [endpoint(c)]);
  await eventually("nobody listens", async () => (await health(31_999).catch(() => "refused")) === "refused");
});

function health(port: number): Promise<[number, unknown]> {
  return new Promise((resolve, reject) => {
    get({ host: nodeIp, port, agent: false }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => resolve([response.statusCode ?? 0, JSON.parse(text)]));
    }).on("error", reject);
  });
}
