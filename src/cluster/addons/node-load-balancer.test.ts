import assert from "node:assert/strict";
import { test } from "node:test";

import type { Service } from "../../api/core/v1/types.gen.ts";
import { nodes, services } from "../../api/resources.gen.ts";
import type { Input } from "../../apimachinery/resource-type.ts";
import { startControllers, type ControllerHarness } from "../../controller-runtime/testing/controller-harness.ts";
import { nodeLoadBalancerController } from "./node-load-balancer.ts";

const start = (): Promise<ControllerHarness> =>
  startControllers([nodeLoadBalancerController({ reservedPorts: [6443] })], async (client) => {
    const node = await client.resource(nodes).create({ metadata: { name: "n1" } });
    const addresses = [{ type: "InternalIP" as const, address: "198.18.0.1" }];
    const conditions = [{ type: "Ready" as const, status: "True" as const }];
    await client.resource(nodes).updateStatus({ ...node, status: { addresses, conditions } });
  });

function balanced(name: string, port: number, more: Partial<Input<Service["spec"]>> = {}): Input<Service> {
  const spec = { type: "LoadBalancer" as const, clusterIP: "10.96.0.9", ports: [{ port }], ...more };
  return { metadata: { name }, spec, status: { loadBalancer: {} } };
}

async function addresses(h: ControllerHarness, name: string): Promise<unknown> {
  return (await h.client.resource(services, "a").get(name)).status?.loadBalancer?.ingress;
}

const nodeAddress = [{ ip: "198.18.0.1", ipMode: "VIP" }];

test("a LoadBalancer gets the nodes' addresses and loses them with its type", async () => {
  await using h = await start();
  const resource = h.client.resource(services, "a");
  await resource.create(balanced("web", 80));
  await h.settle();
  assert.deepEqual(await addresses(h, "web"), nodeAddress);
  h.takeWrites();
  await h.pass(60_000);
  assert.deepEqual(h.takeWrites(), []);
  await resource.patch("web", "merge", { spec: { type: "ClusterIP" } });
  await h.settle();
  assert.equal(await addresses(h, "web"), undefined);
});

test("a port has one owner; the next gets it when it is free, and the nodes' own are nobody's", async () => {
  await using h = await start();
  const resource = h.client.resource(services, "a");
  await resource.create(balanced("first", 80));
  await h.settle();
  await resource.create(balanced("second", 80));
  await resource.create(balanced("api", 6443));
  await h.settle();
  assert.deepEqual(await addresses(h, "first"), nodeAddress);
  assert.equal(await addresses(h, "second"), undefined);
  assert.equal(await addresses(h, "api"), undefined);
  await resource.delete("first");
  await h.settle();
  assert.deepEqual(await addresses(h, "second"), nodeAddress);
});

test("other classes, and addresses that somebody else gave, are left alone", async () => {
  await using h = await start();
  const resource = h.client.resource(services, "a");
  await resource.create(balanced("cloud", 80, { loadBalancerClass: "example.com/cloud" }));
  const status = { loadBalancer: { ingress: [{ ip: "203.0.113.1" }] } };
  await resource.create({ ...balanced("given", 81), status });
  await h.settle();
  assert.equal(await addresses(h, "cloud"), undefined);
  assert.deepEqual(await addresses(h, "given"), [{ ip: "203.0.113.1" }]);
});

test("the address of a node that is gone, or has moved, goes", async () => {
  await using h = await start();
  const nodeClient = h.client.resource(nodes);
  const second = await nodeClient.create({ metadata: { name: "n2" } });
  const conditions = [{ type: "Ready" as const, status: "True" as const }];
  const at = (address: string) => ({ addresses: [{ type: "InternalIP" as const, address }], conditions });
  await nodeClient.updateStatus({ ...second, status: at("198.18.0.2") });
  await h.client.resource(services, "a").create(balanced("web", 80));
  await h.settle();
  const has = async (...ips: readonly string[]): Promise<void> =>
    assert.deepEqual(
      await addresses(h, "web"),
      ips.map((ip) => ({ ip, ipMode: "VIP" })),
    );
  await has("198.18.0.1", "198.18.0.2");
  await nodeClient.delete("n2");
  await h.settle();
  await has("198.18.0.1");
  // The only one there is gets another address: nothing in the status is a node's any more.
  const only = await nodeClient.get("n1");
  await nodeClient.updateStatus({ ...only, status: at("198.18.0.9") });
  await h.settle();
  await has("198.18.0.9");
});

test("a controller that starts when a node has gone takes its address away", async () => {
  await using h = await start();
  const ingress = ["198.18.0.1", "198.18.0.7"].map((ip) => ({ ip, ipMode: "VIP" as const }));
  await h.client.resource(services, "a").create({ ...balanced("web", 80), status: { loadBalancer: { ingress } } });
  await h.settle();
  assert.deepEqual(await addresses(h, "web"), nodeAddress);
});
