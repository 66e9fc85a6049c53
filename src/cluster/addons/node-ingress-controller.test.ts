import assert from "node:assert/strict";
import { test } from "node:test";

import { events, ingressClasses, ingresses, nodes, services } from "../../api/resources.gen.ts";
import type { Ingress } from "../../api/networking/v1/types.gen.ts";
import type { Input } from "../../apimachinery/resource-type.ts";
import { startControllers, type ControllerHarness } from "../../controller-runtime/testing/controller-harness.ts";
import { ingressProblemAnnotation } from "../../ingress/node-ingress.ts";
import { nodeIngressController } from "./node-ingress-controller.ts";

const start = (): Promise<ControllerHarness> =>
  startControllers([nodeIngressController()], async (client) => {
    for (const n of [2, 1]) {
      const node = await client.resource(nodes).create({ metadata: { name: `n${n}` } });
      const addresses = [{ type: "InternalIP" as const, address: `198.18.0.${n}` }];
      await client.resource(nodes).updateStatus({ ...node, status: { addresses, conditions: ready("True") } });
    }
  });

const ready = (status: "True" | "False") => [{ type: "Ready" as const, status }];

function ingress(name: string, spec: Partial<Input<Ingress["spec"]>> = {}): Input<Ingress> {
  const defaultBackend = { service: { name: "web", port: { number: 80 } } };
  return { metadata: { name }, spec: { ingressClassName: "k8ts", defaultBackend, ...spec } };
}

async function addresses(h: ControllerHarness, name: string): Promise<readonly (string | undefined)[]> {
  const { status } = await h.client.resource(ingresses, "a").get(name);
  return (status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip);
}

test("there is a class, the default one; somebody's own of that name is left alone", async () => {
  await using h = await start();
  await h.settle();
  const made = await h.client.resource(ingressClasses).get("k8ts");
  assert.equal(made.spec.controller, "k8ts.dev/ingress");
  assert.equal(made.metadata.annotations?.["ingressclass.kubernetes.io/is-default-class"], "true");
  await h.client.resource(ingressClasses).patch("k8ts", "merge", { metadata: { annotations: null } });
  await h.settle();
  assert.equal((await h.client.resource(ingressClasses).get("k8ts")).metadata.annotations, undefined);
});

test("Ingresses of our classes have the Ready nodes' addresses, others what they have", async () => {
  await using h = await start();
  const all = h.client.resource(ingresses, "a");
  await all.create(ingress("ours"));
  const status = { loadBalancer: { ingress: [{ ip: "203.0.113.1" }] } };
  await all.create({ ...ingress("theirs", { ingressClassName: "nginx" }), status });
  await h.settle();
  assert.deepEqual(await addresses(h, "ours"), ["198.18.0.1", "198.18.0.2"]);
  assert.deepEqual(await addresses(h, "theirs"), ["203.0.113.1"]);
  h.takeWrites();
  await h.pass(60_000);
  assert.deepEqual(h.takeWrites(), []);
  const node = await h.client.resource(nodes).get("n1");
  await h.client.resource(nodes).updateStatus({ ...node, status: { ...node.status, conditions: ready("False") } });
  await h.settle();
  assert.deepEqual(await addresses(h, "ours"), ["198.18.0.2"]);
  await all.patch("ours", "merge", { spec: { ingressClassName: "nginx" } });
  await h.settle();
  assert.deepEqual(await addresses(h, "ours"), []);
});

test("backends that nobody can be sent to are told, until they are there", async () => {
  await using h = await start();
  const told = async (): Promise<readonly string[]> =>
    (await h.client.resource(events, "a").list()).items.map(({ reason, message }) => `${reason}: ${message}`);
  const all = h.client.resource(ingresses, "a");
  await all.create(ingress("i"));
  await h.settle();
  assert.deepEqual(await told(), ["InvalidBackend: Service web does not exist"]);
  const spec = { clusterIP: "10.96.0.9", ports: [{ port: 81 }] };
  await h.client.resource(services, "a").create({ metadata: { name: "web" }, spec });
  await h.settle();
  assert.deepEqual((await told()).slice(1), ["InvalidBackend: Service web has no port 80"]);
  await h.client.resource(services, "a").patch("web", "merge", { spec: { ports: [{ port: 80 }] } });
  await h.settle();
  assert.equal((await told()).length, 2);
});

test("a node that says it cannot serve Ingresses is in no status until it can", async () => {
  await using h = await start();
  await h.client.resource(ingresses, "a").create(ingress("i"));
  const say = (problem: string | null) =>
    h.client
      .resource(nodes)
      .patch("n1", "merge", { metadata: { annotations: { [ingressProblemAnnotation]: problem } } });
  await say("port 80 is taken");
  await h.settle();
  assert.deepEqual(await addresses(h, "i"), ["198.18.0.2"]);
  await say(null);
  await h.settle();
  assert.deepEqual(await addresses(h, "i"), ["198.18.0.1", "198.18.0.2"]);
});
