import assert from "node:assert/strict";
import { test } from "node:test";
import type { EndpointSlice } from "../../api/discovery/v1/types.gen.ts";
import { endpoints, endpointSlices, events, services } from "../../api/resources.gen.ts";
import { startControllers, type ControllerHarness } from "../../controller-runtime/testing/controller-harness.ts";
import { endpointSliceMirroringController } from "./endpoint-slice-mirroring-controller.ts";

const list = async (h: ControllerHarness): Promise<readonly EndpointSlice[]> =>
  (await h.client.resource(endpointSlices, "a").list()).items;

test("custom Endpoints are mirrored, followed and cleared; those with a selector or opted out are not", async () => {
  await using h = await startControllers([endpointSliceMirroringController]);
  const ports = [{ name: "http", port: 80 }];
  await h.client.resource(services, "a").create({ metadata: { name: "db" }, spec: { ports } });
  const client = h.client.resource(endpoints, "a");
  await client.create({
    metadata: { name: "db", labels: { team: "x" }, annotations: { note: "1" } },
    subsets: [{ addresses: [{ ip: "10.0.0.1" }, { ip: "fd00::1" }], notReadyAddresses: [{ ip: "10.0.0.2" }], ports }],
  });
  await h.settle();
  const [v4, v6] = [...(await list(h))].sort((a, b) => (a.addressType < b.addressType ? -1 : 1));
  assert.deepEqual(
    v4?.endpoints?.map((e) => [e.addresses[0], e.conditions.ready]),
    [
      ["10.0.0.1", true],
      ["10.0.0.2", false],
    ],
  );
  assert.deepEqual(
    v6?.endpoints?.map((e) => e.addresses[0]),
    ["fd00::1"],
  );
  assert.deepEqual(v4?.metadata.labels, {
    team: "x",
    "kubernetes.io/service-name": "db",
    "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io",
  });
  assert.equal(v4?.metadata.ownerReferences?.[0]?.kind, "Endpoints");
  await client.patch("db", "merge", { subsets: [{ addresses: [{ ip: "10.0.0.9" }], ports }] });
  await h.settle();
  const [only, ...more] = await list(h);
  assert.deepEqual([only?.endpoints?.map((e) => e.addresses[0]), more.length], [["10.0.0.9"], 0]);
  h.takeWrites();
  await h.pass(600_000);
  assert.deepEqual(h.takeWrites(), []);
  await client.patch("db", "merge", { metadata: { labels: { "endpointslice.kubernetes.io/skip-mirror": "true" } } });
  await h.settle();
  assert.deepEqual(await list(h), []);
  await client.patch("db", "merge", { metadata: { labels: { "endpointslice.kubernetes.io/skip-mirror": null } } });
  await h.settle();
  assert.equal((await list(h)).length, 1);
  await h.client.resource(services, "a").patch("db", "merge", { spec: { selector: { app: "db" } } });
  await h.settle();
  assert.deepEqual(await list(h), []);
});

test("of more than a thousand addresses in a subset the rest is left out, and an event says so", async () => {
  await using h = await startControllers([endpointSliceMirroringController]);
  await h.client.resource(services, "a").create({ metadata: { name: "db" }, spec: { ports: [{ port: 80 }] } });
  const addresses = Array.from({ length: 1003 }, (_, i) => ({ ip: `10.0.${i >> 8}.${i & 255}` }));
  await h.client
    .resource(endpoints, "a")
    .create({ metadata: { name: "db" }, subsets: [{ addresses, ports: [{ port: 80 }] }] });
  await h.settle();
  assert.deepEqual(
    (await list(h)).map((slice) => slice.endpoints?.length),
    [1000],
  );
  const [told] = (await h.client.resource(events, "a").list()).items;
  assert.equal(told?.reason, "TooManyAddressesToMirror");
  assert.equal(
    told?.message,
    "A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. 3 addresses were skipped",
  );
});

test("Endpoints that were made anew own the slices", async () => {
  await using h = await startControllers([endpointSliceMirroringController]);
  await h.client.resource(services, "a").create({ metadata: { name: "db" }, spec: { ports: [{ port: 80 }] } });
  const client = h.client.resource(endpoints, "a");
  const source = { metadata: { name: "db" }, subsets: [{ addresses: [{ ip: "10.0.0.1" }], ports: [{ port: 80 }] }] };
  await client.create(source);
  await h.settle();
  await client.delete("db");
  const { metadata } = await client.create(source);
  await h.settle();
  assert.deepEqual(
    (await list(h)).map((slice) => slice.metadata.ownerReferences?.[0]?.uid),
    [metadata.uid],
  );
});
