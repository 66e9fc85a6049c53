import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod, Service } from "../../api/core/v1/types.gen.ts";
import type { EndpointSlice } from "../../api/discovery/v1/types.gen.ts";
import type { Input } from "../../apimachinery/resource-type.ts";
import { endpoints, endpointSlices, nodes, pods, services } from "../../api/resources.gen.ts";
import { startControllers, type ControllerHarness } from "../../controller-runtime/testing/controller-harness.ts";
import { endpointsController } from "../endpoints/endpoints-controller.ts";
import { endpointSliceController } from "./endpoint-slice-controller.ts";

const controllers = [endpointSliceController, endpointsController];

function service(more: Partial<Input<Service["spec"]>> = {}): Input<Service> {
  return {
    metadata: { name: "web", labels: { team: "x" } },
    spec: {
      selector: { app: "web" },
      clusterIP: "10.96.0.10",
      ipFamilies: ["IPv4"],
      ports: [{ name: "http", port: 80, targetPort: "http", protocol: "TCP" }],
      ...more,
    },
  };
}

async function addPod(h: ControllerHarness, n: number, more: Partial<Input<Pod["status"]>> = {}): Promise<void> {
  const client = h.client.resource(pods, "a");
  const name = `web-${n}`;
  const pod = await client.create({
    metadata: { name, labels: { app: "web" } },
    spec: { nodeName: "n1", containers: [{ name: "c", ports: [{ name: "http", containerPort: 8080 }] }] },
  });
  const status = { phase: "Running" as const, podIPs: [{ ip: `10.0.${n >> 8}.${n & 255}` }], ...ready(h), ...more };
  await client.updateStatus({ ...pod, status });
}

const ready = (h: ControllerHarness) => ({
  conditions: [{ type: "Ready", status: "True", lastTransitionTime: new Date(h.clock.now()).toISOString() }],
});

const start = (): Promise<ControllerHarness> =>
  startControllers(controllers, async (client) => {
    await client.resource(nodes).create({ metadata: { name: "n1", labels: { "topology.kubernetes.io/zone": "z" } } });
  });

const slices = async (h: ControllerHarness): Promise<readonly EndpointSlice[]> =>
  (await h.client.resource(endpointSlices, "a").list()).items;

test("a pod's endpoint has its address, port, conditions, node and zone; Endpoints agree", async () => {
  await using h = await start();
  await h.client.resource(services, "a").create(service());
  await addPod(h, 1);
  await h.settle();
  assert.ok((await slices(h))[0]?.metadata.annotations?.["endpoints.kubernetes.io/last-change-trigger-time"]);
  await addPod(h, 2, { conditions: [{ type: "Ready", status: "False" }] });
  await h.settle();
  const [slice, ...others] = await slices(h);
  assert.equal(others.length, 0);
  assert.deepEqual(slice?.metadata.labels, {
    team: "x",
    "kubernetes.io/service-name": "web",
    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
  });
  assert.deepEqual(slice?.ports, [{ name: "http", protocol: "TCP", port: 8080 }]);
  const [first, second] = slice?.endpoints ?? [];
  assert.deepEqual(first?.conditions, { ready: true, serving: true, terminating: false });
  assert.deepEqual(second?.conditions, { ready: false, serving: false, terminating: false });
  assert.deepEqual([first?.addresses, first?.nodeName, first?.zone], [["10.0.0.1"], "n1", "z"]);
  const legacy = await h.client.resource(endpoints, "a").get("web");
  assert.deepEqual(
    legacy.subsets?.[0]?.addresses?.map((a) => a.ip),
    ["10.0.0.1"],
  );
  assert.deepEqual(
    legacy.subsets?.[0]?.notReadyAddresses?.map((a) => a.ip),
    ["10.0.0.2"],
  );
});

test("a terminating pod still serves but is not ready, and leaves Endpoints", async () => {
  await using h = await start();
  await h.client.resource(services, "a").create(service());
  await addPod(h, 1);
  await h.settle();
  await h.client.resource(pods, "a").delete("web-1");
  await h.settle();
  const conditions = (await slices(h))[0]?.endpoints?.[0]?.conditions;
  assert.deepEqual(conditions, { ready: false, serving: true, terminating: true });
  assert.deepEqual((await h.client.resource(endpoints, "a").get("web")).subsets, []);
  await h.client.resource(pods, "a").delete("web-1", { gracePeriodSeconds: 0 });
  await h.settle();
  // The slice stays, empty: the Service has been looked at.
  assert.deepEqual(
    (await slices(h)).map((s) => s.endpoints),
    [[]],
  );
});

test("slices hold at most a hundred; new endpoints fill what has room", async () => {
  await using h = await start();
  await h.client.resource(services, "a").create(service());
  await h.settle();
  for (let n = 1; n <= 150; n++) await addPod(h, n);
  await h.pass(10_000);
  const counts = (await slices(h)).map((s) => s.endpoints?.length ?? 0).sort((a, b) => b - a);
  assert.equal(
    counts.reduce((a, b) => a + b, 0),
    150,
  );
  assert.ok(counts.every((c) => c <= 100));
  assert.ok(counts.length <= 3);
  h.takeWrites();
  await h.pass(600_000);
  assert.deepEqual(h.takeWrites(), []);
});

test("a headless Service without ports has endpoints; ExternalName has none", async () => {
  await using h = await start();
  await h.client.resource(services, "a").create(service({ clusterIP: "None", ports: [] }));
  await addPod(h, 1);
  await h.settle();
  assert.equal((await slices(h))[0]?.endpoints?.length, 1);
  assert.equal((await slices(h))[0]?.metadata.labels?.["service.kubernetes.io/headless"], "");
  assert.equal((await h.client.resource(endpoints, "a").get("web")).subsets?.[0]?.addresses?.length, 1);
  await h.client.resource(services, "b").create(service({ type: "ExternalName", externalName: "x.example" }));
  await h.settle();
  assert.equal((await h.client.resource(endpointSlices, "b").list()).items.length, 0);
});

test("a Service that prefers near endpoints has hints on its ready ones, until it does not", async () => {
  await using h = await start();
  const resource = h.client.resource(services, "a");
  const hints = async () => (await slices(h))[0]?.endpoints?.map((e) => e.hints);
  await resource.create(service({ trafficDistribution: "PreferClose" }));
  await addPod(h, 1);
  await addPod(h, 2, { conditions: [{ type: "Ready", status: "False" }] });
  await h.settle();
  assert.deepEqual(await hints(), [{ forZones: [{ name: "z" }] }, undefined]);
  await resource.patch("web", "merge", { spec: { trafficDistribution: "PreferSameNode" } });
  await h.settle();
  assert.deepEqual((await hints())?.[0], { forZones: [{ name: "z" }], forNodes: [{ name: "n1" }] });
  await resource.patch("web", "merge", { spec: { trafficDistribution: null } });
  await h.settle();
  assert.deepEqual(await hints(), [undefined, undefined]);
});
