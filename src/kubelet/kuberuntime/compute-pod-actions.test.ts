import assert from "node:assert/strict";
import { test } from "node:test";
import type { Container, Pod, PodSpec } from "../../api/core/v1/types.gen.ts";
import type { PodSandboxStatus } from "../../cri-api/runtime/v1/types.ts";
import type { ContainerRecord, PodRecord } from "../container/pod-record.ts";
import { computePodActions, type ProbeVerdicts } from "./compute-pod-actions.ts";
import { containerHash } from "./container-hash.ts";

const quiet: ProbeVerdicts = { liveness: () => undefined, startup: () => undefined };

function container(name: string, more: Partial<Container> = {}): Container {
  return { name, image: "i", resources: {}, ...more };
}

function podOf(spec: Partial<PodSpec>): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", namespace: "d", uid: "u", resourceVersion: "1", creationTimestamp: "2026-01-01T00:00:00Z" },
    spec: { containers: [container("a"), container("b")], ...spec },
    status: {},
  };
}

function sandbox(attempt: number, state: "ready" | "notReady" = "ready"): PodSandboxStatus {
  return {
    id: `s${attempt}`,
    metadata: { name: "p", namespace: "d", uid: "u", attempt },
    state,
    createdAtMs: attempt,
    labels: {},
    annotations: {},
    runtimeHandler: "",
  };
}

function recordOf(name: string, state: ContainerRecord["state"], more: Partial<ContainerRecord> = {}): ContainerRecord {
  return {
    id: `c-${name}`,
    sandboxId: "s0",
    name,
    state,
    hash: containerHash(container(name)),
    restartCount: 0,
    image: "i",
    imageId: "i",
    createdAtMs: 1,
    startedAtMs: 1,
    finishedAtMs: 2,
    exitCode: 0,
    reason: "",
    message: "",
    logPath: "",
    ...more,
  };
}

function made(sandboxes: PodSandboxStatus[], containers: ContainerRecord[] = []): PodRecord {
  return { uid: "u", sandboxes, containers, ips: sandboxes[0]?.state === "ready" ? ["10.0.0.1"] : [] };
}

interface Expected {
  readonly kill?: boolean;
  readonly create?: number;
  readonly start?: string[];
  readonly init?: string[];
  readonly stop?: string[];
  readonly reset?: string[];
}

const over: Partial<Container> = {
  restartPolicy: "Never",
  restartPolicyRules: [{ action: "RestartAllContainers", exitCodes: { operator: "In", values: [42] } }],
};

const cases: readonly [string, Partial<PodSpec>, PodRecord, Expected, ProbeVerdicts?][] = [
  ["a new pod gets a sandbox and all containers", {}, made([]), { kill: true, create: 0, start: ["a", "b"] }],
  [
    "a new pod with init containers begins with the first",
    { initContainers: [container("i"), container("j")] },
    made([]),
    { kill: true, create: 0, init: ["i"] },
  ],
  ["what is missing is started", {}, made([sandbox(0)], [recordOf("a", "running")]), { start: ["b"] }],
  ["all is well", {}, made([sandbox(0)], [recordOf("a", "running"), recordOf("b", "running")]), {}],
  [
    "a dead sandbox is replaced with everything in it",
    {},
    made([sandbox(0, "notReady")], [recordOf("a", "running"), recordOf("b", "exited")]),
    { kill: true, create: 1, start: ["a", "b"] },
  ],
  [
    "Never: a dead sandbox is not replaced once containers ran",
    { restartPolicy: "Never" },
    made([sandbox(0, "notReady")], [recordOf("a", "exited")]),
    { kill: true },
  ],
  [
    "OnFailure: a new sandbox is for what has not succeeded",
    { restartPolicy: "OnFailure" },
    made([sandbox(0, "notReady")], [recordOf("a", "exited"), recordOf("b", "exited", { exitCode: 1 })]),
    { kill: true, create: 1, start: ["b"] },
  ],
  [
    "Never: all ended, the sandbox goes",
    { restartPolicy: "Never" },
    made([sandbox(0)], [recordOf("a", "exited"), recordOf("b", "exited", { exitCode: 1 })]),
    { kill: true },
  ],
  [
    "a changed image replaces the container, whatever the policy",
    { restartPolicy: "Never" },
    made([sandbox(0)], [recordOf("a", "running", { hash: "other" }), recordOf("b", "running")]),
    { start: ["a"], stop: ["Container a definition changed, will be restarted"] },
  ],
  [
    "a failed liveness probe under Never kills and does not restart",
    { restartPolicy: "Never" },
    made([sandbox(0)], [recordOf("a", "running"), recordOf("b", "running")]),
    { stop: ["Container a failed liveness probe"] },
    { ...quiet, liveness: (id) => (id === "c-a" ? "failure" : "success") },
  ],
  [
    "a failed init container under Never ends the pod",
    { restartPolicy: "Never", initContainers: [container("i")] },
    made([sandbox(0)], [recordOf("i", "exited", { exitCode: 1 })]),
    { kill: true },
  ],
  [
    "a failed init container under Always is tried again",
    { initContainers: [container("i")] },
    made([sandbox(0)], [recordOf("i", "exited", { exitCode: 1 })]),
    { init: ["i"] },
  ],
  [
    "after the last init container the others start",
    { initContainers: [container("i")] },
    made([sandbox(0)], [recordOf("i", "exited")]),
    { start: ["a", "b"] },
  ],
  [
    "init containers of an earlier sandbox do not count",
    { initContainers: [container("i")] },
    made([sandbox(1)], [recordOf("i", "exited")]),
    { init: ["i"] },
  ],
  [
    "a sidecar that runs lets the next one start; one that ended is started again beside running containers",
    { initContainers: [container("i", { restartPolicy: "Always" })] },
    made([sandbox(0)], [recordOf("i", "exited"), recordOf("a", "running"), recordOf("b", "running")]),
    { init: ["i"] },
  ],
  [
    "a sidecar's startup probe holds the next container back",
    { initContainers: [container("i", { restartPolicy: "Always", startupProbe: {} })] },
    made([sandbox(0)], [recordOf("i", "running")]),
    {},
  ],
  [
    "a rule has all start over: what gave cause goes last, and nothing starts before all are gone",
    { initContainers: [container("i", over)], containers: [container("a", over), container("b"), container("c")] },
    made(
      [sandbox(0)],
      [
        recordOf("a", "exited", { exitCode: 42 }),
        recordOf("b", "running"),
        recordOf("i", "exited"),
        recordOf("z", "exited"),
      ],
    ),
    { reset: ["b", "i", "a"] },
  ],
  [
    "another exit code has nothing start over",
    { restartPolicy: "Never", containers: [container("a", over), container("b")] },
    made([sandbox(0)], [recordOf("a", "exited", { exitCode: 1 }), recordOf("b", "running")]),
    {},
  ],
];

for (const [name, spec, record, expected, probes] of cases) {
  test(`pod actions: ${name}`, () => {
    const actions = computePodActions(podOf(spec), record, probes ?? quiet);
    assert.deepEqual(
      {
        kill: actions.killPod,
        create: actions.createSandbox ? actions.attempt : undefined,
        start: actions.containersToStart.map((c) => c.name),
        init: actions.initContainersToStart.map((c) => c.name),
        stop: actions.containersToKill.map((k) => k.message),
        reset: actions.containersToReset.map((r) => r.container.name),
      },
      { kill: false, create: undefined, start: [], init: [], stop: [], reset: [], ...expected },
    );
  });
}
