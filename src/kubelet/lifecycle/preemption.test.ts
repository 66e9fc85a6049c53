import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "../../api/core/v1/types.gen.ts";
import { testContainer, testPod } from "../testing/pods.ts";
import type { Lack } from "./pod-admission.ts";
import { podsToPreempt } from "./preemption.ts";

const critical = testPod({ priority: 2_000_000_000 }, { name: "critical" });

function other(name: string, requests: Record<string, string>, limits?: Record<string, string>): Pod {
  const resources = { requests, ...(limits ? { limits } : {}) };
  return testPod({ priority: 0, containers: [testContainer({ resources })] }, { name, uid: name });
}

function guaranteed(name: string, memory: string): Pod {
  return other(name, { cpu: "100m", memory }, { cpu: "100m", memory });
}

/** The node is full: all that is requested is lacking. */
function lack(name: string, requested: number): Lack {
  return { name, requested, used: 0, capacity: 0 };
}

const mega = 1 << 20;
const cases: readonly [what: string, others: Pod[], lacks: Lack[], expected: string[] | undefined][] = [
  [
    "the pod that fits best",
    [other("a", { memory: "300Mi" }), other("b", { memory: "200Mi" })],
    [lack("memory", 150 * mega)],
    ["b"],
  ],
  [
    "as many as it takes",
    [other("a", { memory: "100Mi" }), other("b", { memory: "100Mi" })],
    [lack("memory", 150 * mega)],
    ["a", "b"],
  ],
  [
    "those promised most last",
    [guaranteed("a", "200Mi"), other("b", { memory: "200Mi" })],
    [lack("memory", 100 * mega)],
    ["b"],
  ],
  [
    "a place, which the one without requests gives",
    [other("a", { memory: "1Mi" }), other("b", {})],
    [lack("pods", 1)],
    ["b"],
  ],
  ["nothing when all of them are not enough", [other("a", { memory: "1Mi" })], [lack("memory", 2 * mega)], undefined],
  ["no other critical pod", [testPod({ priority: 2_000_000_000 })], [lack("pods", 1)], undefined],
];

for (const [what, others, lacks, expected] of cases) {
  test(`preempted for a critical pod: ${what}`, () => {
    assert.deepEqual(
      podsToPreempt(critical, others, lacks)?.map((p) => p.metadata.name),
      expected,
    );
  });
}
