import assert from "node:assert/strict";
import { test } from "node:test";

import type { Container, Pod, ResourceRequirements } from "../../api/core/v1/types.gen.ts";
import { containerLinuxResources, oomScoreAdj, podCgroupResources } from "./linux-resources.ts";

const gibibyte = 2 ** 30;
const mebibyte = 2 ** 20;

function container(name: string, resources: ResourceRequirements = {}, restartPolicy?: "Always"): Container {
  return { name, image: "a:1", resources, ...(restartPolicy ? { restartPolicy } : {}) };
}

function pod(spec: Partial<Pod["spec"]> & { readonly containers: readonly Container[] }): Pod {
  const metadata = {
    name: "p",
    namespace: "n",
    uid: "u",
    resourceVersion: "1",
    creationTimestamp: "2026-01-01T00:00:00Z",
  };
  return { apiVersion: "v1", kind: "Pod", metadata, spec, status: {} };
}

test("what the pod as a whole declares is its group's, and its containers' where they have no limit of their own", () => {
  const own = container("own", { requests: { cpu: "100m" }, limits: { memory: "50Mi" } });
  const whole = pod({
    containers: [own, container("none")],
    resources: { requests: { cpu: "500m", memory: "100Mi" }, limits: { cpu: "1", memory: "200Mi" } },
  });
  assert.deepEqual(podCgroupResources(whole), {
    cpuShares: 512,
    cpuQuota: 100_000,
    cpuPeriod: 100_000,
    memoryLimitInBytes: 200 * mebibyte,
  });
  const { oomScoreAdj: _, ...none } = containerLinuxResources(whole, container("none"), gibibyte);
  assert.deepEqual(none, {
    cpuShares: 1024,
    cpuPeriod: 100_000,
    cpuQuota: 100_000,
    memoryLimitInBytes: 200 * mebibyte,
  });
  const { memoryLimitInBytes, cpuShares } = containerLinuxResources(whole, own, gibibyte);
  assert.deepEqual([memoryLimitInBytes, cpuShares], [50 * mebibyte, 102]);
});

test("one declared resource of the pod bounds that resource alone", () => {
  const whole = pod({ containers: [container("a"), container("b")], resources: { limits: { memory: "64Mi" } } });
  assert.deepEqual(podCgroupResources(whole), { cpuShares: 2, memoryLimitInBytes: 64 * mebibyte });
});

test("who is killed first: requests count, those of the pod in equal shares; a sidecar not before what it serves", () => {
  const of = (spec: Parameters<typeof pod>[0], which: Container): number => oomScoreAdj(pod(spec), which, gibibyte);
  const big = container("big", { requests: { memory: "512Mi" } });
  const small = container("small", { requests: { memory: "256Mi" } });
  assert.deepEqual([of({ containers: [big, small] }, big), of({ containers: [big, small] }, small)], [500, 750]);
  const sidecar = container("side", { requests: { memory: "1Mi" } }, "Always");
  assert.equal(of({ containers: [big, small], initContainers: [sidecar] }, sidecar), 750);
  const bare = container("bare");
  const whole = { containers: [small, bare], resources: { requests: { memory: "512Mi" } } };
  assert.deepEqual([of(whole, small), of(whole, bare)], [1000 - 375, 1000 - 125]);
});
