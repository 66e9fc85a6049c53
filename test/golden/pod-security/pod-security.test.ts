import assert from "node:assert/strict";
import { test } from "node:test";

import type { Level } from "../../../src/kube-apiserver/admission/pod-security/levels.ts";
import {
  type CheckedPod,
  violations,
  violationsText,
} from "../../../src/kube-apiserver/admission/pod-security/standards.ts";
import { readGolden } from "../read.ts";

interface Vector extends CheckedPod {
  /** By level: from which minor version on which text is told; empty for none. */
  readonly told: Readonly<Record<Level, readonly (readonly [number, string])[]>>;
}

/** Later than any that changed a standard. */
const lastVersion = 37;

test("every level in every version tells what upstream tells of a pod", () => {
  const problems: string[] = [];
  let count = 0;
  for (const [i, pod] of readGolden<readonly Vector[]>(import.meta.url, "pods.json").entries()) {
    for (const level of ["baseline", "restricted"] as const) {
      for (const version of [...Array(lastVersion + 1).keys(), Infinity]) {
        count++;
        const expected = pod.told[level].findLast(([first]) => first <= version)?.[1];
        const actual = violationsText(violations(pod, { level, version }));
        if (actual !== expected) {
          problems.push(`pod ${i}, ${level}:${version}\n    expected ${expected}\n    actual   ${actual}`);
        }
      }
    }
  }
  assert.ok(count > 10_000);
  assert.equal(problems.length, 0, `${problems.length} differences\n${problems.slice(0, 20).join("\n")}`);
});
