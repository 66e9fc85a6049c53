import assert from "node:assert/strict";
import { test } from "node:test";

import type { Container, Pod } from "../api/core/v1/types.gen.ts";
import { pods } from "../api/resources.gen.ts";
import type { Input } from "../apimachinery/resource-type.ts";
import { KubeletHarness } from "./testing/kubelet-harness.ts";

const mebibyte = 1 << 20;

function container(cpu: string, memory: string, more: Partial<Input<Container>> = {}): Input<Container> {
  return { name: "c", image: "nginx:1", resources: { requests: { cpu, memory }, limits: { cpu, memory } }, ...more };
}

/** As pods/resize would: the spec changes and its generation rises. */
async function resize(harness: KubeletHarness, name: string, wanted: Input<Container>): Promise<void> {
  await harness.client.resource(pods, "default").patch(name, "merge", { spec: { containers: [wanted] } });
}

function conditionOf(pod: Pod | undefined, type: string) {
  return pod?.status.conditions?.find((c) => c.type === type);
}

async function runtimeResources(harness: KubeletHarness, pod: Pod | undefined) {
  const id = pod?.status.containerStatuses?.[0]?.containerID?.slice("fake://".length) ?? "";
  return (await harness.runtime.containerStatus(id)).resources?.linux;
}

async function untilResized(harness: KubeletHarness, name: string, cpu: string): Promise<Pod | undefined> {
  await harness.until(async () => {
    const pod = await harness.pod(name);
    return (
      pod?.status.containerStatuses?.[0]?.resources?.limits?.["cpu"] === cpu &&
      pod.status.containerStatuses[0].state.running !== undefined &&
      conditionOf(pod, "PodResizeInProgress") === undefined
    );
  });
  return harness.pod(name);
}

