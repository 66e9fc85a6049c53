import assert from "node:assert/strict";
import { test } from "node:test";

import type { Pod } from "../api/core/v1/types.gen.ts";
import { KubeletHarness } from "./testing/kubelet-harness.ts";

const mebibyte = 1 << 20;

/** A running pod that uses `memoryMi` and has requested `requestMi`. */
async function startPod(
  harness: KubeletHarness,
  name: string,
  {
    memoryMi,
    requestMi,
    priority = 0,
  }: { readonly memoryMi: number; readonly requestMi?: number; readonly priority?: number },
): Promise<Pod> {
  const resources = requestMi === undefined ? {} : { requests: { memory: `${requestMi}Mi` } };
  await harness.createPod(name, { priority, containers: [{ name: "c", image: "nginx:1", resources }] });
  const pod = await harness.untilPhase(name, "Running");
  const id = pod.status.containerStatuses?.[0]?.containerID?.slice("fake://".length) ?? "";
  const memory = { timestampMs: harness.clock.now(), workingSetBytes: memoryMi * mebibyte };
  harness.ports.cgroups.stats.set(pod.metadata.uid, { memory });
  harness.ports.cgroups.stats.set(`${pod.metadata.uid}/${id}`, { memory });
  return pod;
}

async function conditionOf(harness: KubeletHarness, type: string) {
  return (await harness.node())?.status.conditions?.find((c) => c.type === type);
}

test("memory runs short: the pod furthest beyond its request goes, the node says so for five minutes", async () => {
  await using harness = await KubeletHarness.start();
  await startPod(harness, "critical", { memoryMi: 9000, priority: 2_000_000_000 });
  await startPod(harness, "within", { memoryMi: 900, requestMi: 1000 });
  await startPod(harness, "beyond", { memoryMi: 300, requestMi: 100 });
  await startPod(harness, "important", { memoryMi: 500, priority: 10 });
  assert.equal((await conditionOf(harness, "MemoryPressure"))?.status, "False");
  harness.ports.machine.usage = { memoryAvailableBytes: 50 * mebibyte };
  const evicted = await harness.untilPhase("beyond", "Failed");
  harness.ports.machine.usage = {};
  assert.equal(evicted.status.reason, "Evicted");
  assert.equal(
    evicted.status.message,
    "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. " +
      "Container c was using 300Mi, request is 100Mi, has larger consumption of memory. ",
  );
  const target = evicted.status.conditions?.find((c) => c.type === "DisruptionTarget");
  assert.deepEqual([target?.status, target?.reason], ["True", "TerminationByKubelet"]);
  assert.ok(harness.events("beyond").some((text) => text.startsWith("Evicted The node was low on resource: memory. ")));
  assert.ok(harness.events("node-1").includes("EvictionThresholdMet Attempting to reclaim memory"));
  await harness.until(async () => (await conditionOf(harness, "MemoryPressure"))?.status === "True");
  const condition = await conditionOf(harness, "MemoryPressure");
  assert.deepEqual(
    [condition?.reason, condition?.message],
    ["KubeletHasInsufficientMemory", "kubelet has insufficient memory available"],
  );
  assert.ok(
    harness.events("node-1").includes("NodeHasInsufficientMemory Node node-1 status is now: NodeHasInsufficientMemory"),
  );
  await harness.pass(330_000);
  assert.equal((await conditionOf(harness, "MemoryPressure"))?.status, "False");
  for (const name of ["critical", "within", "important"]) {
    assert.equal((await harness.pod(name))?.status.phase, "Running", name);
  }
});

test("the disk runs short: unused images go before any pod", async () => {
  await using harness = await KubeletHarness.start();
  await harness.createPod("p", { containers: [{ name: "c", image: "nginx:1" }] });
  await harness.untilPhase("p", "Running");
  await harness.runtime.images.pullImage({ image: "unused:1" });
  const full = harness.ports.disks.usage;
  const remove = harness.runtime.images.removeImage.bind(harness.runtime.images);
  const removed: string[] = [];
  harness.runtime.images.removeImage = async (image) => {
    removed.push(image.image);
    harness.ports.disks.usage = full;
    await remove(image);
  };
  harness.ports.disks.usage = { ...full, availableBytes: full.capacityBytes / 20 };
  await harness.until(async () => (await conditionOf(harness, "DiskPressure"))?.status === "True");
  assert.equal(removed.length, 1);
  assert.equal((await harness.pod("p"))?.status.phase, "Running");
  assert.ok(await harness.runtime.images.imageStatus({ image: "nginx:1" }));
});

test("a pod that keeps more on disk than it may is ended, and the node is not blamed", async () => {
  await using harness = await KubeletHarness.start();
  await harness.createPod("p", {
    containers: [{ name: "c", image: "nginx:1" }],
    volumes: [{ name: "cache", emptyDir: { sizeLimit: "1Mi" } }],
  });
  const pod = await harness.untilPhase("p", "Running");
  const path = `/var/lib/kubelet/pods/${pod.metadata.uid}/volumes/kubernetes.io~empty-dir/cache`;
  await harness.pass(15_000);
  assert.equal((await harness.pod("p"))?.status.phase, "Running");
  harness.ports.disks.trees.set(path, { usedBytes: 2 * mebibyte, inodesUsed: 3 });
  const ended = await harness.untilPhase("p", "Failed");
  assert.equal(ended.status.reason, "Evicted");
  assert.equal(ended.status.message, 'Usage of EmptyDir volume "cache" exceeds the limit "1Mi". ');
  assert.equal(
    ended.status.conditions?.some((c) => c.type === "DisruptionTarget"),
    false,
  );
});

