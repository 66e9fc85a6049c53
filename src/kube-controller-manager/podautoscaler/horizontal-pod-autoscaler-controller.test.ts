import assert from "node:assert/strict";
import { test } from "node:test";
import type { HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec } from "../../api/autoscaling/v2/types.gen.ts";
import { deployments, events, horizontalPodAutoscalers, pods } from "../../api/resources.gen.ts";
import type { Input } from "../../apimachinery/resource-type.ts";
import { startControllers, type ControllerHarness } from "../../controller-runtime/testing/controller-harness.ts";
import { horizontalPodAutoscalerController } from "./horizontal-pod-autoscaler-controller.ts";

/** The target and the metrics APIs, as a test sets them. */
class World implements AsyncDisposable {
  readonly h: ControllerHarness;
  replicas = 2;
  selector = "app=web";
  /** Millicores of each pod. */
  cpu = 500;
  memory = "64Mi";
  custom: string | undefined;
  external: readonly string[] = [];
  isMetricsDown = false;
  isScaleRefused = false;

  constructor(h: ControllerHarness) {
    this.h = h;
    h.server.served = [deployments];
    h.server.intercept = ({ method, path, body }) => this.#answer(method, path, body);
  }

  static async start(): Promise<World> {
    return new World(await startControllers([horizontalPodAutoscalerController()]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.h[Symbol.asyncDispose]();
  }

  /** As many pods as the target asks for, long running. */
  async runPods(): Promise<void> {
    const client = this.h.client.resource(pods, "a");
    const { items } = await client.list();
    for (const { metadata } of items.slice(this.replicas))
      await client.delete(metadata.name, { gracePeriodSeconds: 0 });
    for (let i = items.length; i < this.replicas; i++) {
      const requests = { cpu: "1", memory: "128Mi" };
      const long = new Date(this.h.clock.now() - 3_600_000).toISOString();
      await client.create({
        metadata: { name: `web-${i}`, labels: { app: "web" } },
        spec: { containers: [{ name: "c", resources: { requests } }] },
        status: {
          phase: "Running",
          startTime: long,
          conditions: [{ type: "Ready", status: "True", lastTransitionTime: long }],
        },
      });
    }
    await this.h.settle();
  }

  async autoscale(spec: Partial<Input<HorizontalPodAutoscalerSpec>>, name = "web"): Promise<void> {
    await this.h.client.resource(horizontalPodAutoscalers, "a").create({
      metadata: { name },
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
        minReplicas: 1,
        maxReplicas: 10,
        metrics: [
          { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 50 } } },
        ],
        ...spec,
      },
      status: { desiredReplicas: 0, currentMetrics: null },
    });
    await this.h.settle();
  }

  /** Lets the controller look once, and the target follow. */
  async look(): Promise<HorizontalPodAutoscaler> {
    await this.h.pass(15_000);
    await this.runPods();
    return this.h.client.resource(horizontalPodAutoscalers, "a").get("web");
  }

  async told(): Promise<readonly string[]> {
    return (await this.h.client.resource(events, "a").list()).items.map((e) => `${e.type} ${e.reason}: ${e.message}`);
  }

  #answer(method: string, path: string, body: unknown) {
    const ok = (answer: unknown) => ({ status: 200, body: answer });
    if (path.endsWith("/deployments/web/scale")) {
      if (method === "PUT") {
        if (this.isScaleRefused) return { status: 500, body: status(500, "InternalError", "not now") };
        this.replicas = (body as { spec: { replicas: number } }).spec.replicas;
      }
      const scale = { spec: { replicas: this.replicas }, status: { replicas: this.replicas, selector: this.selector } };
      return ok({ apiVersion: "autoscaling/v1", kind: "Scale", metadata: { name: "web", namespace: "a" }, ...scale });
    }
    if (path.startsWith("/apis/metrics.k8s.io/v1beta1/namespaces/a/pods")) {
      if (this.isMetricsDown) return { status: 503, body: status(503, "ServiceUnavailable", "nobody there") };
      const usage = { cpu: `${this.cpu}m`, memory: this.memory };
      const timestamp = new Date(this.h.clock.now()).toISOString();
      const items = Array.from({ length: this.replicas }, (_, i) => ({
        metadata: { name: `web-${i}`, namespace: "a" },
        timestamp,
        window: "30s",
        containers: [{ name: "c", usage }],
      }));
      return ok({ kind: "PodMetricsList", apiVersion: "metrics.k8s.io/v1beta1", metadata: {}, items });
    }
    if (path === "/apis/custom.metrics.k8s.io" && this.custom)
      return ok({ name: "custom.metrics.k8s.io", versions: [{ version: "v1beta2" }] });
    if (path.startsWith("/apis/custom.metrics.k8s.io/v1beta2/namespaces/a/deployments.apps/web/queue"))
      return ok({ items: [{ describedObject: { name: "web" }, timestamp: "", value: this.custom }] });
    if (path.startsWith("/apis/custom.metrics.k8s.io/v1beta2/namespaces/a/pods/*/requests?labelSelector=app%3Dweb"))
      return ok({
        items: Array.from({ length: this.replicas }, (_, i) => ({
          describedObject: { name: `web-${i}` },
          timestamp: "",
          value: this.custom,
        })),
      });
    if (path.startsWith("/apis/external.metrics.k8s.io/v1beta1/namespaces/a/jobs?labelSelector=queue%3Dmail"))
      return ok({ items: this.external.map((value) => ({ value })) });
    return undefined;
  }
}