test("a resize that fits reaches the runtime, the pod's group and the status without a restart", async () => {
  await using harness = await KubeletHarness.start();
  await harness.createPod("p", { containers: [container("100m", "64Mi")] });
  const before = await harness.untilPhase("p", "Running");
  await resize(harness, "p", container("200m", "128Mi"));
  const after = await untilResized(harness, "p", "200m");
  const status = after?.status.containerStatuses?.[0];
  assert.deepEqual(status?.allocatedResources, { cpu: "200m", memory: "128Mi" });
  assert.equal(status.restartCount, 0);
  assert.equal(status.containerID, before.status.containerStatuses?.[0]?.containerID);
  const { cpuQuota, cpuShares, memoryLimitInBytes } = (await runtimeResources(harness, after)) ?? {};
  assert.deepEqual(
    { cpuQuota, cpuShares, memoryLimitInBytes },
    { cpuQuota: 20_000, cpuShares: 204, memoryLimitInBytes: 128 * mebibyte },
  );
  assert.equal(harness.ports.cgroups.limits.get(before.metadata.uid)?.memoryLimitInBytes, 128 * mebibyte);
  assert.equal(after?.status.observedGeneration, after?.metadata.generation);
  const events = harness.events("p").filter((text) => text.includes("resize"));
  assert.equal(events.length, 2);
  assert.match(events[0] ?? "", /^ResizeStarted Pod resize started: \{"containers":\[\{"name":"c","resources":/);
  assert.match(events[1] ?? "", /^ResizeCompleted Pod resize completed: .*"generation":\d+\}$/);
});

test("a resize policy of RestartContainer restarts the container with its new resources, whatever the pod's policy", async () => {
  await using harness = await KubeletHarness.start();
  const resizePolicy = [{ resourceName: "memory", restartPolicy: "RestartContainer" as const }];
  await harness.createPod("p", { restartPolicy: "Never", containers: [container("100m", "64Mi", { resizePolicy })] });
  await harness.untilPhase("p", "Running");
  await resize(harness, "p", container("200m", "64Mi", { resizePolicy }));
  assert.equal((await untilResized(harness, "p", "200m"))?.status.containerStatuses?.[0]?.restartCount, 0);
  await resize(harness, "p", container("300m", "128Mi", { resizePolicy }));
  const after = await untilResized(harness, "p", "300m");
  assert.equal(after?.status.containerStatuses?.[0]?.restartCount, 1);
  assert.equal((await runtimeResources(harness, after))?.memoryLimitInBytes, 128 * mebibyte);
  assert.ok(harness.events("p").includes("Killing Container c resize requires restart"));
});

test("a resize for which there is no room waits, and comes true when another pod goes", async () => {
  // The harness's node has 8 cores.
  await using harness = await KubeletHarness.start();
  await harness.createPod("other", { containers: [container("6", "64Mi")] });
  await harness.createPod("p", { containers: [container("1", "64Mi")] });
  await harness.untilPhase("other", "Running");
  await harness.untilPhase("p", "Running");
  await resize(harness, "p", container("4", "64Mi"));
  await harness.until(async () => conditionOf(await harness.pod("p"), "PodResizePending") !== undefined);
  const waiting = await harness.pod("p");
  const condition = conditionOf(waiting, "PodResizePending");
  assert.deepEqual(
    { reason: condition?.reason, message: condition?.message, generation: condition?.observedGeneration },
    {
      reason: "Deferred",
      message: "Node didn't have enough resource: cpu, requested: 4000, used: 6000, capacity: 8000",
      generation: waiting?.metadata.generation,
    },
  );
  assert.deepEqual(waiting?.status.containerStatuses?.[0]?.allocatedResources, { cpu: "1", memory: "64Mi" });
  assert.equal(harness.events("p").filter((text) => text.startsWith("ResizeDeferred ")).length, 1);
  await harness.deletePod("other");
  const after = await untilResized(harness, "p", "4");
  assert.equal(conditionOf(after, "PodResizePending"), undefined);
});

test("what was allocated outlives the kubelet, also when the spec changed meanwhile", async () => {
  await using harness = await KubeletHarness.start();
  await harness.createPod("p", { containers: [container("1", "64Mi")] });
  await harness.untilPhase("p", "Running");
  await resize(harness, "p", container("2", "64Mi"));
  await untilResized(harness, "p", "2");
  await harness.stopKubelet();
  await resize(harness, "p", container("100", "64Mi"));
  await harness.startKubelet();
  await harness.until(async () => conditionOf(await harness.pod("p"), "PodResizePending") !== undefined);
  const after = await harness.pod("p");
  assert.deepEqual(after?.status.containerStatuses?.[0]?.allocatedResources, { cpu: "2", memory: "64Mi" });
  assert.equal((await runtimeResources(harness, after))?.cpuQuota, 200_000);
  assert.equal(after.status.containerStatuses[0].restartCount, 0);
});

test("a memory limit does not fall below what is in use, of the container or of the pod", async () => {
  await using harness = await KubeletHarness.start();
  await harness.createPod("p", { containers: [container("100m", "64Mi")] });
  const { uid } = (await harness.untilPhase("p", "Running")).metadata;
  const id = (await harness.pod("p"))?.status.containerStatuses?.[0]?.containerID?.slice("fake://".length) ?? "";
  const memory = { timestampMs: 0, workingSetBytes: 0, usageBytes: 20 * mebibyte };
  harness.ports.cgroups.stats.set(`${uid}/${id}`, { memory });
  harness.ports.cgroups.stats.set(uid, { memory });
  await resize(harness, "p", container("100m", "16Mi"));
  await harness.until(async () => conditionOf(await harness.pod("p"), "PodResizeInProgress")?.reason === "Error");
  const limit = 16 * mebibyte;
  assert.equal(
    conditionOf(await harness.pod("p"), "PodResizeInProgress")?.message,
    `cannot decrease memory limits: [attempting to set pod memory limit (${limit}) below current usage (20971520), attempting to set container "c" memory limit (${limit}) below current usage (20971520)]`,
  );
  assert.equal((await runtimeResources(harness, await harness.pod("p")))?.memoryLimitInBytes, 64 * mebibyte);
  const less = { memory: { ...memory, usageBytes: 8 * mebibyte } };
  harness.ports.cgroups.stats.set(`${uid}/${id}`, less);
  harness.ports.cgroups.stats.set(uid, less);
  await harness.until(
    async () => (await runtimeResources(harness, await harness.pod("p")))?.memoryLimitInBytes === limit,
  );
  await harness.pass(1_000);
  assert.equal(conditionOf(await harness.pod("p"), "PodResizeInProgress"), undefined);
});

test("what the pod may use as a whole is resized, too, when no container changes", async () => {
  await using harness = await KubeletHarness.start();
  const resources = (memory: string): object => ({ requests: { memory }, limits: { memory } });
  await harness.createPod("p", { resources: resources("256Mi"), containers: [container("100m", "64Mi")] });
  const { uid } = (await harness.untilPhase("p", "Running")).metadata;
  const limitOf = (): number | undefined => harness.ports.cgroups.limits.get(uid)?.memoryLimitInBytes;
  assert.equal(limitOf(), 256 * mebibyte);
  await harness.client.resource(pods, "default").patch("p", "merge", { spec: { resources: resources("128Mi") } });
  await harness.until(async () => limitOf() === 128 * mebibyte);
  await harness.pass(1_000);
  const after = await harness.pod("p");
  assert.equal(conditionOf(after, "PodResizeInProgress"), undefined);
  assert.equal(after?.status.containerStatuses?.[0]?.restartCount, 0);
  assert.deepEqual(after.status.allocatedResources, { cpu: "100m", memory: "128Mi" });
  assert.deepEqual(after.status.resources, {
    requests: { cpu: "100m", memory: "128Mi" },
    limits: { cpu: "100m", memory: "128Mi" },
  });
  assert.ok(harness.events("p").some((text) => text.startsWith("ResizeCompleted ")));
});

test("an init container that runs is resized where it is", async () => {
  await using harness = await KubeletHarness.start();
  const init = (cpu: string): Input<Container> => container(cpu, "64Mi", { name: "init" });
  await harness.createPod("p", { initContainers: [init("100m")], containers: [container("100m", "64Mi")] });
  const statusOf = async () => (await harness.pod("p"))?.status.initContainerStatuses?.[0];
  await harness.until(async () => (await statusOf())?.state.running !== undefined);
  const before = await statusOf();
  await harness.client.resource(pods, "default").patch("p", "merge", { spec: { initContainers: [init("200m")] } });
  await harness.until(async () => (await statusOf())?.resources?.limits?.["cpu"] === "200m");
  const id = before?.containerID?.slice("fake://".length) ?? "";
  await harness.until(async () => (await harness.runtime.containerStatus(id)).resources?.linux?.cpuQuota === 20_000);
  assert.equal((await statusOf())?.containerID, before?.containerID);
});
