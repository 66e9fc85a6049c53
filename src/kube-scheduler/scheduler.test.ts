import assert from "node:assert/strict";
import { test } from "node:test";

import { nodes, pods } from "../api/resources.gen.ts";
import type { ApiClient } from "../client/rest/api-client.ts";
import type { ControllerDescriptor } from "../controller-runtime/controller.ts";
import { startControllers } from "../controller-runtime/testing/controller-harness.ts";
import { Scheduler } from "./scheduler.ts";

const scheduler: ControllerDescriptor = {
  name: "kube-scheduler",
  serviceAccount: "kube-scheduler",
  rules: [],
  create: (context) => new Scheduler(context),
};

interface NodeShape {
  readonly cpu?: string;
  readonly pods?: string;
  readonly unschedulable?: boolean;
  readonly taint?: string;
}

function createNode(client: ApiClient, name: string, shape: NodeShape = {}): Promise<unknown> {
  return client.resource(nodes).create({
    apiVersion: "v1",
    kind: "Node",
    metadata: { name },
    spec: {
      ...(shape.unschedulable ? { unschedulable: true } : {}),
      ...(shape.taint ? { taints: [{ key: shape.taint, effect: "NoSchedule" }] } : {}),
    },
    status: { allocatable: { cpu: shape.cpu ?? "2", memory: "4Gi", pods: shape.pods ?? "110" } },
  });
}

interface PodShape {
  readonly cpu?: string;
  readonly gates?: readonly string[];
  readonly schedulerName?: string;
  readonly tolerates?: string;
  readonly priority?: number;
}

function createPod(client: ApiClient, name: string, shape: PodShape = {}): Promise<unknown> {
  return client.resource(pods, "default").create({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      schedulerName: shape.schedulerName ?? "default-scheduler",
      ...(shape.priority === undefined ? {} : { priority: shape.priority }),
      ...(shape.gates ? { schedulingGates: shape.gates.map((gate) => ({ name: gate })) } : {}),
      ...(shape.tolerates ? { tolerations: [{ key: shape.tolerates, operator: "Exists" }] } : {}),
      containers: [{ name: "c", resources: shape.cpu === undefined ? {} : { requests: { cpu: shape.cpu } } }],
    },
    status: {},
  });
}

async function nodeOf(client: ApiClient, name: string): Promise<string | undefined> {
  return (await client.resource(pods, "default").get(name)).spec.nodeName;
}

async function unscheduledMessage(client: ApiClient, name: string): Promise<string | undefined> {
  const { status } = await client.resource(pods, "default").get(name);
  return status.conditions?.find((c) => c.type === "PodScheduled" && c.status === "False")?.message;
}

test("a pod is bound through the binding subresource to the emptier node", async () => {
  await using harness = await startControllers([scheduler], async (client) => {
    await createNode(client, "full", { cpu: "1" });
    await createNode(client, "empty", { cpu: "8" });
  });
  await createPod(harness.client, "web", { cpu: "500m" });
  await harness.settle();
  assert.equal(await nodeOf(harness.client, "web"), "empty");
  assert.ok(harness.takeWrites().includes("POST /api/v1/namespaces/default/pods/web/binding"));
});

test("two pods decided in a row do not share the last free room", async () => {
  await using harness = await startControllers([scheduler], (client) => createNode(client, "n1", { cpu: "1" }).then());
  await createPod(harness.client, "a", { cpu: "800m" });
  await createPod(harness.client, "b", { cpu: "800m" });
  await harness.settle();
  const placed = [await nodeOf(harness.client, "a"), await nodeOf(harness.client, "b")].filter(Boolean);
  assert.deepEqual(placed, ["n1"]);
});

