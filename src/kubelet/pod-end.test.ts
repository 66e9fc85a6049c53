import assert from "node:assert/strict";
import { test } from "node:test";
import { nodes, pods } from "../api/resources.gen.ts";
import { CriError } from "../cri-api/runtime/v1/cri-error.ts";
import { KubeletHarness } from "./testing/kubelet-harness.ts";

const sleeper = { name: "main", image: "busybox:1.36", command: ["sh", "-c", "sleep inf"] };

test("a pod the node has no room for is rejected without a container, and room that came back is given away", async () => {
  await using harness = await KubeletHarness.start();
  const resources = { requests: { cpu: "6" } };
  await harness.createPod("first", { containers: [{ ...sleeper, resources }] });
  await harness.untilPhase("first", "Running");
  await harness.createPod("second", { containers: [{ ...sleeper, resources }] });
  const second = await harness.untilPhase("second", "Failed");
  const text = "Node didn't have enough resource: cpu, requested: 6000, used: 6000, capacity: 8000";
  assert.equal(second.status.reason, "OutOfcpu");
  assert.equal(second.status.message, `Pod was rejected: ${text}`);
  assert.deepEqual(Object.keys(second.status).sort(), [
    "message",
    "observedGeneration",
    "phase",
    "qosClass",
    "reason",
    "startTime",
  ]);
  assert.deepEqual(harness.events("second"), [`OutOfcpu ${text}`]);
  await harness.pass(60_000);
  assert.equal((await harness.pod("second"))?.status.reason, "OutOfcpu");
  await harness.deletePod("first");
  await harness.pass(1_000);
  assert.equal(await harness.pod("first"), undefined);
  await harness.createPod("third", { containers: [{ ...sleeper, resources }] });
  await harness.untilPhase("third", "Running");
});

test("a pod that ran already is not looked at again by a kubelet that starts", async () => {
  await using harness = await KubeletHarness.start();
  await harness.createPod("p", { containers: [{ ...sleeper, resources: { requests: { cpu: "6" } } }] });
  await harness.untilPhase("p", "Running");
  await harness.stopKubelet();
  await harness.startKubelet();
  await harness.pass(30_000);
  assert.equal((await harness.pod("p"))?.status.phase, "Running");
});

test("an active deadline ends the pod with an event; it is Failed only once nothing of it runs", async () => {
  await using harness = await KubeletHarness.start({
    runtime: { script: () => ({ onTerminate: "ignore" }) },
  });
  await harness.createPod("p", { activeDeadlineSeconds: 10, containers: [sleeper] });
  await harness.untilPhase("p", "Running");
  await harness.pass(12_000);
  const ending = await harness.pod("p");
  assert.equal(ending?.status.phase, "Running");
  assert.equal(ending?.status.reason, undefined);
  await harness.pass(30_000);
  const ended = await harness.pod("p");
  assert.equal(ended?.status.phase, "Failed");
  assert.equal(ended?.status.reason, "DeadlineExceeded");
  assert.equal(ended?.status.message, "Pod was active on the node longer than the specified deadline");
  assert.ok(
    harness.events("p").includes("DeadlineExceeded Pod was active on the node longer than the specified deadline"),
  );
});

test("a pod that never got its image has failed when it is deleted, which those who hold it by a finalizer see", async () => {
  await using harness = await KubeletHarness.start();
  harness.runtime.images.failPull("nginx:1", new CriError("notFound", "no such image"));
  await harness.createPod("p", { containers: [{ name: "main", image: "nginx:1" }] });
  await harness.pass(5_000);
  const pod = await harness.pod("p");
  assert.ok(pod);
  assert.equal(pod.status.phase, "Pending");
  const metadata = { ...pod.metadata, finalizers: ["example.com/hold"] };
  await harness.client.resource(pods, "default").update({ ...pod, metadata });
  await harness.deletePod("p");
  await harness.pass(5_000);
  const status = (await harness.pod("p"))?.status;
  assert.equal(status?.phase, "Failed");
  assert.equal(status?.containerStatuses?.[0]?.state.terminated?.reason, "ContainerStatusUnknown");
});

test("a critical pod is given the place of others", async () => {
  await using harness = await KubeletHarness.start();
  const resources = { requests: { cpu: "6" } };
  await harness.createPod("victim", { terminationGracePeriodSeconds: 5, containers: [{ ...sleeper, resources }] });
  await harness.untilPhase("victim", "Running");
  await harness.createPod("critical", { priority: 2_000_000_000, containers: [{ ...sleeper, resources }] });
  await harness.untilPhase("critical", "Running");
  const victim = await harness.pod("victim");
  assert.equal(victim?.status.phase, "Failed");
  assert.equal(victim.status.reason, "Preempting");
  assert.equal(victim.status.message, "Preempted in order to admit critical pod");
  const disruption = victim.status.conditions?.find((c) => c.type === "DisruptionTarget");
  assert.equal(disruption?.reason, "TerminationByKubelet");
  assert.ok(harness.events("victim").includes("Preempting Preempted in order to admit critical pod"));
  await harness.createPod("huge", {
    priority: 2_000_000_000,
    containers: [{ ...sleeper, resources: { requests: { cpu: "9" } } }],
  });
  const huge = await harness.untilPhase("huge", "Failed");
  assert.equal(huge.status.reason, "UnexpectedAdmissionError");
});

test("a pod that was bound because of what changed of the node just now is not refused for what it was", async () => {
  await using harness = await KubeletHarness.start();
  await harness.client.resource(nodes).patch("node-1", "merge", { metadata: { labels: { color: "blue" } } });
  await harness.createPod("p", { nodeSelector: { color: "blue" }, containers: [sleeper] });
  await harness.pass(1_000);
  assert.equal((await harness.pod("p"))?.status.phase, "Running");
  await harness.createPod("q", { nodeSelector: { color: "red" }, containers: [sleeper] });
  const refused = await harness.untilPhase("q", "Failed");
  assert.equal(refused.status.reason, "NodeAffinity");
});

test("a container that is being started when its pod is deleted is started, and then ended with grace", async () => {
  await using harness = await KubeletHarness.start({
    runtime: { script: () => ({ startAfterMs: 2_000, onTerminate: 7 }) },
  });
  await harness.createPod("p", { containers: [sleeper] });
  await harness.pass(1_000);
  const pod = await harness.pod("p");
  assert.ok(pod);
  const metadata = { ...pod.metadata, finalizers: ["example.com/hold"] };
  await harness.client.resource(pods, "default").update({ ...pod, metadata });
  await harness.deletePod("p");
  await harness.pass(5_000);
  const { terminated } = (await harness.pod("p"))?.status.containerStatuses?.[0]?.state ?? {};
  assert.equal(terminated?.exitCode, 7);
  assert.equal(terminated.reason, "Error");
});
