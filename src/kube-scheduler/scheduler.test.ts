import assert from "node:assert/strict";
import { test } from "node:test";

import {
  eventsV1,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  storageClasses,
} from "../api/resources.gen.ts";
import type { ApiClient } from "../client/rest/api-client.ts";
import type { ControllerDescriptor } from "../controller-runtime/controller.ts";
import { startControllers } from "../controller-runtime/testing/controller-harness.ts";
import { createSeriesRecorder } from "../client/record/series-writer.ts";
import { Scheduler } from "./scheduler.ts";

const scheduler: ControllerDescriptor = {
  name: "kube-scheduler",
  serviceAccount: "kube-scheduler",
  rules: [],
  create: (context) => {
    const recorder = createSeriesRecorder({ ...context, component: "default-scheduler" });
    const scheduler = new Scheduler({ ...context, recorder });
    return {
      run: async (signal) => {
        await using _ = recorder;
        await scheduler.run(signal);
      },
    };
  },
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
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec?: object;
}

function createPod(client: ApiClient, name: string, shape: PodShape = {}): Promise<unknown> {
  return client.resource(pods, "default").create({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: shape.labels ?? {} },
    spec: {
      ...shape.spec,
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

test("a more important pod displaces a lesser one: marked, deleted gracefully, nominated, and bound when the room is free", async () => {
  await using harness = await startControllers([scheduler], (client) => createNode(client, "n1", { cpu: "2" }).then());
  const { client } = harness;
  await createPod(client, "low", { cpu: "2", priority: 0 });
  await harness.settle();
  await createPod(client, "high", { cpu: "2", priority: 1000 });
  await harness.settle();
  const victim = await client.resource(pods, "default").get("low");
  const condition = victim.status.conditions?.find((c) => c.type === "DisruptionTarget");
  assert.equal(condition?.reason, "PreemptionByScheduler");
  assert.equal(condition?.message, "default-scheduler: preempting to accommodate a higher priority pod");
  assert.ok(victim.metadata.deletionTimestamp, "deleted gracefully");
  const waiting = await client.resource(pods, "default").get("high");
  assert.equal(waiting.status.nominatedNodeName, "n1");
  assert.equal(await unscheduledMessage(client, "high"), "0/1 nodes are available: 1 Insufficient cpu.");

  // Room for the small one appears first, but it is promised.
  await createPod(client, "small", { cpu: "1", priority: 10 });
  await harness.pass(15_000);
  assert.equal(await nodeOf(client, "small"), undefined);
  await client.resource(pods, "default").delete("low", { gracePeriodSeconds: 0 });
  await harness.pass(15_000);
  assert.equal(await nodeOf(client, "high"), "n1");
  assert.equal(await nodeOf(client, "small"), undefined);
  const recorded = await client.resource(eventsV1, "default").list();
  const preempted = recorded.items.find((e) => e.reason === "Preempted");
  assert.equal(preempted?.note, `Preempted by pod ${waiting.metadata.uid} on node n1`);
});

test("while its victims end, a preemptor does not choose further ones", async () => {
  await using harness = await startControllers([scheduler], async (client) => {
    await createNode(client, "n1", { cpu: "2" });
    await createNode(client, "n2", { cpu: "2" });
  });
  const { client } = harness;
  for (const name of ["a", "b"]) await createPod(client, name, { cpu: "2", priority: 0 });
  await harness.settle();
  await createPod(client, "high", { cpu: "2", priority: 1000 });
  await harness.pass(20_000);
  // A node that is too small wakes the pod, or leaves it alone; either way nobody else is evicted.
  await createNode(client, "n3", { cpu: "3", unschedulable: true });
  await harness.pass(20_000);
  const leaving = (await client.resource(pods, "default").list()).items.filter((p) => p.metadata.deletionTimestamp);
  assert.equal(leaving.length, 1);
});

test("a nomination survives a restart of the scheduler", async () => {
  await using harness = await startControllers([scheduler], async (client) => {
    await createNode(client, "n1", { cpu: "2" });
    await createPod(client, "vip", { cpu: "2", priority: 1000, gates: ["hold"] });
    await client
      .resource(pods, "default")
      .patch("vip", "merge", { status: { nominatedNodeName: "n1" } }, { subresource: "status" });
    await createPod(client, "low", { cpu: "1", priority: 0 });
  });
  await harness.settle();
  assert.equal(await nodeOf(harness.client, "low"), undefined);
});

test("a pod waits for a pod to be near, and is placed as soon as one comes", async () => {
  await using harness = await startControllers([scheduler], (client) => createNode(client, "n1").then());
  await harness.client.resource(nodes).patch("n1", "merge", { metadata: { labels: { zone: "a" } } });
  const term = { topologyKey: "zone", labelSelector: { matchLabels: { app: "db" } } };
  const affinity = { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
  await createPod(harness.client, "web", { spec: { affinity } });
  await harness.pass(20_000);
  harness.takeWrites();
  await createPod(harness.client, "other", { labels: { app: "other" } });
  await harness.pass(20_000);
  assert.equal(harness.takeWrites().filter((w) => w.includes("/web")).length, 0, "an unrelated pod does not wake it");
  await createPod(harness.client, "db", { labels: { app: "db" } });
  await harness.pass(1_000);
  assert.equal(await nodeOf(harness.client, "web"), "n1");
});

const claimVolume = { volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }] };

async function createClaim(client: ApiClient, storageClassName: string): Promise<void> {
  await client.resource(persistentVolumeClaims, "default").create({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "data" },
    spec: { storageClassName, accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
    status: {},
  });
}

async function bindClaim(client: ApiClient, volumeName: string): Promise<void> {
  await client.resource(persistentVolumeClaims, "default").patch("data", "merge", { spec: { volumeName } });
  await client
    .resource(persistentVolumeClaims, "default")
    .patch("data", "merge", { status: { phase: "Bound" } }, { subresource: "status" });
}

async function createVolume(client: ApiClient, onNode?: string): Promise<void> {
  const term = { matchFields: [{ key: "metadata.name", operator: "In" as const, values: [onNode ?? ""] }] };
  await client.resource(persistentVolumes).create({
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: "vol" },
    spec: {
      capacity: { storage: "5Gi" },
      accessModes: ["ReadWriteOnce"],
      storageClassName: "late",
      ...(onNode ? { nodeAffinity: { required: { nodeSelectorTerms: [term] } } } : {}),
    },
    status: {},
  });
}

test("a claim that is bound without regard to the pod must be bound first", async () => {
  await using harness = await startControllers([scheduler], (client) => createNode(client, "n1").then());
  await createPod(harness.client, "web", { spec: claimVolume });
  await harness.settle();
  const tail =
    "no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.";
  assert.equal(
    await unscheduledMessage(harness.client, "web"),
    `0/1 nodes are available: persistentvolumeclaim "data" not found. ${tail}`,
  );
  await createClaim(harness.client, "none");
  await harness.pass(2_000);
  assert.equal(
    await unscheduledMessage(harness.client, "web"),
    `0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. ${tail}`,
  );
  await createVolume(harness.client);
  await bindClaim(harness.client, "vol");
  await harness.pass(11_000);
  assert.equal(await nodeOf(harness.client, "web"), "n1");
});

async function createLateClass(client: ApiClient): Promise<void> {
  await client.resource(storageClasses).create({
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: { name: "late" },
    provisioner: "example.com/disks",
    volumeBindingMode: "WaitForFirstConsumer",
  });
}

test("a delayed claim gets the selected node, and the pod is bound when the claim is", async () => {
  await using harness = await startControllers([scheduler], (client) => createNode(client, "n1").then());
  const { client } = harness;
  await createLateClass(client);
  await createClaim(client, "late");
  await createPod(client, "web", { spec: claimVolume });
  await harness.settle();
  const claim = await client.resource(persistentVolumeClaims, "default").get("data");
  assert.equal(claim.metadata.annotations?.["volume.kubernetes.io/selected-node"], "n1");
  assert.equal(await nodeOf(client, "web"), undefined);
  // Other pods do not wait with it.
  await createPod(client, "plain");
  await harness.settle();
  assert.equal(await nodeOf(client, "plain"), "n1");
  await createVolume(client, "n1");
  await bindClaim(client, "vol");
  await harness.pass(2_000);
  assert.equal(await nodeOf(client, "web"), "n1");
});

test("a delayed claim draws the pod to a volume that is there", async () => {
  await using harness = await startControllers([scheduler], async (client) => {
    await createNode(client, "n1", { cpu: "8" });
    await createNode(client, "n2");
    await createLateClass(client);
    await createVolume(client, "n2");
  });
  const { client } = harness;
  // Without a provisioner only the volume is left.
  await client.resource(storageClasses).patch("late", "merge", { provisioner: "kubernetes.io/no-provisioner" });
  await createClaim(client, "late");
  await createPod(client, "web", { spec: claimVolume });
  await harness.settle();
  const volume = await client.resource(persistentVolumes).get("vol");
  assert.equal(volume.spec.claimRef?.name, "data");
  await bindClaim(client, "vol");
  await harness.pass(2_000);
  assert.equal(await nodeOf(client, "web"), "n2");
});

test("a pod that goes while it waits for its volume gives its room back", async () => {
  await using harness = await startControllers([scheduler], (client) => createNode(client, "n1", { cpu: "2" }).then());
  const { client } = harness;
  await createLateClass(client);
  await createClaim(client, "late");
  await createPod(client, "web", { cpu: "2", spec: claimVolume });
  await harness.settle();
  await createPod(client, "next", { cpu: "2" });
  await harness.settle();
  assert.equal(await nodeOf(client, "next"), undefined);
  await client.resource(pods, "default").delete("web", { gracePeriodSeconds: 0 });
  await harness.pass(15_000);
  assert.equal(await nodeOf(client, "next"), "n1");
});
