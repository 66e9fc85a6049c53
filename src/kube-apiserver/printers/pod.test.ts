import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "../../api/core/v1/types.gen.ts";
import { podCells } from "./pod.ts";

const nowMs = Date.parse("2030-01-01T01:00:00Z");

function pod(status: object, more: { spec?: object; metadata?: object } = {}): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", namespace: "d", creationTimestamp: "2030-01-01T00:00:00Z", ...more.metadata },
    spec: { containers: [{ name: "c", resources: {} }], ...more.spec },
    status,
  } as unknown as Pod;
}

const container = (state: object, more: object = {}): object => ({
  name: "c",
  restartCount: 0,
  ready: false,
  state,
  lastState: {},
  ...more,
});
const running = { running: {} };

/** READY, STATUS, RESTARTS. */
const cases: readonly (readonly [string, Pod, readonly string[]])[] = [
  ["pending", pod({ phase: "Pending" }), ["0/1", "Pending", "0"]],
  [
    "running",
    pod({ phase: "Running", containerStatuses: [container(running, { ready: true })] }),
    ["1/1", "Running", "0"],
  ],
  [
    "creating",
    pod({ phase: "Pending", containerStatuses: [container({ waiting: { reason: "ContainerCreating" } })] }),
    ["0/1", "ContainerCreating", "0"],
  ],
  [
    "crash loop",
    pod({
      phase: "Running",
      containerStatuses: [
        container(
          { waiting: { reason: "CrashLoopBackOff" } },
          { restartCount: 3, lastState: { terminated: { exitCode: 0, finishedAt: "2030-01-01T00:55:00Z" } } },
        ),
      ],
    }),
    ["0/1", "CrashLoopBackOff", "3 (5m ago)"],
  ],
  [
    "completed",
    pod({ phase: "Succeeded", containerStatuses: [container({ terminated: { exitCode: 0, reason: "Completed" } })] }),
    ["0/1", "Completed", "0"],
  ],
  [
    "exit code without a reason",
    pod({ phase: "Failed", containerStatuses: [container({ terminated: { exitCode: 3 } })] }),
    ["0/1", "ExitCode:3", "0"],
  ],
  [
    "terminating",
    pod(
      { phase: "Running", containerStatuses: [container(running, { ready: true })] },
      { metadata: { deletionTimestamp: "2030-01-01T01:00:30Z" } },
    ),
    ["1/1", "Terminating", "0"],
  ],
  [
    "init container failing",
    pod(
      {
        phase: "Pending",
        initContainerStatuses: [container({ waiting: { reason: "CrashLoopBackOff" } }, { name: "i", restartCount: 2 })],
        containerStatuses: [container({ waiting: { reason: "PodInitializing" } })],
      },
      { spec: { initContainers: [{ name: "i", resources: {} }] } },
    ),
    ["0/1", "Init:CrashLoopBackOff", "2"],
  ],
  [
    "second of two init containers running",
    pod(
      {
        phase: "Pending",
        initContainerStatuses: [
          container({ terminated: { exitCode: 0 } }, { name: "a" }),
          container(running, { name: "b" }),
        ],
      },
      { spec: { initContainers: [{ name: "a" }, { name: "b" }] } },
    ),
    ["0/1", "Init:1/2", "0"],
  ],
  [
    "sidecar counts as a container",
    pod(
      {
        phase: "Running",
        initContainerStatuses: [container(running, { name: "s", started: true, ready: true })],
        containerStatuses: [container(running, { ready: true })],
      },
      { spec: { initContainers: [{ name: "s", restartPolicy: "Always" }] } },
    ),
    ["2/2", "Running", "0"],
  ],
  ["evicted", pod({ phase: "Failed", reason: "Evicted" }), ["0/1", "Evicted", "0"]],
  [
    "gated",
    pod({ phase: "Pending", conditions: [{ type: "PodScheduled", status: "False", reason: "SchedulingGated" }] }),
    ["0/1", "SchedulingGated", "0"],
  ],
];

for (const [name, object, expected] of cases) {
  test(`pod cells: ${name}`, () => {
    const cells = podCells(object, nowMs);
    assert.deepEqual(cells.slice(1, 4), expected);
    assert.equal(cells[4], "60m");
  });
}
