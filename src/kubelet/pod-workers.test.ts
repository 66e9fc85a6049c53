import assert from "node:assert/strict";
import { test } from "node:test";

import { settle } from "../client/testing/drain.ts";
import { silentLogger } from "../component-base/logger.ts";
import { SteppingClock } from "../component-base/stepping-clock.ts";
import { TaskGroup } from "../component-base/task-group.ts";
import { type PodLifecycle, PodWorkers } from "./pod-workers.ts";
import { testPod } from "./testing/pods.ts";

/** Workers over steps that only say they were taken. */
function countingWorkers() {
  const steps: string[] = [];
  const step = (name: string) => () => {
    steps.push(name);
    return Promise.resolve();
  };
  const lifecycle: PodLifecycle = {
    syncPod: () => step("sync")().then(() => ({ isTerminal: false })),
    syncTerminatingPod: step("terminating"),
    syncTerminatedPod: step("terminated"),
    removePod: step("remove"),
  };
  const clock = new SteppingClock();
  const tasks = new TaskGroup();
  const workers = new PodWorkers({ lifecycle, clock, logger: silentLogger, tasks, onForget: () => {} });
  return { workers, steps, tasks };
}

test("a pod is not synced again for the status its kubelet wrote, and is known by it", async () => {
  const { workers, steps, tasks } = countingWorkers();
  await using _ = tasks;
  const pod = testPod();
  workers.update(pod);
  await settle();
  assert.deepEqual(steps, ["sync"]);
  const written = {
    ...pod,
    metadata: { ...pod.metadata, resourceVersion: "2" },
    status: { phase: "Running" as const },
  };
  workers.update(written);
  await settle();
  assert.deepEqual(steps, ["sync"]);
  assert.equal(workers.get(pod.metadata.uid), written);
  workers.update({ ...written, metadata: { ...written.metadata, resourceVersion: "3", labels: { app: "b" } } });
  await settle();
  assert.deepEqual(steps, ["sync", "sync"]);
});

test("a pod whose status says it has ended is ended", async () => {
  const { workers, steps, tasks } = countingWorkers();
  await using _ = tasks;
  const pod = testPod();
  workers.update(pod);
  await settle();
  workers.update({ ...pod, metadata: { ...pod.metadata, resourceVersion: "2" }, status: { phase: "Failed" as const } });
  await settle();
  assert.deepEqual(steps, ["sync", "terminating", "terminated"]);
});