function status(code: number, reason: string, message: string): unknown {
  return { kind: "Status", apiVersion: "v1", status: "Failure", code, reason, message };
}

function conditionsOf({ status: { conditions = [] } }: HorizontalPodAutoscaler): readonly string[] {
  return conditions.map(({ type, status: value, reason, message }) => `${type}=${value} ${reason}: ${message}`);
}

test("scales up by CPU, tells why, and writes nothing when all stays as it is", async () => {
  await using w = await World.start();
  await w.runPods();
  await w.autoscale({});
  const first = await w.look();
  assert.deepEqual(conditionsOf(first), [
    "AbleToScale=True ReadyForNewScale: recommended size matches current size",
    "ScalingActive=True ValidMetricFound: the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)",
    "ScalingLimited=False DesiredWithinRange: the desired count is within the acceptable range",
  ]);
  assert.deepEqual(first.status.currentMetrics, [
    { type: "Resource", resource: { name: "cpu", current: { averageUtilization: 50, averageValue: "500m" } } },
  ]);
  assert.deepEqual([first.status.currentReplicas, first.status.desiredReplicas], [2, 2]);
  w.h.takeWrites();
  await w.h.pass(60_000);
  assert.deepEqual(w.h.takeWrites(), []);
  w.cpu = 900;
  const second = await w.look();
  assert.equal(w.replicas, 4);
  assert.ok(
    conditionsOf(second).includes(
      "AbleToScale=True SucceededRescale: the HPA controller was able to update the target scale to 4",
    ),
  );
  assert.ok(second.status.lastScaleTime);
  assert.deepEqual(await w.told(), [
    "Normal SuccessfulRescale: New size: 4; reason: cpu resource utilization (percentage of request) above target",
  ]);
});

test("scales down only five minutes after the last higher recommendation", async () => {
  await using w = await World.start();
  w.replicas = 8;
  w.cpu = 100;
  await w.runPods();
  await w.autoscale({ minReplicas: 3 });
  const waiting = await w.look();
  assert.ok(conditionsOf(waiting).some((text) => text.startsWith("AbleToScale=True ScaleDownStabilized")));
  for (let s = 30; s <= 300; s += 15) await w.look();
  assert.equal(w.replicas, 8);
  await w.look();
  await w.look();
  assert.equal(w.replicas, 3);
  const done = await w.look();
  assert.ok(conditionsOf(done).some((text) => text.startsWith("ScalingLimited=True TooFewReplicas")));
  assert.ok((await w.told()).includes("Normal SuccessfulRescale: New size: 3; reason: All metrics below target"));
});

test("brings a target within its bounds without asking metrics, and leaves one at zero alone", async () => {
  await using w = await World.start();
  w.isMetricsDown = true;
  w.replicas = 20;
  await w.autoscale({ minReplicas: 3 });
  await w.look();
  assert.equal(w.replicas, 10);
  w.replicas = 1;
  await w.look();
  assert.equal(w.replicas, 3);
  w.replicas = 0;
  const off = await w.look();
  assert.equal(w.replicas, 0);
  assert.ok(
    conditionsOf(off).includes(
      "ScalingActive=False ScalingDisabled: scaling is disabled since the replica count of the target is zero",
    ),
  );
  assert.deepEqual(await w.told(), [
    "Normal SuccessfulRescale: New size: 10; reason: Current number of replicas above Spec.MaxReplicas",
    "Normal SuccessfulRescale: New size: 3; reason: Current number of replicas below Spec.MinReplicas",
  ]);
});

