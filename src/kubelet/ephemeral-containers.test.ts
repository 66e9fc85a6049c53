import assert from "node:assert/strict";
import { test } from "node:test";
import type { EphemeralContainer } from "../api/core/v1/types.gen.ts";
import { pods } from "../api/resources.gen.ts";
import type { Input } from "../apimachinery/resource-type.ts";
import type { ContainerConfig } from "../cri-api/runtime/v1/types.ts";
import { scriptFromCommand } from "../cri-api/testing/fake-container-script.ts";
import { KubeletHarness } from "./testing/kubelet-harness.ts";

async function debug(harness: KubeletHarness, container: Input<EphemeralContainer>): Promise<void> {
  const pod = await harness.pod("p");
  assert.ok(pod);
  const spec = { ...pod.spec, ephemeralContainers: [...(pod.spec.ephemeralContainers ?? []), container] };
  await harness.client.resource(pods, "default").update({ ...pod, spec });
  await harness.pass(1_000);
}

const main = { name: "main", image: "busybox:1.36", command: ["sh", "-c", "sleep inf"] };

test("an ephemeral container runs once beside the others and shares its target's processes", async () => {
  const configs = new Map<string, ContainerConfig>();
  await using harness = await KubeletHarness.start({
    runtime: {
      script: (config, annotations) => {
        configs.set(config.metadata.name, config);
        return scriptFromCommand(config, annotations);
      },
    },
  });
  await harness.createPod("p", { containers: [main] });
  const before = await harness.untilPhase("p", "Running");
  const [, mainId] = before.status.containerStatuses?.[0]?.containerID?.split("://") ?? [];
  assert.equal(before.status.ephemeralContainerStatuses, undefined);
  await debug(harness, {
    name: "debugger",
    image: "busybox:1.36",
    command: ["sh", "-c", "sleep 5; exit 3"],
    targetContainerName: "main",
  });
  let status = (await harness.pod("p"))?.status;
  assert.ok(status?.ephemeralContainerStatuses?.[0]?.state.running);
  assert.equal(configs.get("debugger")?.linux.securityContext.namespaceOptions.pid, "target");
  assert.equal(configs.get("debugger")?.linux.securityContext.namespaceOptions.targetId, mainId);
  const started = harness.recorder.events.find((e) => e.reason === "Started" && e.fieldPath?.includes("debugger"));
  assert.equal(started?.fieldPath, "spec.ephemeralContainers{debugger}");
  await harness.pass(600_000);
  status = (await harness.pod("p"))?.status;
  assert.equal(status?.ephemeralContainerStatuses?.[0]?.state.terminated?.exitCode, 3);
  assert.equal(status?.ephemeralContainerStatuses?.[0]?.restartCount, 0);
  assert.equal(status?.phase, "Running");
  assert.equal(status?.conditions?.find((c) => c.type === "Ready")?.status, "True");
  assert.equal(status?.containerStatuses?.[0]?.restartCount, 0);
});

test("an ephemeral container whose target is not there waits with the reason", async () => {
  await using harness = await KubeletHarness.start();
  await harness.createPod("p", { containers: [main] });
  await harness.untilPhase("p", "Running");
  await debug(harness, { name: "debugger", image: "busybox:1.36", targetContainerName: "other" });
  const waiting = (await harness.pod("p"))?.status.ephemeralContainerStatuses?.[0]?.state.waiting;
  assert.equal(waiting?.reason, "CreateContainerConfigError");
  assert.equal(waiting?.message, "unable to find target container other");
});
