import assert from "node:assert/strict";
import { test } from "node:test";
import { ScalingHistory } from "./scaling-history.ts";

const bounds = (currentReplicas: number, minReplicas = 1, maxReplicas = 100) => ({
  currentReplicas,
  minReplicas,
  maxReplicas,
});
const second = 1000;

test("without rules, scaling down waits for the highest recommendation of five minutes to grow old", () => {
  const history = new ScalingHistory();
  history.begin(10, 0);
  const at = (s: number, recommended: number) => {
    const { replicas, reason } = history.stabilize(recommended, bounds(10), undefined, s * second);
    return [replicas, reason];
  };
  assert.deepEqual(at(15, 4), [10, "ScaleDownStabilized"]);
  assert.deepEqual(at(30, 6), [10, "ScaleDownStabilized"]);
  assert.deepEqual(at(45, 12), [12, "ReadyForNewScale"]);
  assert.deepEqual(at(345, 4), [12, "ScaleDownStabilized"]);
  assert.deepEqual(at(346, 4), [4, "ReadyForNewScale"]);
});

test("without rules, replicas at most double, or become four", () => {
  const history = new ScalingHistory();
  const limit = (replicas: number, current: number) => {
    const verdict = history.limit(replicas, bounds(current, 2, 10), undefined, 0);
    return [verdict.replicas, verdict.isChanged, verdict.reason];
  };
  assert.deepEqual(limit(9, 1), [4, true, "ScaleUpLimit"]);
  assert.deepEqual(limit(9, 3), [6, true, "ScaleUpLimit"]);
  assert.deepEqual(limit(50, 6), [10, true, "TooManyReplicas"]);
  assert.deepEqual(limit(1, 6), [2, true, "TooFewReplicas"]);
  assert.deepEqual(limit(5, 6), [5, false, "DesiredWithinRange"]);
});

test("rules have windows of their own for each direction", () => {
  const behavior = { scaleUp: { stabilizationWindowSeconds: 60 }, scaleDown: { stabilizationWindowSeconds: 30 } };
  const history = new ScalingHistory();
  history.begin(5, 0);
  const at = (s: number, recommended: number) => {
    const { replicas, reason } = history.stabilize(recommended, bounds(5), behavior, s * second);
    return [replicas, reason];
  };
  assert.deepEqual(at(15, 9), [5, "ScaleUpStabilized"]);
  assert.deepEqual(at(61, 9), [9, "ReadyForNewScale"]);
  assert.deepEqual(at(76, 3), [5, "ScaleDownStabilized"]);
  assert.deepEqual(at(92, 3), [3, "ReadyForNewScale"]);
});

test("policies limit the rate from what there was when their period began", () => {
  const policies = [
    { type: "Pods", value: 4, periodSeconds: 60 },
    { type: "Percent", value: 50, periodSeconds: 60 },
  ];
  const max = { scaleUp: { selectPolicy: "Max", policies }, scaleDown: { selectPolicy: "Max", policies } };
  const min = { scaleUp: { selectPolicy: "Min", policies }, scaleDown: { selectPolicy: "Min", policies } };
  const never = { scaleUp: { selectPolicy: "Disabled", policies }, scaleDown: { selectPolicy: "Disabled", policies } };
  const cases = [
    // From 20: 4 pods or half more.
    { behavior: max, to: 90, from: 20, replicas: 30, reason: "ScaleUpLimit" },
    { behavior: min, to: 90, from: 20, replicas: 24, reason: "ScaleUpLimit" },
    { behavior: never, to: 90, from: 20, replicas: 20, reason: "ScaleUpLimit" },
    { behavior: max, to: 1, from: 20, replicas: 10, reason: "ScaleDownLimit" },
    { behavior: min, to: 1, from: 20, replicas: 16, reason: "ScaleDownLimit" },
    { behavior: never, to: 1, from: 20, replicas: 20, reason: "ScaleDownLimit" },
    { behavior: max, to: 25, from: 20, replicas: 25, reason: "DesiredWithinRange" },
  ];
  for (const { behavior, to, from, replicas, reason } of cases) {
    const verdict = new ScalingHistory().limit(to, bounds(from), behavior, 0);
    assert.deepEqual([verdict.replicas, verdict.reason], [replicas, reason]);
  }
  const history = new ScalingHistory();
  history.scaled(20, 30, max, 0);
  assert.equal(history.limit(90, bounds(30), max, 30 * second).replicas, 30);
  assert.equal(history.limit(90, bounds(30), max, 60 * second).replicas, 45);
  // What was taken away in the period may come back beyond the rate.
  history.scaled(30, 20, max, 61 * second);
  assert.equal(history.limit(90, bounds(20), max, 62 * second).replicas, 45);
});
