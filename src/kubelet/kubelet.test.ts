import assert from "node:assert/strict";
import { test } from "node:test";
import { nodes } from "../api/resources.gen.ts";
import { KubeletHarness } from "./testing/kubelet-harness.ts";

test("the node registers, becomes ready and keeps its lease", async () => {
  await using harness = await KubeletHarness.start();
  const node = await harness.node();
  assert.equal(node?.metadata.labels?.["kubernetes.io/hostname"], "node-1");
  assert.equal(node?.status.capacity?.["cpu"], "8");
  assert.equal(node?.status.nodeInfo.containerRuntimeVersion, "fake://1.0.0");
  await harness.pass(30_000);
  assert.ok(harness.api.writes.includes("PATCH /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-1"));
  const writes = harness.api.writes.filter((w) => w === "PATCH /api/v1/nodes/node-1/status").length;
  await harness.pass(60_000);
  assert.equal(harness.api.writes.filter((w) => w === "PATCH /api/v1/nodes/node-1/status").length, writes);
});

test("a node that was given up says that it is there", async () => {
  await using harness = await KubeletHarness.start();
  const ready = async (): Promise<string | undefined> =>
    (await harness.node())?.status.conditions?.find((c) => c.type === "Ready")?.status;
  await harness.pass(30_000);
  assert.equal(await ready(), "True");
  const condition = { type: "Ready", status: "Unknown", reason: "NodeStatusUnknown", message: "" };
  await harness.client
    .resource(nodes)
    .patch("node-1", "strategic", { status: { conditions: [condition] } }, { subresource: "status" });
  assert.equal(await ready(), "Unknown");
  await harness.pass(11_000);
  assert.equal(await ready(), "True");
});

test("a pod is started and reported running and ready", async () => {
  await using harness = await KubeletHarness.start();
  await harness.createPod("web", { containers: [{ name: "web", image: "nginx:1" }] });
  const pod = await harness.untilPhase("web", "Running");
  const [status] = pod.status.containerStatuses ?? [];
  assert.equal(status?.ready, true);
  assert.equal(status?.started, true);
  assert.equal(status?.restartCount, 0);
  assert.match(status?.containerID ?? "", /^fake:\/\//);
  assert.ok(pod.status.podIP);
  assert.equal(pod.status.hostIP, "192.0.2.1");
  assert.equal(pod.status.qosClass, "BestEffort");
  assert.deepEqual(
    pod.status.conditions?.map((c) => `${c.type}=${c.status}`),
    ["PodReadyToStartContainers=True", "Initialized=True", "Ready=True", "ContainersReady=True", "PodScheduled=True"],
  );
  assert.deepEqual(
    harness.events("web").map((e) => e.split(" ")[0]),
    ["Pulling", "Pulled", "Created", "Started"],
  );
  // At rest nothing is written and nothing is done.
  const { length } = harness.api.requests;
  const calls = harness.runtime.calls.length;
  await harness.pass(5_000);
  assert.equal(harness.api.requests.slice(length).filter((r) => r.path.includes("/pods/")).length, 0);
  assert.equal(harness.runtime.calls.length, calls);
});
