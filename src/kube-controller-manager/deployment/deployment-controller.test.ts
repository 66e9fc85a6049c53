import assert from "node:assert/strict";
import { test } from "node:test";
import type { Deployment, ReplicaSet } from "../../api/apps/v1/types.gen.ts";
import type { Input } from "../../apimachinery/resource-type.ts";
import { deployments, events, pods, replicaSets } from "../../api/resources.gen.ts";
import { startControllers, type ControllerHarness } from "../../controller-runtime/testing/controller-harness.ts";
import { replicaSetController } from "../replicaset/replica-set-controller.ts";
import { deploymentController } from "./deployment-controller.ts";

const revision = "deployment.kubernetes.io/revision";
const controllers = [deploymentController, replicaSetController];

function web(replicas: number, more: Partial<Input<Deployment["spec"]>> = {}): Input<Deployment> {
  return {
    metadata: { name: "web", annotations: { note: "kept" } },
    spec: {
      replicas,
      selector: { matchLabels: { app: "web" } },
      template: template("v1"),
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } },
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      ...more,
    },
  };
}

function template(image: string) {
  return { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image }] } };
}

const setImage = (h: ControllerHarness, image: string): Promise<Deployment> =>
  h.client.resource(deployments, "a").patch("web", "merge", { spec: { template: template(image) } });
const read = (h: ControllerHarness): Promise<Deployment> => h.client.resource(deployments, "a").get("web");
const readSets = async (h: ControllerHarness): Promise<readonly ReplicaSet[]> =>
  (await h.client.resource(replicaSets, "a").list()).items;
const imageOf = (rs: ReplicaSet): string | undefined => rs.spec.template.spec?.containers[0]?.image;
const setOf = async (h: ControllerHarness, image: string): Promise<ReplicaSet | undefined> =>
  (await readSets(h)).find((rs) => imageOf(rs) === image);
const sizes = async (h: ControllerHarness): Promise<Record<string, number>> =>
  Object.fromEntries((await readSets(h)).map((rs) => [imageOf(rs) ?? "", rs.spec.replicas ?? 0]));

/** Plays kubelet: readies the pods whose image it can run, until nothing is left to do. `look` sees every step. */
async function runPods(
  h: ControllerHarness,
  canRun: RegExp,
  look: () => Promise<void> = async () => {},
): Promise<void> {
  const client = h.client.resource(pods, "a");
  for (;;) {
    await h.settle();
    await look();
    const waiting = (await client.list()).items.filter(
      (p) => p.status.phase !== "Running" && canRun.test(p.spec.containers[0]?.image ?? ""),
    );
    if (waiting.length === 0) return;
    const lastTransitionTime = new Date(h.clock.now()).toISOString();
    for (const pod of waiting.slice(0, 2)) {
      const conditions = [{ type: "Ready", status: "True", lastTransitionTime }];
      await client.updateStatus({ ...pod, status: { phase: "Running", conditions } });
    }
  }
}

function conditionOf(d: Deployment, type: string): readonly unknown[] {
  const condition = d.status.conditions?.find((c) => c.type === type);
  return [condition?.status, condition?.reason, condition?.message];
}

test("a Deployment makes one set named by the template's hash, and completes when its pods are available", async () => {
  await using h = await startControllers(controllers);
  await h.client.resource(deployments, "a").create(web(3));
  await runPods(h, /v1/);
  const [set, ...others] = await readSets(h);
  assert.equal(others.length, 0);
  const hash = set?.metadata.labels?.["pod-template-hash"];
  assert.equal(set?.metadata.name, `web-${hash}`);
  assert.equal(set?.spec.selector?.matchLabels?.["pod-template-hash"], hash);
  assert.deepEqual(set?.metadata.annotations, {
    note: "kept",
    "deployment.kubernetes.io/revision": "1",
    "deployment.kubernetes.io/desired-replicas": "3",
    "deployment.kubernetes.io/max-replicas": "4",
  });
  const d = await read(h);
  assert.equal(d.metadata.annotations?.["deployment.kubernetes.io/revision"], "1");
  assert.deepEqual(
    [d.status.replicas, d.status.updatedReplicas, d.status.readyReplicas, d.status.availableReplicas],
    [3, 3, 3, 3],
  );
  assert.equal(d.status.observedGeneration, d.metadata.generation);
  assert.deepEqual(conditionOf(d, "Available"), [
    "True",
    "MinimumReplicasAvailable",
    "Deployment has minimum availability.",
  ]);
  assert.deepEqual(conditionOf(d, "Progressing"), [
    "True",
    "NewReplicaSetAvailable",
    `ReplicaSet "web-${hash}" has successfully progressed.`,
  ]);
  const messages = (await h.client.resource(events).list()).items.map((e) => `${e.reason}: ${e.message}`);
  assert.ok(messages.includes(`ScalingReplicaSet: Scaled up replica set web-${hash} from 0 to 3`));
});

