import assert from "node:assert/strict";
import { test } from "node:test";
import type { Container } from "../../api/core/v1/types.gen.ts";
import { testContainer, testPod } from "../testing/pods.ts";
import { restartsAfterExit } from "../../component-helpers/container-restart.ts";
import { restartsAfterKill } from "./restart-policy.ts";

const onCode = (operator: "In" | "NotIn", ...values: number[]): Partial<Container> => ({
  restartPolicy: "Never",
  restartPolicyRules: [{ action: "Restart", exitCodes: { operator, values } }],
});

const cases: readonly [
  pod: "Always" | "OnFailure" | "Never",
  container: Partial<Container>,
  exitCode: number,
  restarts: boolean,
][] = [
  ["Always", {}, 0, true],
  ["OnFailure", {}, 0, false],
  ["OnFailure", {}, 1, true],
  ["Never", {}, 1, false],
  ["Always", { restartPolicy: "Never" }, 1, false],
  ["Never", { restartPolicy: "Always" }, 0, true],
  ["Never", { restartPolicy: "OnFailure" }, 0, false],
  ["Never", { restartPolicy: "OnFailure" }, 1, true],
  ["Never", onCode("In", 42), 42, true],
  ["Never", onCode("In", 42), 1, false],
  ["Always", onCode("In", 42), 1, false],
  ["Never", onCode("NotIn", 42), 42, false],
  ["Never", onCode("NotIn", 42), 0, true],
];

for (const [policy, fields, exitCode, expected] of cases) {
  test(`pod ${policy}, container ${JSON.stringify(fields)}, exit code ${exitCode}: restarted ${expected}`, () => {
    assert.equal(restartsAfterExit(testPod({ restartPolicy: policy }), testContainer(fields), exitCode), expected);
  });
}

test("a container ended for its probe goes by its policy, not by its rules", () => {
  const kill = (policy: "Always" | "Never", fields: Partial<Container>): boolean =>
    restartsAfterKill(testPod({ restartPolicy: policy }), testContainer(fields));
  assert.equal(kill("Always", {}), true);
  assert.equal(kill("Never", {}), false);
  assert.equal(kill("Never", { restartPolicy: "OnFailure" }), true);
  assert.equal(kill("Always", onCode("In", 137)), false);
});
