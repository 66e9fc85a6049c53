import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterEvent } from "../framework/interface.ts";
import { TestCluster } from "../testing/test-cluster.ts";
import { testNode, testPod, type NodeShape, type PodShape } from "../testing/test-objects.ts";

const zone = "topology.kubernetes.io/zone";

function nodeEvent(action: "add" | "update", current: NodeShape, previous?: NodeShape): ClusterEvent {
  return {
    resource: "Node",
    action,
    previous: previous ? testNode("n1", previous) : undefined,
    current: testNode("n1", current),
  };
}

function podEvent(action: "add" | "update" | "delete", current: PodShape, previous?: PodShape): ClusterEvent {
  return {
    resource: "AssignedPod",
    action,
    previous: previous ? testPod("other", previous) : undefined,
    current: testPod("other", current),
  };
}

const db = { matchLabels: { app: "db" } };
const term = [{ topologyKey: zone, labelSelector: db }];
const near: PodShape = { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: term } } };
const apart: PodShape = { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: term } } };
const spread: PodShape = {
  labels: { app: "db" },
  spread: [{ topologyKey: zone, maxSkew: 1, whenUnsatisfiable: "DoNotSchedule", labelSelector: db }],
};
const port = (hostPort: number): PodShape => ({ ports: [{ containerPort: 80, hostPort }] });
const labelled = (app: string): PodShape => ({ labels: { app } });

const cases: readonly (readonly [name: string, plugin: string, pod: PodShape, event: ClusterEvent, helps: boolean])[] =
  [
    [
      "a node with the label",
      "NodeAffinity",
      { nodeSelector: { a: "1" } },
      nodeEvent("add", { labels: { a: "1" } }),
      true,
    ],
    ["a node without it", "NodeAffinity", { nodeSelector: { a: "1" } }, nodeEvent("add", {}), false],
    [
      "a change of a node that matched before",
      "NodeAffinity",
      { nodeSelector: { a: "1" } },
      nodeEvent("update", { labels: { a: "1", b: "1" } }, { labels: { a: "1" } }),
      false,
    ],
    ["the port's owner goes", "NodePorts", port(80), podEvent("delete", port(80)), true],
    ["the owner of another port goes", "NodePorts", port(80), podEvent("delete", port(81)), false],
    ["room for one that fits", "NodeResourcesFit", { cpu: "2" }, nodeEvent("add", { cpu: "2" }), true],
    ["a node that is too small", "NodeResourcesFit", { cpu: "2" }, nodeEvent("add", { cpu: "1" }), false],
    [
      "a label of a node changes",
      "NodeResourcesFit",
      { cpu: "2" },
      nodeEvent("update", { labels: { a: "1" } }, {}),
      false,
    ],
    ["a node grows", "NodeResourcesFit", { cpu: "5" }, nodeEvent("update", { cpu: "8" }, { cpu: "4" }), true],
    ["a pod begins to end", "NodeResourcesFit", { cpu: "2" }, podEvent("update", { terminating: true }, {}), false],
    [
      "a taint goes",
      "TaintToleration",
      {},
      nodeEvent("update", {}, { taints: [{ key: "a", effect: "NoSchedule" }] }),
      true,
    ],
    ["a node without taints changes", "TaintToleration", {}, nodeEvent("update", { cpu: "8" }, { cpu: "4" }), false],
    ["the pod to be near comes", "InterPodAffinity", near, podEvent("add", labelled("db")), true],
    ["another pod comes", "InterPodAffinity", near, podEvent("add", labelled("web")), false],
    ["a pod gets the label", "InterPodAffinity", near, podEvent("update", labelled("db"), labelled("web")), true],
    ["the pod to be away from goes", "InterPodAffinity", apart, podEvent("delete", labelled("db")), true],
    ["another pod goes", "InterPodAffinity", apart, podEvent("delete", labelled("web")), false],
    [
      "the pod to be away from loses the label",
      "InterPodAffinity",
      apart,
      podEvent("update", labelled("x"), labelled("db")),
      true,
    ],
    ["a pod goes that repelled this one", "InterPodAffinity", labelled("db"), podEvent("delete", apart), true],
    ["a pod of the group goes", "PodTopologySpread", spread, podEvent("delete", labelled("db")), true],
    ["a pod of another group goes", "PodTopologySpread", spread, podEvent("delete", labelled("web")), false],
    [
      "a pod of the group begins to end",
      "PodTopologySpread",
      spread,
      podEvent("update", { ...labelled("db"), terminating: true }, labelled("db")),
      true,
    ],
    ["a node in a zone", "PodTopologySpread", spread, nodeEvent("add", { labels: { [zone]: "a" } }), true],
    ["a node outside zones", "PodTopologySpread", spread, nodeEvent("add", {}), false],
  ];

for (const [name, plugin, pod, event, helps] of cases) {
  test(`${plugin}: ${name} ${helps ? "may help" : "does not help"}`, () => {
    assert.equal(new TestCluster({}).mayHelp(plugin, pod, event), helps);
  });
}
