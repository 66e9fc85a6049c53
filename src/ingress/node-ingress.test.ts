import assert from "node:assert/strict";
import { test } from "node:test";

import type { Ingress, IngressClass } from "../api/networking/v1/types.gen.ts";
import type { Endpoint as SliceEndpoint, EndpointSlice } from "../api/discovery/v1/types.gen.ts";
import { endpointSlices, ingressClasses, ingresses, nodes, secrets, services } from "../api/resources.gen.ts";
import type { Input } from "../apimachinery/resource-type.ts";
import { createInformerFactory } from "../client/cache/informer-factory.ts";
import { createApiClient } from "../client/rest/rest-client.ts";
import { settle } from "../client/testing/drain.ts";
import { FakeApiServer } from "../client/testing/fake-api-server.ts";
import { base64Encode, utf8Encode } from "../component-base/bytes.ts";
import { silentLogger } from "../component-base/logger.ts";
import { MetricRegistry } from "../component-base/metrics.ts";
import { SeededRandom } from "../component-base/random.ts";
import { SteppingClock } from "../component-base/stepping-clock.ts";
import { ingressProblemAnnotation, NodeIngress } from "./node-ingress.ts";
import { ForwardError, type Endpoint, type ForwardedHead, type ForwardFailure, type IngressHandler } from "./ports.ts";

// A node's Ingress over fake ports: informers of a fake API server in, what the platform is asked to do out.

type Outcome = ForwardFailure | number;

interface Result {
  readonly status: number | undefined;
  readonly endpoints: readonly string[];
  readonly head: ForwardedHead | undefined;
}

