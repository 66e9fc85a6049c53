import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeSelectorTerm, PodAffinityTerm, TopologySpreadConstraint } from "../../api/core/v1/types.gen.ts";
import { TestCluster } from "../testing/test-cluster.ts";
import type { NodeShape, PodShape } from "../testing/test-objects.ts";

interface FilterCase {
  readonly name: string;
  readonly nodes: Readonly<Record<string, NodeShape>>;
  readonly pods?: Readonly<Record<string, PodShape>>;
  readonly pod: PodShape;
  readonly feasible: readonly string[];
  /** When no node passes. */
  readonly message?: string;
  readonly namespaces?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const zone = "topology.kubernetes.io/zone";
const host = "kubernetes.io/hostname";

function at(zoneName: string, hostName: string): NodeShape {
  return { labels: { [zone]: zoneName, [host]: hostName } };
}

const twoZones = { a1: at("a", "a1"), a2: at("a", "a2"), b1: at("b", "b1") };

function requiring(...terms: NodeSelectorTerm[]): PodShape {
  return {
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } } },
  };
}

function near(term: Partial<PodAffinityTerm>): PodShape {
  const full = { topologyKey: zone, labelSelector: { matchLabels: { app: "db" } }, ...term };
  return { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [full] } } };
}

function apart(term: Partial<PodAffinityTerm>): PodShape {
  const full = { topologyKey: zone, labelSelector: { matchLabels: { app: "db" } }, ...term };
  return { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [full] } } };
}

function spreading(
  constraint: Partial<TopologySpreadConstraint>,
  labels: PodShape["labels"] = { app: "web" },
): PodShape {
  const defaults: TopologySpreadConstraint = {
    topologyKey: zone,
    maxSkew: 1,
    whenUnsatisfiable: "DoNotSchedule",
    labelSelector: { matchLabels: { app: "web" } },
  };
  return { labels, spread: [{ ...defaults, ...constraint }] };
}

