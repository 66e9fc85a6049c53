import assert from "node:assert/strict";
import { test } from "node:test";
import type { ResourceRequirements } from "../../api/core/v1/types.gen.ts";
import { testContainer, testPod } from "../testing/pods.ts";
import { resourceFieldValue } from "./downward-api.ts";

const facts = { podIps: [], hostIps: [], allocatable: { cpu: "8", memory: "1Gi", "ephemeral-storage": "10Gi" } };

const cases: readonly [
  what: string,
  resource: string,
  container: ResourceRequirements,
  pod: ResourceRequirements,
  expected: string,
][] = [
  ["the container's own", "limits.cpu", { limits: { cpu: "2" } }, { limits: { cpu: "4" } }, "2"],
  ["the pod's", "limits.cpu", {}, { limits: { cpu: "4" } }, "4"],
  ["the pod's", "limits.memory", { limits: { cpu: "2" } }, { limits: { memory: "64Mi" } }, String(64 * 2 ** 20)],
  ["what the node can give", "limits.memory", {}, { limits: { cpu: "4" } }, String(2 ** 30)],
  ["what the node can give for none", "limits.cpu", { limits: { cpu: "0" } }, {}, "8"],
  ["no request of the pod's", "requests.cpu", {}, { requests: { cpu: "4" } }, "0"],
  ["no pod has storage of its own", "limits.ephemeral-storage", {}, { limits: { cpu: "4" } }, String(10 * 2 ** 30)],
];

for (const [what, resource, own, pods, expected] of cases) {
  test(`${resource} of a container is ${what}`, () => {
    const container = testContainer({ resources: own });
    const pod = testPod({ containers: [container], resources: pods });
    assert.equal(resourceFieldValue({ resource }, pod, container, facts), expected);
  });
}
