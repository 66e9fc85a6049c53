import assert from "node:assert/strict";
import { test } from "node:test";
import type { Container, ContainerState, Pod } from "../../../../api/core/v1/types.gen.ts";
import { podStatusStrategy } from "./status-strategy.ts";

function podWith(state: ContainerState, restartPolicy: string, fields: Partial<Container>): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", namespace: "d", uid: "u", resourceVersion: "1", creationTimestamp: "2026-01-01T00:00:00Z" },
    spec: { restartPolicy, containers: [{ name: "a", image: "i", resources: {}, ...fields }] },
    status: {
      containerStatuses: [{ name: "a", state, lastState: {}, ready: false, restartCount: 0, image: "i", imageID: "" }],
    },
  } as Pod;
}

const rule = (action: "Restart" | "RestartAllContainers"): Partial<Container> => ({
  restartPolicy: "Never",
  restartPolicyRules: [{ action, exitCodes: { operator: "In", values: [42] } }],
});

const cases: readonly [policy: string, container: Partial<Container>, exitCode: number, may: boolean][] = [
  ["Always", {}, 0, true],
  ["OnFailure", {}, 1, true],
  ["OnFailure", {}, 0, false],
  ["Never", {}, 1, false],
  ["Always", { restartPolicy: "Never" }, 1, false],
  ["Never", { restartPolicy: "Always" }, 0, true],
  ["Never", rule("Restart"), 42, true],
  ["Never", rule("Restart"), 1, false],
  ["Never", rule("RestartAllContainers"), 1, true],
];

for (const [policy, container, exitCode, may] of cases) {
  test(`pod ${policy}, container ${JSON.stringify(container)}, ended with ${exitCode}: may run again: ${may}`, () => {
    const old = podWith({ terminated: { exitCode } }, policy, container);
    const errors =
      podStatusStrategy.validateUpdate?.(podWith({ running: {} }, policy, container), old, {} as never) ?? [];
    assert.deepEqual(
      errors.map((e) => `${e.field} ${e.detail}`),
      may ? [] : ["status.containerStatuses[0].state may not be transitioned to non-terminated state"],
    );
  });
}
