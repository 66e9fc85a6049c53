import assert from "node:assert/strict";
import { test } from "node:test";
import type { PodDisruptionBudget } from "../../api/policy/v1/types.gen.ts";
import type { NodeInfo } from "../cache/node-table.ts";
import { podInfo } from "../cache/pod-info.ts";
import { CycleState } from "../framework/interface.ts";
import { selectVictims, type Candidate } from "../preemption/candidates.ts";
import { pickCandidate } from "../preemption/pick-candidate.ts";
import { TestCluster } from "../testing/test-cluster.ts";
import { testPod, type NodeShape, type PodShape } from "../testing/test-objects.ts";

const zone = "topology.kubernetes.io/zone";
const host = "kubernetes.io/hostname";

function budget(app: string, disruptionsAllowed: number): PodDisruptionBudget {
  const metadata = { namespace: "default", name: app };
  // Only what the scheduler reads.
  return {
    metadata,
    spec: { selector: { matchLabels: { app } } },
    status: { disruptionsAllowed },
  } as unknown as PodDisruptionBudget;
}

/** The names of the victims on the first node. */
function victims(
  nodes: Readonly<Record<string, NodeShape>>,
  pods: Readonly<Record<string, PodShape>>,
  incoming: PodShape,
  budgets: readonly PodDisruptionBudget[] = [],
): readonly string[] | string {
  const cluster = new TestCluster(nodes, pods);
  const { snapshot } = cluster.cache;
  const [node] = snapshot.nodes;
  assert.ok(node);
  const before = [...node.table.requestedMilliCpu];
  const state = new CycleState();
  const pod = podInfo(testPod("incoming", incoming));
  const { diagnosis } = cluster.framework.findFeasible(state, pod, snapshot);
  const found = selectVictims({ state, pod, snapshot, diagnosis, filters: cluster.framework }, node, budgets, 0);
  assert.deepEqual([...node.table.requestedMilliCpu], before, "everything is back in its place");
  assert.equal(node.pods.size, Object.values(pods).filter((p) => p.nodeName === node.name).length);
  if ("code" in found) return found.reason;
  return found.victims.map((v) => v.pod.metadata.name);
}

test("the least important pods go, and only as many as needed", () => {
  const pods = {
    high: { nodeName: "n1", cpu: "1", priority: 50 },
    mid: { nodeName: "n1", cpu: "1", priority: 20 },
    low: { nodeName: "n1", cpu: "1", priority: 10 },
  };
  assert.deepEqual(victims({ n1: { cpu: "3" } }, pods, { cpu: "1", priority: 100 }), ["low"]);
  assert.deepEqual(victims({ n1: { cpu: "3" } }, pods, { cpu: "2", priority: 100 }), ["mid", "low"]);
});

test("of equal priority the one that started last goes", () => {
  const pods = {
    old: { nodeName: "n1", cpu: "1", startTime: "2026-01-01T00:00:00Z" },
    young: { nodeName: "n1", cpu: "1", startTime: "2026-01-02T00:00:00Z" },
  };
  assert.deepEqual(victims({ n1: { cpu: "2" } }, pods, { cpu: "1", priority: 1 }), ["young"]);
});

test("pods that a budget protects are spared if others will do", () => {
  const pods = {
    guarded: { nodeName: "n1", cpu: "1", priority: 1, labels: { app: "guarded" } },
    free: { nodeName: "n1", cpu: "1", priority: 5 },
  };
  assert.deepEqual(victims({ n1: { cpu: "2" } }, pods, { cpu: "1", priority: 10 }, [budget("guarded", 0)]), ["free"]);
  assert.deepEqual(victims({ n1: { cpu: "2" } }, pods, { cpu: "1", priority: 10 }, [budget("guarded", 1)]), [
    "guarded",
  ]);
});

