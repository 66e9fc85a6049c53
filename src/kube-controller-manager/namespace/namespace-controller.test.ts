import assert from "node:assert/strict";
import { test } from "node:test";
import { configMaps, namespaces, pods, secrets, serviceAccounts } from "../../api/resources.gen.ts";
import { startControllers, type ControllerHarness } from "../../controller-runtime/testing/controller-harness.ts";
import { rootCaCertPublisher } from "../root-ca-publisher/root-ca-cert-publisher.ts";
import { serviceAccountsController } from "../serviceaccount/service-accounts-controller.ts";
import { namespaceController } from "./namespace-controller.ts";

const start = (): Promise<ControllerHarness> =>
  startControllers(
    [namespaceController, serviceAccountsController, rootCaCertPublisher("PEM")],
    async (client, server) => {
      server.served = [pods, configMaps, secrets, serviceAccounts, namespaces];
      await client.resource(namespaces).create({ metadata: { name: "a" }, spec: { finalizers: ["kubernetes"] } });
    },
  );

const condition = async (h: ControllerHarness, type: string): Promise<readonly unknown[]> => {
  const found = (await h.client.resource(namespaces).get("a")).status.conditions?.find((c) => c.type === type);
  return [found?.status, found?.reason, found?.message];
};

test("every namespace has the default ServiceAccount and the CA, and gets them back", async () => {
  await using h = await start();
  await h.settle();
  await h.client.resource(serviceAccounts, "a").delete("default");
  await h.client.resource(configMaps, "a").patch("kube-root-ca.crt", "merge", { data: { "ca.crt": "forged" } });
  await h.settle();
  assert.equal((await h.client.resource(serviceAccounts, "a").get("default")).metadata.name, "default");
  assert.equal((await h.client.resource(configMaps, "a").get("kube-root-ca.crt")).data?.["ca.crt"], "PEM");
});

test("a deleted namespace is emptied and then gone", async () => {
  await using h = await start();
  await h.client.resource(secrets, "a").create({ metadata: { name: "s" } });
  await h.settle();
  await h.client.resource(namespaces).delete("a");
  await h.settle();
  assert.equal((await h.client.resource(namespaces).list()).items.length, 0);
  assert.equal((await h.client.resource(secrets, "a").list()).items.length, 0);
  assert.equal((await h.client.resource(configMaps, "a").list()).items.length, 0);
});

test("pods end before what they use, and their end is waited for", async () => {
  await using h = await start();
  await h.client.resource(pods, "a").create({ metadata: { name: "p" }, spec: { nodeName: "n" } });
  await h.settle();
  await h.client.resource(namespaces).delete("a");
  await h.settle();
  assert.equal((await h.client.resource(configMaps, "a").list()).items.length, 1);
  assert.deepEqual(await condition(h, "NamespaceContentRemaining"), [
    "True",
    "SomeResourcesRemain",
    "Some resources are remaining: pods has 1 resource instances",
  ]);
  await h.client.resource(pods, "a").delete("p", { gracePeriodSeconds: 0 });
  await h.settle();
  assert.equal((await h.client.resource(namespaces).list()).items.length, 0);
});

test("content with a finalizer is told and retried until it is gone", async () => {
  await using h = await start();
  await h.client.resource(secrets, "a").create({ metadata: { name: "s", finalizers: ["x/y"] } });
  await h.settle();
  await h.client.resource(namespaces).delete("a");
  await h.pass(1000);
  assert.deepEqual(await condition(h, "NamespaceFinalizersRemaining"), [
    "True",
    "SomeFinalizersRemain",
    "Some content in the namespace has finalizers remaining: x/y in 1 resource instances",
  ]);
  await h.client.resource(secrets, "a").patch("s", "merge", { metadata: { finalizers: [] } });
  await h.pass(60_000);
  assert.equal((await h.client.resource(namespaces).list()).items.length, 0);
});

test("while a server does not tell what it serves, the namespace stays and says why", async () => {
  await using h = await start();
  const flunders = { group: "example.com", version: "v1", resource: "flunders", kind: "Flunder", namespaced: true };
  h.server.served = [...h.server.served, flunders];
  h.server.unavailable = new Set(["example.com/v1"]);
  await h.client.resource(secrets, "a").create({ metadata: { name: "s" } });
  await h.settle();
  await h.client.resource(namespaces).delete("a");
  await h.pass(1000);
  assert.deepEqual(await condition(h, "NamespaceDeletionDiscoveryFailure"), [
    "True",
    "DiscoveryFailed",
    "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: example.com/v1: stale GroupVersion discovery: example.com/v1",
  ]);
  // What is known is gone already.
  assert.deepEqual((await h.client.resource(secrets, "a").list()).items, []);
  h.server.unavailable = new Set();
  await h.pass(60_000);
  assert.equal((await h.client.resource(namespaces).list()).items.length, 0);
});
