import assert from "node:assert/strict";
import { test } from "node:test";
import type { PodAffinityTerm } from "../../api/core/v1/types.gen.ts";
import { TestCluster } from "../testing/test-cluster.ts";
import type { NodeShape } from "../testing/test-objects.ts";
import { fullName } from "./image-locality.ts";

const zone = "topology.kubernetes.io/zone";
const host = "kubernetes.io/hostname";
const mebibyte = 1 << 20;

function at(zoneName: string, hostName: string): NodeShape {
  return { labels: { [zone]: zoneName, [host]: hostName } };
}

const byApp = (app: string): PodAffinityTerm => ({ topologyKey: zone, labelSelector: { matchLabels: { app } } });

test("NodeAffinity adds up the weights of the preferred terms and scales them to 100", () => {
  const cluster = new TestCluster({ n1: { labels: { a: "1" } }, n2: { labels: { a: "1", b: "1" } }, n3: {} });
  const preferring = (key: string, weight: number) => ({
    weight,
    preference: { matchExpressions: [{ key, operator: "Exists" as const }] },
  });
  const preferredDuringSchedulingIgnoredDuringExecution = [preferring("a", 2), preferring("b", 6)];
  const affinity = { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution } };
  assert.deepEqual(cluster.scores("NodeAffinity", { affinity }), { n1: 25, n2: 100, n3: 0 });
  assert.equal(cluster.scores("NodeAffinity", {}), undefined);
});

test("BalancedAllocation prefers equal use of CPU and memory", () => {
  const cluster = new TestCluster(
    { even: { cpu: "10", memory: "10Gi" }, uneven: { cpu: "10", memory: "10Gi" } },
    { a: { nodeName: "uneven", cpu: "6", memory: "1Gi" } },
  );
  // uneven: CPU 0.7, memory 0.2, so half their distance is 0.25.
  assert.deepEqual(cluster.scores("NodeResourcesBalancedAllocation", { cpu: "1", memory: "1Gi" }), {
    even: 100,
    uneven: 75,
  });
  assert.equal(cluster.scores("NodeResourcesBalancedAllocation", {}), undefined);
});

test("ImageLocality counts an image by its size and by the share of nodes that have it", () => {
  const cluster = new TestCluster({
    has: { images: { "registry/app:v1": 500 * mebibyte } },
    small: { images: { "registry/app:v2": 20 * mebibyte } },
  });
  // (250 - 23) / (1000 - 23) of 100: half of the nodes have its 500 MiB.
  assert.deepEqual(cluster.scores("ImageLocality", { image: "registry/app:v1" }), { has: 23, small: 0 });
  assert.deepEqual(cluster.scores("ImageLocality", { image: "registry/app:v2" }), { has: 0, small: 0 });
  assert.equal(cluster.scores("ImageLocality", { image: "registry/other" }), undefined);
});

test("image names get the tag latest unless they have a tag or digest", () => {
  assert.equal(fullName("registry:5000/app"), "registry:5000/app:latest");
  assert.equal(fullName("registry:5000/app:v1"), "registry:5000/app:v1");
  assert.equal(fullName("app@sha256:00"), "app@sha256:00");
});

test("InterPodAffinity weighs the pod's wishes and those of the pods already there", () => {
  const preferred = (app: string, weight: number) => [{ weight, podAffinityTerm: byApp(app) }];
  const cluster = new TestCluster(
    { a1: at("a", "a1"), b1: at("b", "b1"), c1: at("c", "c1") },
    {
      db: { nodeName: "a1", labels: { app: "db" } },
      noisy: { nodeName: "b1", labels: { app: "noisy" } },
      fan: {
        nodeName: "c1",
        affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [byApp("web")] } },
      },
    },
  );
  const affinity = {
    podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred("db", 9) },
    podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred("noisy", 1) },
  };
  // a: 9, b: -1, c: 1 for the required term of a pod that is there.
  assert.deepEqual(cluster.scores("InterPodAffinity", { labels: { app: "web" }, affinity }), {
    a1: 100,
    b1: 0,
    c1: 20,
  });
  assert.equal(cluster.scores("InterPodAffinity", { labels: { app: "other" } }), undefined);
});

test("PodTopologySpread prefers the less crowded domain; nodes without it get nothing", () => {
  const cluster = new TestCluster(
    { a1: at("a", "a1"), b1: at("b", "b1"), nowhere: {} },
    { p1: { nodeName: "a1", labels: { app: "web" } }, p2: { nodeName: "a1", labels: { app: "web" } } },
  );
  const spread = [
    {
      topologyKey: zone,
      maxSkew: 1,
      whenUnsatisfiable: "ScheduleAnyway" as const,
      labelSelector: { matchLabels: { app: "web" } },
    },
  ];
  assert.deepEqual(cluster.scores("PodTopologySpread", { labels: { app: "web" }, spread }), {
    a1: 0,
    b1: 100,
    nowhere: 0,
  });
});

test("PodTopologySpread spreads pods of a service over hosts by default, zones or not", () => {
  const nodes = { n1: { labels: { [host]: "n1" } }, n2: { labels: { [host]: "n2" } } };
  const pods = Object.fromEntries(
    Array.from({ length: 4 }, (_, i) => [`p${i}`, { nodeName: "n1", labels: { app: "web" } }]),
  );
  const cluster = new TestCluster(nodes, pods, (l) => l.addService({ name: "web", selector: { app: "web" } }));
  const scores = cluster.scores("PodTopologySpread", { labels: { app: "web" } });
  assert.ok(scores && (scores["n2"] ?? 0) > (scores["n1"] ?? 0));
  assert.equal(cluster.scores("PodTopologySpread", { labels: { app: "other" } }), undefined);
});