test("a rolling update never exceeds the surge nor falls below what must be available", async () => {
  await using h = await startControllers(controllers);
  await h.client.resource(deployments, "a").create(web(8));
  await runPods(h, /v1/);
  await setImage(h, "v2");
  let mostPods = 0;
  let fewestAvailable = 8;
  await runPods(h, /v2/, async () => {
    const items = (await h.client.resource(pods, "a").list()).items;
    mostPods = Math.max(mostPods, items.length);
    fewestAvailable = Math.min(fewestAvailable, items.filter((p) => p.status.phase === "Running").length);
  });
  assert.deepEqual(await sizes(h), { v1: 0, v2: 8 });
  assert.ok(mostPods <= 10, `${mostPods} pods`);
  assert.ok(fewestAvailable >= 6, `${fewestAvailable} available`);
  assert.equal((await setOf(h, "v2"))?.metadata.annotations?.["deployment.kubernetes.io/revision"], "2");
  assert.equal(conditionOf(await read(h), "Progressing")[1], "NewReplicaSetAvailable");
});

test("undo makes the old set the newest revision and remembers the one it had", async () => {
  await using h = await startControllers(controllers);
  await h.client.resource(deployments, "a").create(web(2));
  await runPods(h, /v1/);
  await setImage(h, "v2");
  await runPods(h, /v2/);
  await setImage(h, "v1");
  await runPods(h, /v1/);
  assert.deepEqual(await sizes(h), { v1: 2, v2: 0 });
  const annotations = (await setOf(h, "v1"))?.metadata.annotations;
  assert.equal(annotations?.["deployment.kubernetes.io/revision"], "3");
  assert.equal(annotations?.["deployment.kubernetes.io/revision-history"], "1");
  assert.equal((await read(h)).metadata.annotations?.["deployment.kubernetes.io/revision"], "3");
});

test("the revision goes on from what a set that is taken over says, however large", async () => {
  await using h = await startControllers(controllers);
  await h.client.resource(replicaSets, "a").create({
    metadata: { name: "before", labels: { app: "web" }, annotations: { [revision]: "3546343826724305833" } },
    spec: { replicas: 1, selector: { matchLabels: { app: "web" } }, template: template("v0") },
    status: { replicas: 0 },
  });
  await h.client.resource(deployments, "a").create(web(1));
  await runPods(h, /v/);
  assert.equal((await read(h)).metadata.annotations?.[revision], "3546343826724305834");
  assert.equal((await setOf(h, "v1"))?.metadata.annotations?.[revision], "3546343826724305834");
});

test("a rollout that changes its mind scales the middle set down; a set that cannot run stalls it at the limits", async () => {
  await using h = await startControllers(controllers);
  await h.client.resource(deployments, "a").create(web(4));
  await runPods(h, /v1/);
  await setImage(h, "broken");
  await h.settle();
  assert.deepEqual(await sizes(h), { v1: 3, broken: 2 });
  await setImage(h, "v3");
  await runPods(h, /v3/);
  assert.deepEqual(await sizes(h), { v1: 0, broken: 0, v3: 4 });
});

test("scaling in the middle of a rollout is shared in proportion", async () => {
  await using h = await startControllers(controllers);
  const strategy = { type: "RollingUpdate" as const, rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } };
  await h.client.resource(deployments, "a").create(web(10, { strategy }));
  await runPods(h, /v1/);
  await setImage(h, "broken");
  await h.settle();
  assert.deepEqual(await sizes(h), { v1: 8, broken: 5 });
  await h.client.resource(deployments, "a").patch("web", "merge", { spec: { replicas: 15 } });
  await h.settle();
  assert.deepEqual(await sizes(h), { v1: 11, broken: 7 });
  await h.client.resource(deployments, "a").patch("web", "merge", { spec: { replicas: 0 } });
  await h.settle();
  assert.deepEqual(await sizes(h), { v1: 0, broken: 0 });
});

