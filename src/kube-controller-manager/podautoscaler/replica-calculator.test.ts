import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "../../api/core/v1/types.gen.ts";
import type { PodMetrics } from "./metrics-client.ts";
import {
  replicasForAverage,
  replicasForShare,
  replicasForUtilization,
  replicasForValue,
  type PodsInQuestion,
} from "./replica-calculator.ts";

const nowMs = Date.parse("2026-01-01T01:00:00Z");
const ago = (ms: number): string => new Date(nowMs - ms).toISOString();
const tolerances = { down: 0.1, up: 0.1 };

interface Fact {
  readonly phase?: "Pending" | "Running" | "Failed";
  readonly ready?: boolean;
  /** How long ago it started, and its readiness changed. */
  readonly startedMs?: number;
  readonly changedMs?: number;
  readonly request?: string;
}

function pod(name: string, { phase = "Running", ready = true, startedMs = 3_600_000, ...more }: Fact = {}): Pod {
  const { changedMs = startedMs, request = "1" } = more;
  const conditions = [{ type: "Ready", status: ready ? "True" : "False", lastTransitionTime: ago(changedMs) }];
  return {
    metadata: { name, namespace: "a" },
    spec: { containers: [{ name: "c", resources: { requests: { cpu: request } } }] },
    status: { phase, startTime: ago(startedMs), conditions },
  } as unknown as Pod; // Only what the calculation reads.
}

const named = (facts: readonly Fact[]): Pod[] => facts.map((fact, i) => pod(`p${i}`, fact));
/** Undefined for a pod that is not measured. */
const measured = (values: readonly (number | undefined)[]): PodMetrics =>
  new Map(
    values.flatMap((value, i) =>
      value === undefined ? [] : [[`p${i}`, { value: BigInt(value), timestampMs: nowMs, windowMs: 60_000 }] as const],
    ),
  );

function question(facts: readonly Fact[], currentReplicas = facts.length): PodsInQuestion {
  return { pods: named(facts), nowMs, currentReplicas, tolerances };
}

const cpu = { resource: "cpu", container: undefined };
const plain: Fact = {};
const starting: Fact = { startedMs: 60_000, ready: false };
const justReady: Fact = { startedMs: 100_000, changedMs: 30_000 };
const lostReadiness: Fact = { ready: false, changedMs: 1_000_000 };
const neverReady: Fact = { ready: false, startedMs: 600_000, changedMs: 590_000 };

test("replicas for a share of the requests", () => {
  const cases: readonly {
    readonly what: string;
    readonly pods: readonly Fact[];
    readonly used: readonly (number | undefined)[];
    readonly target: number;
    readonly replicas: number;
    readonly utilization: number;
  }[] = [
    { what: "above", pods: [plain, plain, plain], used: [300, 500, 700], target: 30, replicas: 5, utilization: 50 },
    { what: "below", pods: [plain, plain, plain], used: [100, 100, 100], target: 50, replicas: 1, utilization: 10 },
    { what: "tolerated", pods: [plain, plain], used: [540, 540], target: 50, replicas: 2, utilization: 54 },
    // (300 + 500 + 700) / 5 = 30 %: what starts counts as idle.
    {
      what: "up, some starting",
      pods: [plain, plain, plain, starting, justReady],
      used: [300, 500, 700, 1000, 1000],
      target: 30,
      replicas: 5,
      utilization: 50,
    },
    {
      what: "up, one pending",
      pods: [plain, plain, { phase: "Pending" }],
      used: [900, 900],
      target: 50,
      replicas: 4,
      utilization: 90,
    },
    {
      what: "up, one unmeasured",
      pods: [plain, plain, plain],
      used: [900, 900],
      target: 50,
      replicas: 4,
      utilization: 90,
    },
    // Unmeasured: assumed at its full request, (100 + 100 + 1000) / 3 = 40 %.
    {
      what: "down, one unmeasured",
      pods: [plain, plain, plain],
      used: [100, 100],
      target: 50,
      replicas: 3,
      utilization: 10,
    },
    // The assumption turns the direction: (400 + 1000) / 2 = 70 % of 50.
    { what: "turned", pods: [plain, plain], used: [400], target: 50, replicas: 2, utilization: 40 },
    {
      what: "one that lost readiness counts",
      pods: [plain, lostReadiness],
      used: [1000, 0],
      target: 25,
      replicas: 4,
      utilization: 50,
    },
    {
      what: "one that never was ready does not",
      pods: [plain, neverReady],
      used: [100, 900],
      target: 50,
      replicas: 1,
      utilization: 10,
    },
    {
      what: "one that failed does not",
      pods: [plain, { phase: "Failed" }],
      used: [900, 100],
      target: 30,
      replicas: 3,
      utilization: 90,
    },
  ];
  for (const { what, pods, used, target, replicas, utilization } of cases) {
    const found = replicasForUtilization(question(pods), measured(used), { ...cpu, targetPercent: target });
    assert.deepEqual([found.replicas, found.utilization], [replicas, utilization], what);
  }
});

