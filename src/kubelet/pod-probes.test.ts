import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerStatus } from "../api/core/v1/types.gen.ts";
import type { ProbeResult } from "./ports.ts";
import { KubeletHarness } from "./testing/kubelet-harness.ts";

const success: ProbeResult = { result: "success", output: "ok" };
const failure: ProbeResult = { result: "failure", output: "HTTP probe failed with statuscode: 500" };

async function status(harness: KubeletHarness): Promise<ContainerStatus | undefined> {
  return (await harness.pod("p"))?.status.containerStatuses?.[0];
}

test("readiness: not ready until the probe succeeds, not ready again after three failures", async () => {
  await using harness = await KubeletHarness.start();
  harness.ports.prober.answer = () => failure;
  const readinessProbe = { httpGet: { path: "/ready", port: "web" }, periodSeconds: 5, failureThreshold: 3 };
  const ports = [{ name: "web", containerPort: 8080 }];
  await harness.createPod("p", { containers: [{ name: "main", image: "nginx:1", ports, readinessProbe }] });
  const pod = await harness.untilPhase("p", "Running");
  await harness.pass(6_000);
  assert.equal((await status(harness))?.ready, false);
  const ready = (await harness.pod("p"))?.status.conditions?.find((c) => c.type === "Ready");
  assert.equal(ready?.reason, "ContainersNotReady");
  assert.equal(ready?.message, "containers with unready status: [main]");
  assert.ok(harness.ports.prober.targets.includes(`http://${pod.status.podIP}:8080/ready`));
  assert.ok(harness.events("p").includes("Unhealthy Readiness probe failed: HTTP probe failed with statuscode: 500"));
  harness.ports.prober.answer = () => success;
  await harness.pass(5_000);
  assert.equal((await status(harness))?.ready, true);
  harness.ports.prober.answer = () => failure;
  await harness.pass(9_000);
  assert.equal((await status(harness))?.ready, true);
  await harness.pass(6_000);
  assert.equal((await status(harness))?.ready, false);
  assert.equal((await status(harness))?.restartCount, 0);
});

test("liveness: after the initial delay, three failures restart the container", async () => {
  await using harness = await KubeletHarness.start();
  harness.ports.prober.answer = () => failure;
  const livenessProbe = { tcpSocket: { port: 80 }, periodSeconds: 10, initialDelaySeconds: 15, failureThreshold: 3 };
  await harness.createPod("p", { containers: [{ name: "main", image: "nginx:1", livenessProbe }] });
  await harness.untilPhase("p", "Running");
  await harness.pass(14_000);
  assert.equal(harness.ports.prober.targets.length, 0);
  await harness.pass(27_000);
  assert.equal((await status(harness))?.restartCount, 1);
  assert.ok(harness.events("p").includes("Killing Container main failed liveness probe, will be restarted"));
});

test("startup: holds the other probes back, and a failing one restarts the container", async () => {
  await using harness = await KubeletHarness.start();
  harness.ports.prober.answer = () => failure;
  const startupProbe = { httpGet: { path: "/up", port: 80 }, periodSeconds: 10, failureThreshold: 2 };
  const readinessProbe = { httpGet: { path: "/ready", port: 80 }, periodSeconds: 1 };
  await harness.createPod("p", { containers: [{ name: "main", image: "nginx:1", startupProbe, readinessProbe }] });
  await harness.untilPhase("p", "Running");
  await harness.pass(5_000);
  assert.equal((await status(harness))?.started, false);
  assert.equal(
    harness.ports.prober.targets.some((t) => t.endsWith("/ready")),
    false,
  );
  await harness.pass(6_000);
  assert.equal((await status(harness))?.restartCount, 1);
  assert.ok(harness.events("p").includes("Killing Container main failed startup probe, will be restarted"));
  harness.ports.prober.answer = () => success;
  await harness.pass(12_000);
  assert.equal((await status(harness))?.started, true);
  assert.equal((await status(harness))?.ready, true);
});

test("exec probes run in the container", async () => {
  let exitCode = 0;
  await using harness = await KubeletHarness.start({ runtime: { exec: () => ({ exitCode }) } });
  const readinessProbe = { exec: { command: ["cat", "/ready"] }, periodSeconds: 1, failureThreshold: 1 };
  await harness.createPod("p", { containers: [{ name: "main", image: "nginx:1", readinessProbe }] });
  await harness.until(async () => (await status(harness))?.ready === true);
  exitCode = 1;
  await harness.until(async () => (await status(harness))?.ready === false);
});

test("a pod that ends is probed for readiness, and no longer for liveness", async () => {
  await using harness = await KubeletHarness.start({ runtime: { script: () => ({ onTerminate: "ignore" }) } });
  const readinessProbe = { httpGet: { path: "/ready", port: 80 }, periodSeconds: 1, failureThreshold: 1 };
  const livenessProbe = { httpGet: { path: "/live", port: 80 }, periodSeconds: 1 };
  await harness.createPod("p", { containers: [{ name: "main", image: "nginx:1", readinessProbe, livenessProbe }] });
  await harness.until(async () => (await status(harness))?.ready === true);
  await harness.deletePod("p");
  await harness.pass(1_000);
  const { targets } = harness.ports.prober;
  targets.length = 0;
  harness.ports.prober.answer = () => failure;
  await harness.pass(5_000);
  assert.ok(targets.some((t) => t.endsWith("/ready")));
  assert.equal(
    targets.some((t) => t.endsWith("/live")),
    false,
  );
  assert.equal((await status(harness))?.ready, false);
  const ready = (await harness.pod("p"))?.status.conditions?.find((c) => c.type === "Ready");
  assert.equal(ready?.reason, "ContainersNotReady");
});