test("Recreate ends all old pods before the first new one", async () => {
  await using h = await startControllers(controllers);
  await h.client.resource(deployments, "a").create(web(3, { strategy: { type: "Recreate" } }));
  await runPods(h, /v1/);
  // A bound pod stays, terminating, until its kubelet lets it go.
  const client = h.client.resource(pods, "a");
  for (const pod of (await client.list()).items)
    await client.createSubresource(pod.metadata.name, "binding", { target: { name: "node" } });
  await setImage(h, "v2");
  await h.settle();
  assert.equal((await setOf(h, "v2"))?.spec.replicas, undefined);
  for (const pod of (await client.list()).items) await client.delete(pod.metadata.name, { gracePeriodSeconds: 0 });
  await runPods(h, /v2/);
  assert.deepEqual(await sizes(h), { v1: 0, v2: 3 });
});

test("paused: no rollout, but scaling; resumed: it rolls", async () => {
  await using h = await startControllers(controllers);
  await h.client.resource(deployments, "a").create(web(2));
  await runPods(h, /v1/);
  await h.client.resource(deployments, "a").patch("web", "merge", { spec: { paused: true } });
  await setImage(h, "v2");
  await h.settle();
  assert.deepEqual(await sizes(h), { v1: 2 });
  assert.equal(conditionOf(await read(h), "Progressing")[1], "DeploymentPaused");
  await h.client.resource(deployments, "a").patch("web", "merge", { spec: { replicas: 3 } });
  await runPods(h, /v1/);
  assert.deepEqual(await sizes(h), { v1: 3 });
  await h.client.resource(deployments, "a").patch("web", "merge", { spec: { paused: false } });
  await runPods(h, /v2/);
  assert.deepEqual(await sizes(h), { v1: 0, v2: 3 });
});

test("without progress for the deadline the rollout counts as stuck", async () => {
  await using h = await startControllers(controllers);
  await h.client.resource(deployments, "a").create(web(1, { progressDeadlineSeconds: 30 }));
  await h.pass(29_000);
  assert.equal(conditionOf(await read(h), "Progressing")[1], "ReplicaSetUpdated");
  await h.pass(5_000);
  const set = (await readSets(h))[0]?.metadata.name;
  assert.deepEqual(conditionOf(await read(h), "Progressing"), [
    "False",
    "ProgressDeadlineExceeded",
    `ReplicaSet "${set}" has timed out progressing.`,
  ]);
});

test("old sets beyond the history limit are deleted", async () => {
  await using h = await startControllers(controllers);
  await h.client.resource(deployments, "a").create(web(1, { revisionHistoryLimit: 1 }));
  for (const image of ["v1", "v2", "v3", "v4"]) {
    if (image !== "v1") await setImage(h, image);
    await runPods(h, new RegExp(image));
  }
  assert.deepEqual(await sizes(h), { v3: 0, v4: 1 });
});

test("a name taken by another template raises the collision count", async () => {
  await using h = await startControllers(controllers);
  await h.client.resource(deployments, "a").create(web(1));
  await h.settle();
  const taken = (await readSets(h))[0]?.metadata.name ?? "";
  await h.client.resource(deployments, "a").delete("web");
  await h.client.resource(replicaSets, "a").delete(taken);
  await h.settle();
  await h.client.resource(replicaSets, "a").create({
    metadata: { name: taken },
    spec: { replicas: 0, selector: { matchLabels: { x: "y" } }, template: template("x") },
  });
  await h.settle();
  await h.client.resource(deployments, "a").create(web(1));
  await h.settle();
  assert.equal((await read(h)).status.collisionCount, 1);
  assert.equal((await readSets(h)).length, 2);
});

test("a Deployment at rest writes nothing", async () => {
  await using h = await startControllers(controllers);
  await h.client.resource(deployments, "a").create(web(3));
  await runPods(h, /v1/);
  h.takeWrites();
  await h.pass(3_600_000);
  assert.deepEqual(h.takeWrites(), []);
});