async function start() {
  const [clock, random, logger] = [new SteppingClock(), new SeededRandom(1), silentLogger];
  const client = createApiClient({ transport: new FakeApiServer(clock, random), userAgent: "test", clock, random });
  const stack = new AsyncDisposableStack();
  const informers = stack.use(createInformerFactory({ client, clock, random, logger }));
  const events: string[] = [];
  const forgotten: string[] = [];
  const state = { listens: 0, isBusy: false };
  let handler: IngressHandler | undefined;
  const ingress = new NodeIngress({
    nodeName: "node",
    informers,
    client,
    recorder: {
      event: (target, _type, reason, message) => events.push(`${target.metadata.name} ${reason} ${message}`),
    },
    listen: async (given) => {
      if (state.isBusy) throw new Error("port 80 is taken");
      state.listens++;
      handler = given;
      return {
        forget: ({ ip }) => forgotten.push(ip),
        async [Symbol.asyncDispose]() {
          handler = undefined;
        },
      };
    },
    problemOf: ({ cert }) => (cert === "bad" ? "is bad" : undefined),
    clock,
    random,
    logger,
    metrics: new MetricRegistry(),
  });
  informers.start();
  const stop = new AbortController();
  const running = ingress.run(stop.signal);
  stack.defer(async () => {
    stop.abort();
    await running;
  });
  const pass = async (ms = 50): Promise<void> => {
    await settle();
    clock.step(ms);
    await settle();
  };
  await pass();
  const ask = async (
    target: string,
    outcomes: Readonly<Record<string, Outcome>> = {},
    request: { method?: string; hasBody?: boolean; isUpgrade?: boolean; host?: string } = {},
  ): Promise<Result> => {
    const { method = "GET", hasBody = false, isUpgrade = false, host = "h" } = request;
    const endpoints: string[] = [];
    let status: number | undefined;
    let head: ForwardedHead | undefined;
    await handler?.handle({
      method,
      target,
      headers: ["Host", host],
      isTls: false,
      peer: "192.0.2.1",
      localPort: 80,
      hasBody,
      isUpgrade,
      answer: (code) => void (status = code),
      forward: async ({ ip }: Endpoint, forwarded) => {
        endpoints.push(ip);
        head = forwarded;
        const outcome = outcomes[ip] ?? 200;
        if (typeof outcome === "string") throw new ForwardError(outcome);
        return (status = outcome);
      },
    });
    return { status, endpoints, head };
  };
  return {
    client,
    state,
    events,
    forgotten,
    pass,
    ask,
    isListening: () => handler !== undefined,
    certificate: (name: string) => handler?.certificateFor(name)?.cert,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

const ingressClass: Input<IngressClass> = { metadata: { name: "k8ts" }, spec: { controller: "k8ts.dev/ingress" } };

function ingress(name: string, spec: Partial<Input<Ingress["spec"]>> = {}): Input<Ingress> {
  const backend = { service: { name: "web", port: { name: "http" } } };
  return { metadata: { name }, spec: { ingressClassName: "k8ts", defaultBackend: backend, ...spec } };
}

function slice(endpoints: readonly (readonly [ip: string, conditions?: object])[]): Input<EndpointSlice> {
  return {
    metadata: { name: "web-1", labels: { "kubernetes.io/service-name": "web" } },
    addressType: "IPv4",
    ports: [{ name: "http", port: 8080, protocol: "TCP" }],
    endpoints: endpoints.map(([ip, conditions]): Input<SliceEndpoint> => ({
      addresses: [ip],
      conditions: { ready: true, ...conditions },
    })),
  };
}

async function withWeb(node: Awaited<ReturnType<typeof start>>, endpoints: Parameters<typeof slice>[0]): Promise<void> {
  const spec = { clusterIP: "10.96.0.9", ports: [{ name: "http", port: 80 }] };
  await node.client.resource(services, "ns").create({ metadata: { name: "web" }, spec });
  await node.client.resource(endpointSlices, "ns").create(slice(endpoints));
  await node.client.resource(ingressClasses).create(ingressClass);
  await node.client.resource(ingresses, "ns").create(ingress("i"));
  await node.pass();
}

test("ports are open while there is an Ingress of our class", async () => {
  await using node = await start();
  const all = node.client.resource(ingresses, "ns");
  await all.create(ingress("theirs", { ingressClassName: "nginx" }));
  await all.create(ingress("ours"));
  await node.pass();
  assert.equal(node.isListening(), false);
  await node.client.resource(ingressClasses).create(ingressClass);
  await node.pass();
  assert.equal(node.isListening(), true);
  await all.create(ingress("second"));
  await node.pass();
  assert.equal(node.state.listens, 1);
  await all.delete("ours");
  await all.delete("second");
  await node.pass();
  assert.equal(node.isListening(), false);
});

test("busy ports are told and tried again", async () => {
  await using node = await start();
  node.state.isBusy = true;
  await node.client.resource(nodes).create({ metadata: { name: "node" } });
  const problem = async (): Promise<string | undefined> =>
    (await node.client.resource(nodes).get("node")).metadata.annotations?.[ingressProblemAnnotation];
  await node.client.resource(ingressClasses).create(ingressClass);
  await node.client.resource(ingresses, "ns").create(ingress("i"));
  await node.pass();
  assert.deepEqual(node.events, ["i ListenFailed node node does not serve Ingresses: port 80 is taken"]);
  await node.pass(5_000);
  assert.equal(node.events.length, 1);
  await node.pass();
  assert.equal(await problem(), "port 80 is taken");
  // Whoever takes it away, or makes the Node anew, is told again.
  await node.client.resource(nodes).delete("node");
  await node.client.resource(nodes).create({ metadata: { name: "node" } });
  await node.pass();
  await node.pass();
  assert.equal(await problem(), "port 80 is taken");
  node.state.isBusy = false;
  await node.pass(6_000);
  assert.equal(node.isListening(), true);
  await node.pass();
  assert.equal(await problem(), undefined);
});

test("ready endpoints take turns; terminating ones serve only when they are all there is", async () => {
  await using node = await start();
  await withWeb(node, [["10.0.0.1"], ["10.0.0.2"], ["10.0.0.3", { ready: false }]]);
  const seen = [];
  for (let i = 0; i < 4; i++) seen.push(...(await node.ask("/")).endpoints);
  assert.deepEqual(seen, ["10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.2"]);
  const leaving = { ready: false, serving: true, terminating: true };
  const all = node.client.resource(endpointSlices, "ns");
  const update = async (endpoints: Parameters<typeof slice>[0]): Promise<void> => {
    const { metadata } = await all.get("web-1");
    await all.update({ ...slice(endpoints), metadata });
    await node.pass();
  };
  await update([["10.0.0.1", leaving], ["10.0.0.2"]]);
  assert.deepEqual(node.forgotten, ["10.0.0.1"]);
  for (let i = 0; i < 3; i++) assert.deepEqual((await node.ask("/")).endpoints, ["10.0.0.2"]);
  await update([["10.0.0.1", leaving]]);
  assert.deepEqual((await node.ask("/")).endpoints, ["10.0.0.1"]);
  await update([]);
  assert.equal((await node.ask("/")).status, 503);
});

test("what is tried again, and what is not", async () => {
  await using node = await start();
  await withWeb(node, [["10.0.0.1"], ["10.0.0.2"], ["10.0.0.3"], ["10.0.0.4"]]);
  const all = (outcome: Outcome): Record<string, Outcome> =>
    Object.fromEntries([1, 2, 3, 4].map((n) => [`10.0.0.${n}`, outcome]));
  const cases: readonly (readonly [string, Outcome, object, number | undefined, number])[] = [
    ["refused", "refused", {}, 502, 3],
    ["refused, with a body", "refused", { method: "POST", hasBody: true }, 502, 3],
    ["reset", "reset", {}, 502, 3],
    ["reset, with a body", "reset", { method: "PUT", hasBody: true }, 502, 1],
    ["reset, not idempotent", "reset", { method: "POST" }, 502, 1],
    ["reset, upgrade", "reset", { isUpgrade: true }, 502, 1],
    ["timeout", "timeout", {}, 504, 1],
    ["invalid", "invalid", {}, 502, 1],
    ["broken", "broken", {}, undefined, 1],
    ["client", "client", {}, undefined, 1],
  ];
  for (const [what, outcome, request, status, tries] of cases) {
    const result = await node.ask("/", all(outcome), request);
    assert.deepEqual([result.status, result.endpoints.length], [status, tries], what);
    assert.equal(new Set(result.endpoints).size, tries, what);
    await node.pass(2_000);
  }
});

test("who refused is left alone for a moment; a single endpoint is asked again after a reset", async () => {
  await using node = await start();
  await withWeb(node, [["10.0.0.1"], ["10.0.0.2"]]);
  assert.deepEqual((await node.ask("/", { "10.0.0.1": "refused" })).endpoints, ["10.0.0.1", "10.0.0.2"]);
  for (let i = 0; i < 4; i++) assert.deepEqual((await node.ask("/")).endpoints, ["10.0.0.2"]);
  await node.pass(1_500);
  const seen = new Set((await Promise.all([node.ask("/"), node.ask("/")])).flatMap((r) => r.endpoints));
  assert.equal(seen.size, 2);
  const slices = node.client.resource(endpointSlices, "ns");
  const { metadata } = await slices.get("web-1");
  await slices.update({ ...slice([["10.0.0.1"]]), metadata });
  await node.pass();
  assert.equal((await node.ask("/", { "10.0.0.1": "reset" })).endpoints.length, 3);
});

test("certificates follow their Secrets; an unusable one is told and does not replace a good one", async () => {
  await using node = await start();
  await node.client.resource(ingressClasses).create(ingressClass);
  const tls = [{ hosts: ["Shop.example", "*.shop.example"], secretName: "shop" }, { secretName: "any" }];
  await node.client.resource(ingresses, "ns").create(ingress("i", { tls }));
  await node.pass();
  const secret = (cert: string): Record<string, string> => ({
    "tls.crt": base64Encode(utf8Encode(cert)),
    "tls.key": base64Encode(utf8Encode("key")),
  });
  const missing = ["shop", "any"].map((name) => `i InvalidTLS Secret ns/${name} does not exist`);
  assert.deepEqual(node.events, missing);
  const all = node.client.resource(secrets, "ns");
  await all.create({ metadata: { name: "shop" }, data: secret("one") });
  await node.pass();
  assert.equal(node.certificate("shop.example"), "one");
  assert.equal(node.certificate("a.shop.example"), "one");
  assert.equal(node.certificate("b.a.shop.example"), undefined);
  assert.equal(node.certificate("other"), undefined);
  await all.create({ metadata: { name: "any" }, data: secret("any") });
  await all.patch("shop", "merge", { data: secret("two") });
  await node.pass();
  assert.equal(node.certificate("shop.example"), "two");
  assert.equal(node.certificate("other"), "any");
  assert.equal(node.certificate(""), "any");
  await all.patch("shop", "merge", { data: secret("bad") });
  await node.pass();
  assert.equal(node.certificate("shop.example"), "two");
  assert.deepEqual(node.events.slice(2), ["i InvalidTLS Secret ns/shop is bad"]);
  await all.delete("shop");
  await node.pass();
  assert.equal(node.certificate("shop.example"), "any");
  assert.deepEqual(node.events.slice(3), ["i InvalidTLS Secret ns/shop does not exist"]);
});
