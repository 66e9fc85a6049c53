import assert from "node:assert/strict";
import { test } from "node:test";
import type { OwnerReference } from "../../apimachinery/meta/v1/types.gen.ts";
import { configMaps, deployments, namespaces, pods, replicaSets, secrets } from "../../api/resources.gen.ts";
import { newControllerRef, type Owned } from "../../controller-runtime/controller-ref.ts";
import { startControllers, type ControllerHarness } from "../../controller-runtime/testing/controller-harness.ts";
import { garbageCollectorController } from "./garbage-collector.ts";

const start = async (): Promise<ControllerHarness> => {
  const h = await startControllers([garbageCollectorController], async (_, server) => {
    server.served = [pods, configMaps, secrets, namespaces, deployments, replicaSets];
  });
  await h.settle();
  return h;
};

const map = (h: ControllerHarness, name: string, ...ownerReferences: OwnerReference[]) =>
  h.client.resource(configMaps, "a").create({ metadata: { name, ownerReferences } });
const ownedBy = (owner: Owned, block = false): OwnerReference => ({
  ...newControllerRef(configMaps, owner),
  controller: false,
  blockOwnerDeletion: block,
});
const names = async (h: ControllerHarness): Promise<string[]> =>
  (await h.client.resource(configMaps, "a").list()).items.map((o) => o.metadata.name).sort();
const remove = (h: ControllerHarness, name: string, propagationPolicy?: string): Promise<unknown> =>
  h.client.resource(configMaps, "a").delete(name, propagationPolicy ? { propagationPolicy } : {});

test("dependents follow their owner, through generations, and only then", async () => {
  await using h = await start();
  const top = await map(h, "top");
  const middle = await map(h, "middle", ownedBy(top));
  await map(h, "bottom", ownedBy(middle));
  await map(h, "other");
  await h.pass(60_000);
  assert.deepEqual(await names(h), ["bottom", "middle", "other", "top"]);
  await remove(h, "top");
  await h.settle();
  assert.deepEqual(await names(h), ["other"]);
});

test("a second owner keeps the object, and the reference to the first is taken off", async () => {
  await using h = await start();
  const one = await map(h, "one");
  const two = await map(h, "two");
  await map(h, "shared", ownedBy(one), ownedBy(two));
  await h.settle();
  await remove(h, "one");
  await h.settle();
  const shared = await h.client.resource(configMaps, "a").get("shared");
  assert.deepEqual(
    shared.metadata.ownerReferences?.map((r) => r.name),
    ["two"],
  );
});

test("an owner that never existed, or of another UID or kind, does not keep the object", async () => {
  await using h = await start();
  const real = await map(h, "real");
  await map(h, "ghost", { apiVersion: "v1", kind: "ConfigMap", name: "nobody", uid: "none" });
  await map(h, "replaced", { ...ownedBy(real), uid: "old-uid" });
  await map(h, "misnamed", { ...ownedBy(real), name: "wrong" });
  await h.pass(10_000);
  assert.deepEqual(await names(h), ["real"]);
});

test("an owner of a kind nobody serves keeps the object: not knowing is not absence", async () => {
  await using h = await start();
  await map(h, "custom", { apiVersion: "x.example/v1", kind: "Thing", name: "t", uid: "u" });
  await h.pass(60_000);
  assert.deepEqual(await names(h), ["custom"]);
});

test("foreground: the owner goes after the dependents that block it", async () => {
  await using h = await start();
  const owner = await map(h, "owner");
  const dependent = await h.client.resource(configMaps, "a").create({
    metadata: { name: "slow", finalizers: ["test/hold"], ownerReferences: [ownedBy(owner, true)] },
  });
  await map(h, "free", ownedBy(owner));
  await h.settle();
  await remove(h, "owner", "Foreground");
  await h.settle();
  assert.deepEqual(await names(h), ["owner", "slow"]);
  await h.client.resource(configMaps, "a").patch(dependent.metadata.name, "merge", { metadata: { finalizers: [] } });
  await h.settle();
  assert.deepEqual(await names(h), []);
});

test("orphan: dependents stay, without the reference", async () => {
  await using h = await start();
  const owner = await map(h, "owner");
  await map(h, "child", ownedBy(owner, true));
  await h.settle();
  await remove(h, "owner", "Orphan");
  await h.settle();
  assert.deepEqual(await names(h), ["child"]);
  const child = await h.client.resource(configMaps, "a").get("child");
  assert.deepEqual(child.metadata.ownerReferences ?? [], []);
});

test("a circle of blocking owners is deleted in the foreground all the same", async () => {
  await using h = await start();
  const one = await map(h, "one");
  const two = await map(h, "two", ownedBy(one, true));
  await h.client
    .resource(configMaps, "a")
    .patch("one", "merge", { metadata: { ownerReferences: [ownedBy(two, true)] } });
  await h.settle();
  await remove(h, "one", "Foreground");
  await h.pass(10_000);
  assert.deepEqual(await names(h), []);
});

test("kinds of several types own each other", async () => {
  await using h = await start();
  const set = await h.client.resource(replicaSets, "a").create({ metadata: { name: "rs" } });
  await h.client
    .resource(pods, "a")
    .create({ metadata: { name: "p", ownerReferences: [newControllerRef(replicaSets, set)] } });
  await h.settle();
  await h.client.resource(replicaSets, "a").delete("rs", { propagationPolicy: "Background" });
  await h.settle();
  assert.equal((await h.client.resource(pods, "a").list()).items.length, 0);
});
