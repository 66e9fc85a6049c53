import assert from "node:assert/strict";
import { test } from "node:test";
import type { PodSpec } from "../api/core/v1/types.gen.ts";
import { podQosClass, podRequests } from "./pod-requests.ts";

const container = (cpu: string, more: object = {}): object => ({
  name: "c",
  resources: { requests: { cpu } },
  ...more,
});
const pod = (spec: object): { spec: PodSpec } => ({ spec: spec as PodSpec });

test("requests are the larger of what runs together and what initialisation needs", () => {
  const cpu = (spec: object): string | undefined => podRequests(pod(spec)).get("cpu")?.toString();
  assert.equal(cpu({ containers: [container("100m"), container("200m")] }), "300m");
  assert.equal(cpu({ containers: [container("100m")], initContainers: [container("500m")] }), "500m");
  const sidecar = container("50m", { restartPolicy: "Always" });
  assert.equal(cpu({ containers: [container("100m")], initContainers: [sidecar] }), "150m");
  assert.equal(cpu({ containers: [container("100m")], initContainers: [sidecar, container("200m")] }), "250m");
  assert.equal(cpu({ containers: [container("100m")], overhead: { cpu: "10m" } }), "110m");
  assert.equal(cpu({ containers: [container("100m")], resources: { requests: { cpu: "1" } } }), "1");
});

test("quality of service follows requests and limits of cpu and memory", () => {
  const qos = (resources: object): string => podQosClass(pod({ containers: [{ name: "c", resources }] }));
  assert.equal(qos({}), "BestEffort");
  assert.equal(qos({ requests: { cpu: "1" } }), "Burstable");
  assert.equal(qos({ limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "1", memory: "1Gi" } }), "Guaranteed");
  assert.equal(qos({ limits: { cpu: "1" }, requests: { cpu: "1" } }), "Burstable");
});
