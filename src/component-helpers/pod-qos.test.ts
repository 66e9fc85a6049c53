import assert from "node:assert/strict";
import { test } from "node:test";
import type { PodSpec } from "../api/core/v1/types.gen.ts";
import { podQosClass } from "./pod-qos.ts";

test("quality of service follows requests and limits of cpu and memory", () => {
  const qos = (resources: object): string =>
    podQosClass({ spec: { containers: [{ name: "c", resources }] } satisfies PodSpec });
  assert.equal(qos({}), "BestEffort");
  assert.equal(qos({ requests: { cpu: "1" } }), "Burstable");
  assert.equal(qos({ limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "1", memory: "1Gi" } }), "Guaranteed");
  assert.equal(qos({ limits: { cpu: "1" }, requests: { cpu: "1" } }), "Burstable");
});
