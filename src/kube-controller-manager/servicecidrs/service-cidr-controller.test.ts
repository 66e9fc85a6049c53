import assert from "node:assert/strict";
import { test } from "node:test";
import { ipAddresses, serviceCIDRs } from "../../api/resources.gen.ts";
import { startControllers, type ControllerHarness } from "../../controller-runtime/testing/controller-harness.ts";
import { serviceCidrController } from "./service-cidr-controller.ts";

const finalizer = "networking.k8s.io/service-cidr-finalizer";

async function start(cidrs: Readonly<Record<string, readonly string[]>>): Promise<ControllerHarness> {
  const h = await startControllers([serviceCidrController]);
  for (const [name, ranges] of Object.entries(cidrs))
    await h.client.resource(serviceCIDRs).create({ metadata: { name }, spec: { cidrs: ranges }, status: {} });
  await h.settle();
  return h;
}

async function allocate(h: ControllerHarness, name: string): Promise<void> {
  const labels = { "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io" };
  const spec = { parentRef: { resource: "services", namespace: "a", name: "s" } };
  await h.client.resource(ipAddresses).create({ metadata: { name, labels }, spec });
  await h.settle();
}

const names = async (h: ControllerHarness): Promise<readonly string[]> =>
  (await h.client.resource(serviceCIDRs).list()).items.map(({ metadata }) => metadata.name);
const readyOf = async (h: ControllerHarness, name: string) => {
  const { status } = await h.client.resource(serviceCIDRs).get(name);
  const condition = status.conditions?.find(({ type }) => type === "Ready");
  return [condition?.status, condition?.reason, condition?.message];
};

test("a range becomes ready and is protected; nothing more is written", async () => {
  await using h = await start({ one: ["10.0.0.0/24", "fd00::/112"] });
  assert.deepEqual((await h.client.resource(serviceCIDRs).get("one")).metadata.finalizers, [finalizer]);
  assert.deepEqual(await readyOf(h, "one"), ["True", "", "Kubernetes Service CIDR is ready"]);
  h.takeWrites();
  await h.pass(600_000);
  assert.deepEqual(h.takeWrites(), []);
});

test("a range that is deleted stays while addresses are of it alone, and ten seconds at least", async () => {
  await using h = await start({ one: ["10.0.0.0/24"] });
  await allocate(h, "10.0.0.7");
  await h.client.resource(serviceCIDRs).delete("one");
  await h.pass(60_000);
  assert.deepEqual(await readyOf(h, "one"), [
    "False",
    "Terminating",
    "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR",
  ]);
  await h.client.resource(ipAddresses).delete("10.0.0.7");
  await h.settle();
  assert.deepEqual(await names(h), []);
  await using unused = await start({ two: ["10.0.1.0/24"] });
  await unused.client.resource(serviceCIDRs).delete("two");
  await unused.pass(9_000);
  assert.deepEqual(await names(unused), ["two"]);
  await unused.pass(2_000);
  assert.deepEqual(await names(unused), []);
});

test("a range whose addresses another one has, too, may go", async () => {
  await using h = await start({ small: ["10.0.0.0/24"] });
  await allocate(h, "10.0.0.7");
  await h.client.resource(serviceCIDRs).delete("small");
  await h.pass(30_000);
  assert.deepEqual(await names(h), ["small"]);
  await h.client
    .resource(serviceCIDRs)
    .create({ metadata: { name: "large" }, spec: { cidrs: ["10.0.0.0/16"] }, status: {} });
  await h.settle();
  assert.deepEqual(await names(h), ["large"]);
});
