import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerState, ContainerStatus, PodSpec } from "../../api/core/v1/types.gen.ts";
import { testContainer, testPod } from "../testing/pods.ts";
import { podPhase } from "./pod-phase.ts";

const running: ContainerState = { running: {} };
const waiting: ContainerState = { waiting: {} };
const exited = (exitCode: number): ContainerState => ({ terminated: { exitCode } });

function status(name: string, state: ContainerState, more: Partial<ContainerStatus> = {}): ContainerStatus {
  return { name, state, lastState: {}, ready: false, restartCount: 0, image: "i", imageID: "", ...more };
}

const sidecar = testContainer({ name: "side", restartPolicy: "Always" });
const init = testContainer({ name: "init" });
const restarting = testContainer({
  restartPolicy: "Never",
  restartPolicyRules: [{ action: "Restart", exitCodes: { operator: "In", values: [42] } }],
});

const cases: readonly [what: string, spec: Partial<PodSpec>, statuses: ContainerStatus[], phase: string][] = [
  ["nothing is there yet", {}, [], "Pending"],
  ["a container waits", {}, [status("main", waiting)], "Pending"],
  ["a container runs", {}, [status("main", running)], "Running"],
  ["it starts again", {}, [status("main", waiting, { lastState: exited(1) })], "Running"],
  ["it is done", { restartPolicy: "OnFailure" }, [status("main", exited(0))], "Succeeded"],
  ["it failed and is started again", { restartPolicy: "OnFailure" }, [status("main", exited(1))], "Running"],
  ["it failed for good", { restartPolicy: "Never" }, [status("main", exited(1))], "Failed"],
  [
    "a rule starts it again",
    { restartPolicy: "Never", containers: [restarting] },
    [status("main", exited(42))],
    "Running",
  ],
  [
    "no rule starts it again",
    { restartPolicy: "Never", containers: [restarting] },
    [status("main", exited(1))],
    "Failed",
  ],
  ["an init container runs", { initContainers: [init] }, [status("init", running), status("main", waiting)], "Pending"],
  [
    "an init container failed for good",
    { initContainers: [init], restartPolicy: "Never" },
    [status("init", exited(1)), status("main", waiting)],
    "Failed",
  ],
  [
    "a sidecar that has not started yet",
    { initContainers: [sidecar] },
    [status("side", running, { started: false }), status("main", waiting)],
    "Pending",
  ],
  [
    "a sidecar that starts again beside what runs",
    { initContainers: [sidecar] },
    [status("side", running, { started: false, restartCount: 1 }), status("main", running)],
    "Running",
  ],
  [
    "a sidecar that outlives the containers",
    { initContainers: [sidecar], restartPolicy: "Never" },
    [status("side", running, { started: true }), status("main", exited(0))],
    "Running",
  ],
];

for (const [what, spec, statuses, phase] of cases) {
  test(`phase: ${what}`, () => {
    assert.equal(podPhase(testPod({ restartPolicy: "Always", ...spec }), statuses, false), phase);
  });
}

test("phase: a pod that ends goes by exit codes, whatever would start again", () => {
  const pod = testPod({ restartPolicy: "Always" });
  assert.equal(podPhase(pod, [status("main", exited(0))], true), "Succeeded");
  assert.equal(podPhase(pod, [status("main", exited(143))], true), "Failed");
});