test("why replicas for a share of the requests cannot be told", () => {
  const ask = (pods: readonly Fact[], used: readonly number[], container?: string) => () =>
    replicasForUtilization(question(pods), measured(used), { resource: "cpu", container, targetPercent: 50 });
  assert.throws(ask([], [1]), { message: "no pods returned by selector while calculating replica count" });
  assert.throws(ask([starting], [1]), { message: "did not receive metrics for targeted pods (pods might be unready)" });
  assert.throws(ask([plain], [1], "d"), { message: "container d not found in Pod p0" });
  const memory = { resource: "memory", container: undefined, targetPercent: 50 };
  assert.throws(() => replicasForUtilization(question([plain]), measured([1]), memory), {
    message: "missing request for memory in container c of Pod p0",
  });
  assert.throws(ask([{ request: "0" }], [1]), { message: "no metrics returned matched known pods" });
});

test("replicas for an average a pod", () => {
  const of = (pods: readonly Fact[], used: readonly (number | undefined)[], target: number) =>
    replicasForAverage(question(pods), measured(used), { target: BigInt(target) });
  assert.deepEqual(of([plain, plain], [3000, 1000], 1000), { replicas: 4, usage: 2000n });
  assert.deepEqual(of([plain, plain], [1050, 1050], 1000), { replicas: 2, usage: 1050n });
  // Unmeasured when scaling down: on target. (100 + 1000) / 2 = 550.
  assert.deepEqual(of([plain, plain, plain], [100, 100, undefined], 1000), { replicas: 2, usage: 100n });
  // Readiness does not matter but for CPU.
  assert.deepEqual(of([plain, starting], [2000, 2000], 1000), { replicas: 4, usage: 2000n });
});

test("replicas for one value of the whole", () => {
  assert.equal(replicasForValue(question([plain, plain]), 3000n, 1000n), 6);
  assert.equal(replicasForValue(question([plain, { ready: false }]), 3000n, 1000n), 3);
  assert.equal(replicasForValue(question([plain, plain]), 1100n, 1000n), 2);
  assert.equal(replicasForValue(question([], 0), 2500n, 1000n), 3);
  assert.throws(() => replicasForValue(question([], 2), 3000n, 1000n), {
    message: "unable to calculate ready pods: no pods returned by selector while calculating replica count",
  });
});

test("replicas that share one value of the whole", () => {
  assert.deepEqual(replicasForShare(tolerances, 4, 10_000n, 1000n), { replicas: 10, usage: 2500n });
  assert.deepEqual(replicasForShare(tolerances, 4, 4100n, 1000n), { replicas: 4, usage: 1025n });
  assert.deepEqual(replicasForShare({ down: 0.1, up: 0 }, 4, 4100n, 1000n), { replicas: 5, usage: 1025n });
});
