import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerState, ContainerStatus, PodStatus } from "../../api/core/v1/types.gen.ts";
import { testContainer, testPod } from "../testing/pods.ts";
import { finalStatus } from "./final-status.ts";

const waiting: ContainerState = { waiting: { reason: "ImagePullBackOff" } };
const done: ContainerState = { terminated: { exitCode: 0 } };

function container(name: string, state: ContainerState): ContainerStatus {
  return { name, state, lastState: {}, ready: false, restartCount: 0, image: "i", imageID: "" };
}

function states(list: PodStatus["containerStatuses"]): (string | undefined)[] {
  return (list ?? []).map((s) => s.state.terminated?.reason ?? Object.keys(s.state)[0]);
}

test("a pod that never got to run has failed, and so have its containers", () => {
  const status = finalStatus(testPod(), { phase: "Pending", containerStatuses: [container("main", waiting)] });
  assert.equal(status.phase, "Failed");
  assert.deepEqual(status.containerStatuses?.[0]?.state.terminated, {
    exitCode: 137,
    reason: "ContainerStatusUnknown",
    message: "The container could not be located when the pod was terminated",
  });
});

test("what is known of the end stays", () => {
  const known: PodStatus = { phase: "Succeeded", containerStatuses: [container("main", done)] };
  assert.deepEqual(finalStatus(testPod(), known), known);
});

test("containers that an init container kept from running never started", () => {
  const pod = testPod({ initContainers: [testContainer({ name: "a" }), testContainer({ name: "b" })] });
  const status = finalStatus(pod, {
    phase: "Pending",
    initContainerStatuses: [container("a", { running: {} }), container("b", waiting)],
    containerStatuses: [container("main", waiting)],
  });
  assert.equal(status.phase, "Failed");
  assert.deepEqual(states(status.initContainerStatuses), ["ContainerStatusUnknown", "waiting"]);
  assert.deepEqual(states(status.containerStatuses), ["waiting"]);
});
