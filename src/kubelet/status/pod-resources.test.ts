import assert from "node:assert/strict";
import { test } from "node:test";
import type { PodStatus, ResourceRequirements } from "../../api/core/v1/types.gen.ts";
import { testContainer, testPod } from "../testing/pods.ts";
import { podResourcesStatus } from "./pod-resources.ts";

const both = (cpu: string, memory: string): ResourceRequirements => ({
  requests: { cpu, memory },
  limits: { cpu, memory },
});
const some: ResourceRequirements = { requests: { cpu: "100m", "ephemeral-storage": "1Gi" }, limits: { memory: "1Gi" } };

const cases: readonly [
  what: string,
  containers: ResourceRequirements[],
  pod: ResourceRequirements | undefined,
  phase: PodStatus["phase"],
  expected: ReturnType<typeof podResourcesStatus>,
][] = [
  ["nothing asked for", [{}], undefined, "Running", { resources: {} }],
  [
    "the sum of the containers",
    [both("100m", "64Mi"), both("200m", "64Mi")],
    undefined,
    "Running",
    { allocatedResources: { cpu: "300m", memory: "128Mi" }, resources: both("300m", "128Mi") },
  ],
  [
    "a limit that not every container has is none of the pod's",
    [both("100m", "64Mi"), some],
    undefined,
    "Running",
    {
      allocatedResources: { cpu: "200m", memory: "64Mi", "ephemeral-storage": "1Gi" },
      resources: { requests: { cpu: "200m", memory: "64Mi" }, limits: { memory: "1088Mi" } },
    },
  ],
  [
    "the pod's own",
    [both("100m", "64Mi")],
    both("1", "1Gi"),
    "Running",
    { allocatedResources: { cpu: "1", memory: "1Gi" }, resources: both("1", "1Gi") },
  ],
  [
    "before it runs, all that is allocated",
    [some],
    undefined,
    "Pending",
    {
      allocatedResources: { cpu: "100m", "ephemeral-storage": "1Gi" },
      resources: { requests: { cpu: "100m", "ephemeral-storage": "1Gi" }, limits: { memory: "1Gi" } },
    },
  ],
];

for (const [what, containers, own, phase, expected] of cases) {
  test(`resources of a pod: ${what}`, () => {
    const spec = {
      containers: containers.map((resources, i) => testContainer({ name: `c${i}`, resources })),
      ...(own ? { resources: own } : {}),
    };
    const pod = { ...testPod(spec), status: phase === undefined ? {} : { phase } };
    assert.deepEqual(podResourcesStatus(pod, {}, false), expected);
    const before = both("5", "5Gi");
    assert.deepEqual(podResourcesStatus(pod, { resources: before }, true), { ...expected, resources: before });
  });
}