test("a soft threshold waits for its grace period, and gives the pod no more than the node's grace", async () => {
  await using harness = await KubeletHarness.start({
    config: {
      evictionSoft: { "memory.available": "1Gi" },
      evictionSoftGracePeriodMs: { "memory.available": 90_000 },
      evictionMaxPodGracePeriodSeconds: 7,
      evictionMinimumReclaim: { "memory.available": "500Mi" },
      evictionPressureTransitionMs: 30_000,
    },
  });
  await startPod(harness, "soft", { memoryMi: 300 });
  await startPod(harness, "next", { memoryMi: 200 });
  const stopped: number[] = [];
  const stop = harness.runtime.stopContainer.bind(harness.runtime);
  harness.runtime.stopContainer = (id, seconds, ...rest) => {
    stopped.push(seconds);
    return stop(id, seconds, ...rest);
  };
  harness.ports.machine.usage = { memoryAvailableBytes: 900 * mebibyte };
  await harness.until(async () => (await conditionOf(harness, "MemoryPressure"))?.status === "True");
  await harness.pass(75_000);
  assert.equal((await harness.pod("soft"))?.status.phase, "Running");
  const evicted = await harness.untilPhase("soft", "Failed");
  assert.deepEqual(stopped, [7]);
  assert.match(evicted.status.message ?? "", /Threshold quantity: 1Gi, available: 900Mi\. Container c was using 300Mi/);
  // Above the threshold, but not by as much as is to be won back.
  harness.ports.machine.usage = { memoryAvailableBytes: 1200 * mebibyte };
  await harness.untilPhase("next", "Failed");
  harness.ports.machine.usage = {};
  await harness.pass(25_000);
  assert.equal((await conditionOf(harness, "MemoryPressure"))?.status, "True");
  await harness.pass(30_000);
  assert.equal((await conditionOf(harness, "MemoryPressure"))?.status, "False");
});

test("pods together are held to what is not reserved, and evicted before they reach it", async () => {
  await using harness = await KubeletHarness.start({
    config: { systemReserved: { memory: "10Gi", cpu: "2" }, kubeReserved: { memory: "2Gi" }, podPidsLimit: 99 },
  });
  const gibibyte = 1024 * mebibyte;
  assert.deepEqual(harness.ports.cgroups.podsLimit, { cpuShares: 6 * 1024, memoryLimitInBytes: 4 * gibibyte });
  const { capacity, allocatable } = (await harness.node())?.status ?? {};
  assert.deepEqual([capacity?.["memory"], allocatable?.["memory"], allocatable?.["cpu"]], ["16Gi", "3996Mi", "6"]);
  const pod = await startPod(harness, "p", { memoryMi: 4050 });
  assert.equal(harness.ports.cgroups.limits.get(pod.metadata.uid)?.pidsLimit, 99);
  const used = 4050 * mebibyte;
  harness.ports.cgroups.podsStats = {
    memory: { timestampMs: 0, workingSetBytes: used, availableBytes: 4 * gibibyte - used },
  };
  const evicted = await harness.untilPhase("p", "Failed");
  assert.match(evicted.status.message ?? "", /^The node was low on resource: memory\. .*available: 46Mi\. /);
  assert.ok(harness.events("node-1").includes("NodeAllocatableEnforced Updated Node Allocatable limit across pods"));
});

test("a node short of memory takes no pod that asks for none, unless it tolerates that; one short of disk takes none", async () => {
  await using harness = await KubeletHarness.start();
  harness.ports.machine.usage = { memoryAvailableBytes: 50 * mebibyte };
  await harness.until(async () => (await conditionOf(harness, "MemoryPressure"))?.status === "True");
  harness.ports.machine.usage = {};
  const containers = [{ name: "c", image: "nginx:1" }];
  const resources = { requests: { memory: "1Mi" } };
  await harness.createPod("modest", { containers: [{ name: "c", image: "nginx:1", resources }] });
  const tolerations = [{ key: "node.kubernetes.io/memory-pressure", operator: "Exists" as const }];
  await harness.createPod("tolerant", { containers, tolerations });
  await harness.untilPhase("modest", "Running");
  await harness.untilPhase("tolerant", "Running");
  await harness.createPod("careless", { containers });
  const refused = await harness.untilPhase("careless", "Failed");
  assert.deepEqual(
    [refused.status.reason, refused.status.message],
    ["Evicted", "Pod was rejected: The node had condition: [MemoryPressure]. "],
  );
  harness.ports.disks.usage = { ...harness.ports.disks.usage, availableBytes: 0 };
  await harness.until(async () => (await conditionOf(harness, "DiskPressure"))?.status === "True");
  await harness.createPod("any", { containers: [{ name: "c", image: "nginx:1", resources }] });
  const any = await harness.untilPhase("any", "Failed");
  assert.equal(any.status.message, "Pod was rejected: The node had condition: [MemoryPressure DiskPressure]. ");
});
