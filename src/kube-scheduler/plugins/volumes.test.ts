import assert from "node:assert/strict";
import { test } from "node:test";
import { TestCluster } from "../testing/test-cluster.ts";
import type { TestListers } from "../testing/test-listers.ts";
import type { NodeShape, PodShape } from "../testing/test-objects.ts";

const zone = "topology.kubernetes.io/zone";
const nodes: Readonly<Record<string, NodeShape>> = { a: { labels: { [zone]: "a" } }, b: { labels: { [zone]: "b" } } };

function onNode(name: string) {
  const matchFields = [{ key: "metadata.name", operator: "In", values: [name] }];
  return { nodeAffinity: { required: { nodeSelectorTerms: [{ matchFields }] } } };
}

const late = { provisioner: "example.com/disks", volumeBindingMode: "WaitForFirstConsumer" };
const wantsGibibyte = { storageClassName: "late", resources: { requests: { storage: "1Gi" } } };
const ofGibibytes = (gibibytes: number) => ({ storageClassName: "late", capacity: { storage: `${gibibytes}Gi` } });

interface VolumeCase {
  readonly name: string;
  readonly arrange: (listers: TestListers) => void;
  readonly pods?: Readonly<Record<string, PodShape>>;
  readonly pod?: PodShape;
  readonly feasible: readonly string[];
  readonly message?: string;
}

const cases: readonly VolumeCase[] = [
  {
    name: "a bound volume ties the pod to the nodes that reach it",
    arrange: (l) => {
      l.addClaim("data", { volumeName: "vol" });
      l.addVolume("vol", onNode("b"));
    },
    feasible: ["b"],
  },
  {
    name: "a volume that no node reaches",
    arrange: (l) => {
      l.addClaim("data", { volumeName: "vol" });
      l.addVolume("vol", onNode("gone"));
    },
    feasible: [],
    message: "0/2 nodes are available: 2 node(s) didn't match PersistentVolume's node affinity.",
  },
  {
    name: "a delayed claim goes where its driver has room, as far as the driver tells",
    arrange: (l) => {
      l.addStorageClass("late", late);
      l.addCsiDriver(late.provisioner);
      l.addClaim("data", wantsGibibyte);
      const capacity = { storageClassName: "late", capacity: "5Gi" };
      l.addCapacity("a", { ...capacity, maximumVolumeSize: "512Mi", nodeTopology: { matchLabels: { [zone]: "a" } } });
      l.addCapacity("b", { ...capacity, nodeTopology: { matchLabels: { [zone]: "b" } } });
      l.addCapacity("other", { ...capacity, storageClassName: "other", nodeTopology: {} });
    },
    feasible: ["b"],
  },
  {
    name: "no room anywhere",
    arrange: (l) => {
      l.addStorageClass("late", late);
      l.addCsiDriver(late.provisioner);
      l.addClaim("data", wantsGibibyte);
      l.addCapacity("nowhere", { storageClassName: "late", capacity: "5Gi" });
    },
    feasible: [],
    message: "0/2 nodes are available: 2 node(s) did not have enough free storage.",
  },
  {
    name: "a claim bound to a volume that is not there",
    arrange: (l) => l.addClaim("data", { volumeName: "vol" }),
    feasible: [],
    message: "0/2 nodes are available: 2 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s).",
  },
  {
    name: "a delayed claim without volume or provisioner",
    arrange: (l) => {
      l.addStorageClass("late", { ...late, provisioner: "kubernetes.io/no-provisioner" });
      l.addClaim("data", wantsGibibyte);
      l.addVolume("small", { storageClassName: "late", capacity: { storage: "500Mi" } });
      l.addVolume("other", { ...ofGibibytes(5), storageClassName: "other" });
      l.addVolume("taken", { ...ofGibibytes(5), claimRef: { namespace: "default", name: "x" } });
    },
    feasible: [],
    message: "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.",
  },
  {
    name: "a delayed claim goes where a volume is free or where one can be made",
    arrange: (l) => {
      const allowedTopologies = [{ matchLabelExpressions: [{ key: zone, values: ["a"] }] }];
      l.addStorageClass("late", { ...late, allowedTopologies });
      l.addClaim("data", wantsGibibyte);
    },
    feasible: ["a"],
  },
  {
    name: "a claim whose node was selected before stays there",
    arrange: (l) => {
      l.addStorageClass("late", late);
      l.addClaim("data", wantsGibibyte, { "volume.kubernetes.io/selected-node": "b" });
    },
    feasible: ["b"],
  },
  {
    name: "two claims of a pod do not share one volume",
    arrange: (l) => {
      l.addStorageClass("late", { ...late, provisioner: "kubernetes.io/no-provisioner" });
      l.addClaim("data", wantsGibibyte);
      l.addClaim("more", wantsGibibyte);
      l.addVolume("on-a", { ...ofGibibytes(1), ...onNode("a") });
      l.addVolume("on-b", { ...ofGibibytes(1), ...onNode("b") });
      l.addVolume("also-on-b", { ...ofGibibytes(1), ...onNode("b") });
    },
    pod: { claims: ["data", "more"] },
    feasible: ["b"],
  },
  {
    name: "the zone label of a volume",
    arrange: (l) => {
      l.addClaim("data", { volumeName: "vol" });
      l.addVolume("vol", {}, { [zone]: "b__c" });
    },
    feasible: ["b"],
  },
  {
    name: "a zone without nodes",
    arrange: (l) => {
      l.addClaim("data", { volumeName: "vol" });
      l.addVolume("vol", {}, { "failure-domain.beta.kubernetes.io/zone": "c" });
    },
    feasible: [],
    message: "0/2 nodes are available: 2 node(s) had no available volume zone.",
  },
  {
    name: "a ReadWriteOncePod claim in use",
    arrange: (l) => {
      l.addClaim("data", { volumeName: "vol", accessModes: ["ReadWriteOncePod"] });
      l.addVolume("vol", {});
    },
    pods: { user: { nodeName: "a", claims: ["data"] } },
    feasible: [],
    message:
      "0/2 nodes are available: 2 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode.",
  },
  {
    name: "a disk that only one pod of a node may use",
    arrange: () => {},
    pods: {
      user: {
        nodeName: "a",
        spec: { volumes: [{ name: "d", awsElasticBlockStore: { volumeID: "disk" } }] },
      },
    },
    pod: { spec: { volumes: [{ name: "d", awsElasticBlockStore: { volumeID: "disk" } }] } },
    feasible: ["b"],
  },
  {
    name: "a node attaches so many volumes of a driver; those it has already are free",
    arrange: (l) => {
      l.addCsiNode("a", "csi.example.com", 1);
      l.addCsiNode("b", "csi.example.com", 1);
      for (const name of ["data", "x"]) {
        l.addClaim(name, { volumeName: `vol-${name}` });
        l.addVolume(`vol-${name}`, { csi: { driver: "csi.example.com", volumeHandle: name } });
      }
    },
    pods: { same: { nodeName: "a", claims: ["data"] }, other: { nodeName: "b", claims: ["x"] } },
    feasible: ["a"],
  },
];

for (const { name, arrange, pods, pod = { claims: ["data"] }, feasible, message } of cases) {
  test(name, () => {
    const cluster = new TestCluster(nodes, pods, arrange);
    assert.deepEqual(cluster.feasible(pod), feasible);
    if (message !== undefined) assert.equal(cluster.message(pod), message);
  });
}