test("the metric that calls for most wins; one that fails forbids scaling down only", async () => {
  await using w = await World.start();
  w.custom = "3500m";
  w.external = ["10", "20"];
  await w.runPods();
  const queue = { name: "queue" };
  await w.autoscale({
    metrics: [
      {
        type: "ContainerResource",
        containerResource: { name: "memory", container: "c", target: { type: "AverageValue", averageValue: "64Mi" } },
      },
      { type: "Pods", pods: { metric: { name: "requests" }, target: { type: "AverageValue", averageValue: "1" } } },
      {
        type: "Object",
        object: {
          describedObject: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
          metric: queue,
          target: { type: "Value", value: "7" },
        },
      },
      {
        type: "External",
        external: {
          metric: { name: "jobs", selector: { matchLabels: { queue: "mail" } } },
          target: { type: "AverageValue", averageValue: "10" },
        },
      },
    ],
  });
  const first = await w.look();
  assert.deepEqual(first.status.currentMetrics, [
    {
      type: "ContainerResource",
      containerResource: { name: "memory", container: "c", current: { averageValue: "64Mi" } },
    },
    { type: "Pods", pods: { metric: { name: "requests" }, current: { averageValue: "3500m" } } },
    {
      type: "Object",
      object: {
        describedObject: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
        metric: queue,
        current: { value: "3500m" },
      },
    },
    {
      type: "External",
      external: {
        metric: { name: "jobs", selector: { matchLabels: { queue: "mail" } } },
        current: { averageValue: "15" },
      },
    },
  ]);
  // 3.5 requests a pod call for seven, which is more than twice of two, but four are always allowed.
  assert.equal(w.replicas, 4);
  w.external = [];
  w.custom = "2";
  await w.look();
  assert.equal(w.replicas, 8);
  w.custom = "100m";
  w.memory = "16Mi";
  const failing = await w.look();
  assert.equal(w.replicas, 8);
  assert.ok(
    conditionsOf(failing).includes(
      "ScalingActive=False FailedGetExternalMetric: the HPA was unable to compute the replica count: unable to get external metric a/jobs/&LabelSelector{MatchLabels:map[string]string{queue: mail,},MatchExpressions:[]LabelSelectorRequirement{},}: no metrics returned from external metrics API",
    ),
  );
});

test("metrics that cannot be read are told in condition and events", async () => {
  await using w = await World.start();
  await w.runPods();
  w.isMetricsDown = true;
  await w.autoscale({});
  const found = await w.look();
  const detail =
    "failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: nobody there";
  assert.deepEqual(conditionsOf(found), [
    "AbleToScale=True SucceededGetScale: the HPA controller was able to get the target's current scale",
    `ScalingActive=False FailedGetResourceMetric: the HPA was unable to compute the replica count: ${detail}`,
  ]);
  assert.deepEqual(await w.told(), [
    `Warning FailedGetResourceMetric: ${detail}`,
    `Warning FailedComputeMetricsReplicas: invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: ${detail}`,
  ]);
});

test("a target that is not there, has no scale, or refuses it", async () => {
  await using w = await World.start();
  await w.runPods();
  await w.autoscale({ scaleTargetRef: { apiVersion: "apps/v1", kind: "Gadget", name: "web" } });
  const found = await w.look();
  const detail = 'no matches for kind "Gadget" in group "apps"';
  assert.deepEqual(conditionsOf(found), [
    `AbleToScale=False FailedGetScale: the HPA controller was unable to get the target's current scale: ${detail}`,
  ]);
  assert.deepEqual(await w.told(), [`Warning FailedGetScale: ${detail}`]);
  const autoscaler = w.h.client.resource(horizontalPodAutoscalers, "a");
  await autoscaler.patch("web", "merge", { spec: { scaleTargetRef: { kind: "Deployment" } } });
  w.isScaleRefused = true;
  w.cpu = 900;
  const refused = await w.look();
  assert.ok(
    conditionsOf(refused).includes(
      "AbleToScale=False FailedUpdateScale: the HPA controller was unable to update the target scale: not now",
    ),
  );
});

test("two autoscalers of the same pods do nothing", async () => {
  await using w = await World.start();
  w.cpu = 900;
  await w.runPods();
  await w.autoscale({}, "other");
  await w.autoscale({});
  await w.look();
  const found = await w.look();
  const message = "pods by selector app=web are controlled by multiple HPAs: [a/other a/web]";
  assert.ok(conditionsOf(found).includes(`ScalingActive=False AmbiguousSelector: ${message}`));
  assert.ok((await w.told()).includes(`Warning AmbiguousSelector: ${message}`));
});