test("equal priority is no victim, and what lesser pods cannot free stays the reason", () => {
  const same = { same: { nodeName: "n1", cpu: "2", priority: 10 } };
  const reason = victims({ n1: { cpu: "2" } }, same, { cpu: "1", priority: 10 });
  assert.equal(reason, "No preemption victims found for incoming pod");
  const mixed = { big: { nodeName: "n1", cpu: "2", priority: 10 }, small: { nodeName: "n1", cpu: "1", priority: 1 } };
  assert.equal(victims({ n1: { cpu: "3" } }, mixed, { cpu: "2", priority: 10 }), "Insufficient cpu");
});

test("host ports, anti-affinity and spread are freed by removing pods", () => {
  const port = [{ containerPort: 80, hostPort: 80 }];
  assert.deepEqual(
    victims({ n1: {} }, { a: { nodeName: "n1", ports: port }, b: { nodeName: "n1" } }, { ports: port, priority: 1 }),
    ["a"],
  );

  const anti = {
    requiredDuringSchedulingIgnoredDuringExecution: [
      { topologyKey: host, labelSelector: { matchLabels: { app: "x" } } },
    ],
  };
  const nodes = { n1: { labels: { [host]: "n1", [zone]: "a" } }, n2: { labels: { [host]: "n2", [zone]: "b" } } };
  const near = { x: { nodeName: "n1", labels: { app: "x" } }, y: { nodeName: "n1" } };
  assert.deepEqual(victims(nodes, near, { affinity: { podAntiAffinity: anti }, priority: 1 }), ["x"]);
  const repelling = { x: { nodeName: "n1", affinity: { podAntiAffinity: anti } }, y: { nodeName: "n1" } };
  assert.deepEqual(victims(nodes, repelling, { labels: { app: "x" }, priority: 1 }), ["x"]);

  const crowded = { w1: { nodeName: "n1", labels: { app: "w" } }, y: { nodeName: "n1" } };
  const spread = [
    {
      topologyKey: zone,
      maxSkew: 1,
      whenUnsatisfiable: "DoNotSchedule" as const,
      labelSelector: { matchLabels: { app: "w" } },
    },
  ];
  assert.deepEqual(victims(nodes, crowded, { labels: { app: "w" }, spread, priority: 1 }), ["w1"]);
});

test("the least costly candidate is picked by upstream's order of criteria", () => {
  const candidate = (
    name: string,
    priorities: readonly number[],
    violations = 0,
    startTime = "2026-01-01T00:00:00Z",
  ): Candidate => ({
    // Only the name is looked at.
    node: { name } as NodeInfo,
    victims: priorities.map((priority, i) => podInfo(testPod(`${name}-${i}`, { priority, startTime }))),
    violations,
  });
  const pick = (...candidates: Candidate[]): string | undefined => pickCandidate(candidates, 0)?.node.name;
  assert.equal(pick(candidate("guarded", [1], 1), candidate("free", [9, 9])), "free");
  assert.equal(pick(candidate("high", [9]), candidate("low", [5, 5, 5])), "low");
  assert.equal(pick(candidate("much", [9, 5]), candidate("little", [9, 1])), "little");
  assert.equal(pick(candidate("many", [0, -2147483648]), candidate("few", [0])), "few");
  assert.equal(pick(candidate("old", [1]), candidate("young", [1], 0, "2026-02-01T00:00:00Z")), "young");
});

test("why a pod may not preempt, and why it would not help", () => {
  const full = new TestCluster({ n1: { cpu: "1" }, n2: { labels: { a: "1" } } }, { low: { nodeName: "n1", cpu: "1" } });
  const wants = { cpu: "1", nodeSelector: { b: "1" }, priority: 10 };
  assert.equal(
    full.preempt(wants).message,
    "no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
  );
  assert.equal(
    full.preempt({ cpu: "1", priority: 10, spec: { preemptionPolicy: "Never" } }).message,
    "no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.",
  );
});

test("the room of a nominated pod is not for pods of lower priority", () => {
  const cluster = new TestCluster({ n1: { cpu: "2" } });
  cluster.nominate("vip", { cpu: "2", priority: 10 }, "n1");
  assert.deepEqual(cluster.feasible({ cpu: "1", priority: 1 }), []);
  assert.deepEqual(cluster.feasible({ cpu: "1", priority: 11 }), ["n1"]);
});