const cases: readonly FilterCase[] = [
  {
    name: "NodeAffinity: nodeSelector needs every label",
    nodes: { n1: { labels: { disk: "ssd", gpu: "yes" } }, n2: { labels: { disk: "ssd" } } },
    pod: { nodeSelector: { disk: "ssd", gpu: "yes" } },
    feasible: ["n1"],
  },
  {
    name: "NodeAffinity: no node matches",
    nodes: { n1: {}, n2: {} },
    pod: { nodeSelector: { disk: "ssd" } },
    feasible: [],
    message: "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.",
  },
  {
    name: "NodeAffinity: terms are alternatives, expressions are all needed",
    nodes: { n1: { labels: { a: "1" } }, n2: { labels: { b: "2", c: "3" } }, n3: { labels: { b: "2" } } },
    pod: requiring(
      { matchExpressions: [{ key: "a", operator: "Exists" }] },
      {
        matchExpressions: [
          { key: "b", operator: "In", values: ["2"] },
          { key: "c", operator: "Gt", values: ["2"] },
        ],
      },
    ),
    feasible: ["n1", "n2"],
  },
  {
    name: "NodeAffinity: NotIn and DoesNotExist match nodes without the label",
    nodes: { n1: {}, n2: { labels: { a: "x" } } },
    pod: requiring({
      matchExpressions: [
        { key: "a", operator: "NotIn", values: ["x"] },
        { key: "b", operator: "DoesNotExist" },
      ],
    }),
    feasible: ["n1"],
  },
  { name: "NodeAffinity: no terms select nothing", nodes: { n1: {} }, pod: requiring(), feasible: [] },
  { name: "NodeAffinity: an empty term selects nothing", nodes: { n1: {} }, pod: requiring({}), feasible: [] },
  {
    name: "NodeAffinity: a name in matchFields leaves the other nodes out",
    nodes: { n1: { cpu: "1" }, n2: {}, n3: {} },
    pod: {
      ...requiring({ matchFields: [{ key: "metadata.name", operator: "In", values: ["n1"] }] }),
      cpu: "2",
    },
    feasible: [],
    message: "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't satisfy plugin(s) [NodeAffinity].",
  },
  {
    name: "NodeAffinity: contradicting names",
    nodes: { n1: {}, n2: {} },
    pod: requiring({
      matchFields: [
        { key: "metadata.name", operator: "In", values: ["n1"] },
        { key: "metadata.name", operator: "In", values: ["n2"] },
      ],
    }),
    feasible: [],
    message: "0/2 nodes are available: pod affinity terms conflict.",
  },
  {
    name: "NodePorts: the same port and protocol, the wildcard address takes all",
    nodes: { free: {}, tcp: {}, wildcard: {}, other: {} },
    pods: {
      a: { nodeName: "tcp", ports: [{ containerPort: 80, hostPort: 8080, hostIP: "10.0.0.1", protocol: "TCP" }] },
      b: { nodeName: "wildcard", ports: [{ containerPort: 80, hostPort: 8080 }] },
      c: {
        nodeName: "other",
        ports: [
          { containerPort: 80, hostPort: 8080, hostIP: "10.0.0.1", protocol: "UDP" },
          { containerPort: 80, hostPort: 8080, hostIP: "10.0.0.2", protocol: "TCP" },
        ],
      },
    },
    pod: { ports: [{ containerPort: 80, hostPort: 8080, hostIP: "10.0.0.1", protocol: "TCP" }] },
    feasible: ["free", "other"],
  },
  {
    name: "NodePorts: message",
    nodes: { n1: {} },
    pods: { a: { nodeName: "n1", ports: [{ containerPort: 80, hostPort: 80, hostIP: "127.0.0.1" }] } },
    pod: { ports: [{ containerPort: 80, hostPort: 80 }] },
    feasible: [],
    message: "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
  },
  {
    name: "NodeResourcesFit: extended resources and overhead",
    nodes: { gpu: { extended: { "nvidia.com/gpu": "2" } }, plain: {} },
    pod: { requests: { "nvidia.com/gpu": "1" }, spec: { overhead: { cpu: "1" } }, cpu: "3" },
    feasible: ["gpu"],
  },
  {
    name: "NodeResourcesFit: each short resource is named",
    nodes: { n1: { extended: { "nvidia.com/gpu": "2" } } },
    pods: { a: { nodeName: "n1", cpu: "4", requests: { "nvidia.com/gpu": "2" } } },
    pod: { cpu: "1", requests: { "nvidia.com/gpu": "1" } },
    feasible: [],
    message: "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient nvidia.com/gpu.",
  },
  {
    name: "InterPodAffinity: the topology of a matching pod, not its node alone",
    nodes: twoZones,
    pods: { db: { nodeName: "a1", labels: { app: "db" } } },
    pod: near({}),
    feasible: ["a1", "a2"],
  },
  {
    name: "InterPodAffinity: pods of other namespaces do not count",
    nodes: twoZones,
    pods: { db: { nodeName: "a1", namespace: "other", labels: { app: "db" } } },
    pod: near({}),
    feasible: [],
    message: "0/3 nodes are available: 3 node(s) didn't match pod affinity rules.",
  },
  {
    name: "InterPodAffinity: namespaces by label",
    nodes: twoZones,
    namespaces: { other: { team: "red" }, default: {} },
    pods: { db: { nodeName: "b1", namespace: "other", labels: { app: "db" } } },
    pod: near({ namespaceSelector: { matchLabels: { team: "red" } } }),
    feasible: ["b1"],
  },
  {
    name: "InterPodAffinity: the empty namespace selector means all namespaces",
    nodes: twoZones,
    namespaces: { other: {}, default: {} },
    pods: { db: { nodeName: "b1", namespace: "other", labels: { app: "db" } } },
    pod: near({ namespaceSelector: {} }),
    feasible: ["b1"],
  },
  {
    name: "InterPodAffinity: the first of a group that wants to be together goes anywhere with the topology",
    nodes: { ...twoZones, nowhere: {} },
    pod: { ...near({}), labels: { app: "db" } },
    feasible: ["a1", "a2", "b1"],
  },
  {
    name: "InterPodAffinity: anti-affinity keeps off the topology",
    nodes: twoZones,
    pods: { db: { nodeName: "a1", labels: { app: "db" } } },
    pod: apart({}),
    feasible: ["b1"],
  },
  {
    name: "InterPodAffinity: anti-affinity of pods already there binds the new one",
    nodes: { a1: twoZones.a1 },
    pods: { db: { nodeName: "a1", ...apart({ labelSelector: { matchLabels: { app: "web" } } }) } },
    pod: { labels: { app: "web" } },
    feasible: [],
    message: "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules.",
  },
  {
    name: "InterPodAffinity: mismatchLabelKeys lets the own tenant in",
    nodes: twoZones,
    pods: {
      mine: { nodeName: "a1", labels: { app: "db", tenant: "x" } },
      theirs: { nodeName: "b1", labels: { app: "db", tenant: "y" } },
    },
    pod: { ...apart({ mismatchLabelKeys: ["tenant"] }), labels: { tenant: "x" } },
    feasible: ["a1", "a2"],
  },
  {
    name: "InterPodAffinity: matchLabelKeys narrows to the own revision",
    nodes: twoZones,
    pods: {
      old: { nodeName: "a1", labels: { app: "db", rev: "1" } },
      new: { nodeName: "b1", labels: { app: "db", rev: "2" } },
    },
    pod: { ...near({ matchLabelKeys: ["rev"] }), labels: { rev: "2" } },
    feasible: ["b1"],
  },
  {
    name: "PodTopologySpread: the crowded zone is closed",
    nodes: twoZones,
    pods: { a: { nodeName: "a1", labels: { app: "web" } } },
    pod: spreading({}),
    feasible: ["b1"],
  },
  {
    name: "PodTopologySpread: terminating pods and other namespaces do not count",
    nodes: twoZones,
    pods: {
      a: { nodeName: "a1", labels: { app: "web" }, terminating: true },
      b: { nodeName: "a1", labels: { app: "web" }, namespace: "other" },
    },
    pod: spreading({}),
    feasible: ["a1", "a2", "b1"],
  },
  {
    name: "PodTopologySpread: a pod that does not match its own selector adds nothing to the skew",
    nodes: twoZones,
    pods: { a: { nodeName: "a1", labels: { app: "web" } } },
    pod: spreading({}, { app: "other" }),
    feasible: ["a1", "a2", "b1"],
  },
  {
    name: "PodTopologySpread: with fewer domains than minDomains the minimum is 0",
    nodes: twoZones,
    pods: { a: { nodeName: "a1", labels: { app: "web" } }, b: { nodeName: "b1", labels: { app: "web" } } },
    pod: spreading({ minDomains: 3 }),
    feasible: [],
    message: "0/3 nodes are available: 3 node(s) didn't match pod topology spread constraints.",
  },
  {
    name: "PodTopologySpread: nodes without the label",
    nodes: { n1: {} },
    pod: spreading({}),
    feasible: [],
    message:
      "0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints (missing required label).",
  },
  {
    name: "PodTopologySpread: zones excluded by node affinity do not hold the minimum down",
    nodes: twoZones,
    pods: { a: { nodeName: "a1", labels: { app: "web" } } },
    pod: { ...spreading({}), nodeSelector: { [zone]: "a" } },
    feasible: ["a1", "a2"],
  },
  {
    name: "PodTopologySpread: unless the policy ignores node affinity",
    nodes: twoZones,
    pods: { a: { nodeName: "a1", labels: { app: "web" } } },
    pod: { ...spreading({ nodeAffinityPolicy: "Ignore" }), nodeSelector: { [zone]: "a" } },
    feasible: [],
  },
  {
    name: "PodTopologySpread: tainted zones count unless taints are honoured",
    nodes: { ...twoZones, b1: { ...twoZones.b1, taints: [{ key: "x", effect: "NoSchedule" }] } },
    pods: { a: { nodeName: "a1", labels: { app: "web" } } },
    pod: spreading({ nodeTaintsPolicy: "Honor" }),
    feasible: ["a1", "a2"],
  },
  {
    name: "PodTopologySpread: matchLabelKeys counts the own revision only",
    nodes: twoZones,
    pods: { a: { nodeName: "a1", labels: { app: "web", rev: "1" } } },
    pod: spreading({ matchLabelKeys: ["rev"] }, { app: "web", rev: "2" }),
    feasible: ["a1", "a2", "b1"],
  },
];

for (const { name, nodes, pods, pod, feasible, message, namespaces = {} } of cases) {
  test(name, () => {
    const cluster = new TestCluster(nodes, pods, (listers) => {
      for (const [namespace, labels] of Object.entries(namespaces)) listers.addNamespace(namespace, labels);
    });
    assert.deepEqual(cluster.feasible(pod), feasible);
    if (message !== undefined) assert.equal(cluster.message(pod), message);
  });
}