test("what keeps a pod from being scheduled is counted by reason", async () => {
  await using harness = await startControllers([scheduler], async (client) => {
    await createNode(client, "small", { cpu: "100m" });
    await createNode(client, "cordoned", { unschedulable: true });
    await createNode(client, "tainted", { taint: "dedicated" });
    await createNode(client, "crowded", { pods: "0" });
  });
  await createPod(harness.client, "web", { cpu: "500m" });
  await harness.settle();
  assert.equal(
    await unscheduledMessage(harness.client, "web"),
    "0/4 nodes are available: 1 Insufficient cpu, 1 Too many pods, 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable. " +
      "no new claims to deallocate, preemption: 0/4 nodes are available: 1 No preemption victims found for incoming pod, " +
      "3 Preemption is not helpful for scheduling.",
  );
});

test("without nodes the pod says so, and is placed as soon as one appears", async () => {
  await using harness = await startControllers([scheduler]);
  await createPod(harness.client, "web");
  await harness.settle();
  assert.equal(await unscheduledMessage(harness.client, "web"), "no nodes available to schedule pods");
  await createNode(harness.client, "n1");
  await harness.pass(1_000);
  assert.equal(await nodeOf(harness.client, "web"), "n1");
});

test("room that appears wakes the pod, a change that does not help leaves it alone", async () => {
  await using harness = await startControllers([scheduler], (client) => createNode(client, "n1", { cpu: "1" }).then());
  await createPod(harness.client, "first", { cpu: "800m" });
  await harness.settle();
  await createPod(harness.client, "second", { cpu: "800m" });
  await harness.pass(20_000);
  harness.takeWrites();
  await createNode(harness.client, "useless", { cpu: "100m" });
  await harness.pass(20_000);
  assert.deepEqual(
    harness.takeWrites().filter((w) => w.includes("second")),
    [],
  );
  await harness.client.resource(pods, "default").delete("first", { gracePeriodSeconds: 0 });
  await harness.pass(1_000);
  assert.equal(await nodeOf(harness.client, "second"), "n1");
});

test("gated pods wait, other schedulers' pods are not touched, tolerations are honoured", async () => {
  await using harness = await startControllers([scheduler], (client) =>
    createNode(client, "n1", { taint: "gpu" }).then(),
  );
  await createPod(harness.client, "gated", { gates: ["example.com/hold"], tolerates: "gpu" });
  await createPod(harness.client, "foreign", { schedulerName: "other", tolerates: "gpu" });
  await createPod(harness.client, "tolerant", { tolerates: "gpu" });
  await harness.settle();
  assert.equal(await nodeOf(harness.client, "gated"), undefined);
  assert.equal(await nodeOf(harness.client, "foreign"), undefined);
  assert.equal(await nodeOf(harness.client, "tolerant"), "n1");
  await harness.client.resource(pods, "default").patch("gated", "merge", { spec: { schedulingGates: null } });
  await harness.settle();
  assert.equal(await nodeOf(harness.client, "gated"), "n1");
});

test("a binding the server refuses is tried again after the back-off", async () => {
  await using harness = await startControllers([scheduler], (client) => createNode(client, "n1").then());
  let refusals = 1;
  harness.server.intercept = (request) => {
    if (!request.path.includes("/binding") || refusals-- <= 0) return undefined;
    const status = { kind: "Status", status: "Failure", reason: "InternalError", message: "store failed", code: 500 };
    return { status: 500, body: status };
  };
  await createPod(harness.client, "web");
  await harness.settle();
  assert.equal(await nodeOf(harness.client, "web"), undefined);
  await harness.pass(1_000);
  assert.equal(await nodeOf(harness.client, "web"), "n1");
});

test("higher priority goes first", async () => {
  await using harness = await startControllers([scheduler]);
  await createPod(harness.client, "low", { cpu: "2", priority: 0 });
  await createPod(harness.client, "high", { cpu: "2", priority: 1000 });
  await harness.settle();
  await createNode(harness.client, "n1", { cpu: "2" });
  await harness.pass(10_000);
  assert.equal(await nodeOf(harness.client, "high"), "n1");
  assert.equal(await nodeOf(harness.client, "low"), undefined);
});
