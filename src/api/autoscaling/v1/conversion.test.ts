import assert from "node:assert/strict";
import { test } from "node:test";
import { builtinScheme } from "../../scheme.ts";
import { horizontalPodAutoscalerConversion } from "./conversion.ts";

const v1 = builtinScheme().kind("autoscaling", "v1", "HorizontalPodAutoscaler");
const v2 = builtinScheme().kind("autoscaling", "v2", "HorizontalPodAutoscaler");
assert.ok(v1 && v2);
const { toStorage, fromStorage } = horizontalPodAutoscalerConversion;

test("CPU utilisation is the metric both versions know", () => {
  const { object } = v1.decode({
    apiVersion: "autoscaling/v1",
    kind: "HorizontalPodAutoscaler",
    metadata: { name: "web", annotations: { mine: "kept" } },
    spec: { scaleTargetRef: { kind: "Deployment", name: "web" }, maxReplicas: 3, targetCPUUtilizationPercentage: 70 },
  });
  const stored = toStorage(object) as unknown as { spec: object };
  assert.deepEqual(stored.spec, {
    scaleTargetRef: { kind: "Deployment", name: "web" },
    maxReplicas: 3,
    metrics: [{ type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 70 } } }],
  });
  assert.deepEqual(v1.decode(fromStorage(toStorage(object))).object, object);
});

test("everything v1 cannot say survives in annotations", () => {
  const metric = { name: "requests" };
  const { object } = v2.decode({
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: { name: "web" },
    spec: {
      scaleTargetRef: { kind: "Deployment", name: "web" },
      maxReplicas: 3,
      metrics: [
        { type: "Pods", pods: { metric, target: { type: "AverageValue", averageValue: "10" } } },
        { type: "External", external: { metric, target: { type: "Value", value: "1k" } } },
        {
          type: "Object",
          object: { describedObject: { kind: "Service", name: "s" }, metric, target: { type: "Value", value: "5" } },
        },
        { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 70 } } },
      ],
      behavior: { scaleDown: { stabilizationWindowSeconds: 60 } },
    },
    status: {
      desiredReplicas: 1,
      currentMetrics: [
        { type: "Resource", resource: { name: "cpu", current: { averageUtilization: 5, averageValue: "5m" } } },
      ],
      conditions: [{ type: "AbleToScale", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" }],
    },
  });
  const shown = fromStorage(object);
  const annotations = shown.metadata.annotations ?? {};
  assert.equal(
    annotations["autoscaling.alpha.kubernetes.io/metrics"],
    '[{"type":"Pods","pods":{"metricName":"requests","targetAverageValue":"10"}},' +
      '{"type":"External","external":{"metricName":"requests","targetValue":"1k"}},' +
      '{"type":"Object","object":{"target":{"kind":"Service","name":"s"},"metricName":"requests","targetValue":"5"}}]',
  );
  assert.deepEqual(v1.decode(shown).unknownFields, []);
  assert.deepEqual(v2.decode(toStorage(shown)).object, object);
});

test("annotations that cannot be read are ignored", () => {
  const { object } = v1.decode({ metadata: { annotations: { "autoscaling.alpha.kubernetes.io/metrics": "{" } } });
  assert.deepEqual(v2.decode(toStorage(object)).object.metadata, {});
});
