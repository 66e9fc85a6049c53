import assert from "node:assert/strict";
import { test } from "node:test";
import {
  daemonSets,
  jobs,
  nodes,
  persistentVolumeClaims,
  podDisruptionBudgets,
  pods,
  replicationControllers,
  statefulSets,
} from "../api/resources.gen.ts";
import type { Pod } from "../api/core/v1/types.gen.ts";
import { randomInt, SeededRandom } from "../component-base/random.ts";
import { startControllers, type ControllerHarness } from "../controller-runtime/testing/controller-harness.ts";
import { targetNodeOf } from "./daemon/daemon-pods.ts";
import { daemonSetController } from "./daemon/daemon-set-controller.ts";
import { disruptionController } from "./disruption/disruption-controller.ts";
import { jobController } from "./job/job-controller.ts";
import { replicationController } from "./replicationcontroller/replication-controller.ts";
import { statefulSetController } from "./statefulset/stateful-set-controller.ts";

const template = (app: string, image: string) => ({
  metadata: { labels: { app } },
  spec: { containers: [{ name: "c", image }], restartPolicy: app === "job" ? ("Never" as const) : ("Always" as const) },
});

const controllers = [
  daemonSetController,
  disruptionController,
  jobController,
  replicationController,
  statefulSetController,
];

const start = (): Promise<ControllerHarness> =>
  startControllers(controllers, async (client) => {
    for (const name of ["n1", "n2", "n3"]) await client.resource(nodes).create({ metadata: { name } });
    const rollingUpdate = { maxUnavailable: 1 };
    await client.resource(daemonSets, "a").create({
      metadata: { name: "ds" },
      spec: {
        selector: { matchLabels: { app: "ds" } },
        template: template("ds", "v0"),
        updateStrategy: { type: "RollingUpdate", rollingUpdate },
        revisionHistoryLimit: 2,
      },
    });
    await client.resource(statefulSets, "a").create({
      metadata: { name: "sts" },
      spec: {
        replicas: 3,
        serviceName: "sts",
        selector: { matchLabels: { app: "sts" } },
        template: template("sts", "v0"),
        updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0 } },
        revisionHistoryLimit: 2,
        volumeClaimTemplates: [{ metadata: { name: "data" }, spec: {} }],
      },
    });
    await client.resource(replicationControllers, "a").create({
      metadata: { name: "rc" },
      spec: { replicas: 2, selector: { app: "rc" }, template: template("rc", "v0") },
    });
    await client.resource(jobs, "a").create({
      metadata: { name: "job" },
      spec: {
        completions: 8,
        parallelism: 3,
        completionMode: "Indexed",
        backoffLimit: 1000,
        podReplacementPolicy: "TerminatingOrFailed",
        selector: { matchLabels: { app: "job" } },
        template: template("job", "v0"),
      },
    });
    await client.resource(podDisruptionBudgets, "a").create({
      metadata: { name: "sts" },
      spec: { maxUnavailable: 1, selector: { matchLabels: { app: "sts" } } },
    });
  });

/** Plays scheduler and kubelet for one pod that has something to do, chosen at random. */
async function workOnPod(h: ControllerHarness, random: SeededRandom, mayFail: boolean): Promise<void> {
  const client = h.client.resource(pods, "a");
  const hasWork = (p: Pod): boolean =>
    p.metadata.deletionTimestamp !== undefined ||
    !["Running", "Succeeded", "Failed"].includes(p.status.phase ?? "") ||
    (p.metadata.labels?.["app"] === "job" && p.status.phase === "Running");
  const all = (await client.list()).items.filter(hasWork);
  const pod = all[randomInt(random, all.length)];
  if (!pod) return;
  const { name } = pod.metadata;
  if (pod.metadata.deletionTimestamp) {
    if (pod.metadata.finalizers?.length)
      await client.updateStatus({ ...pod, status: { ...pod.status, phase: "Failed" } });
    await client.delete(name, { gracePeriodSeconds: 0 });
    return;
  }
  if (!pod.spec.nodeName)
    await client.createSubresource(name, "binding", { target: { name: targetNodeOf(pod) ?? "n1" } });
  const lastTransitionTime = new Date(h.clock.now()).toISOString();
  const isRunning = pod.status.phase === "Running";
  const isFailing = mayFail && random.next() < 0.2;
  const phase = isFailing ? "Failed" : isRunning ? "Succeeded" : "Running";
  const conditions = [{ type: "Ready", status: phase === "Running" ? "True" : "False", lastTransitionTime }];
  await client.updateStatus({ ...(await client.get(name)), status: { phase, conditions } });
}

async function disturb(h: ControllerHarness, random: SeededRandom): Promise<void> {
  const image = `v${randomInt(random, 4)}`;
  switch (randomInt(random, 9)) {
    case 0:
      await h.client.resource(statefulSets, "a").patch("sts", "merge", { spec: { replicas: randomInt(random, 5) } });
      return;
    case 1:
      await h.client.resource(statefulSets, "a").patch("sts", "merge", { spec: { template: template("sts", image) } });
      return;
    case 2:
      await h.client.resource(daemonSets, "a").patch("ds", "merge", { spec: { template: template("ds", image) } });
      return;
    case 3: {
      const all = (await h.client.resource(pods, "a").list()).items;
      const victim = all[randomInt(random, all.length)];
      if (victim) await h.client.resource(pods, "a").delete(victim.metadata.name);
      return;
    }
    case 4:
      h.server.cutWatches();
      if (random.next() < 0.5) h.server.compact();
      return;
    case 5:
      await h.pass(randomInt(random, 3000));
      return;
    default:
      await workOnPod(h, random, true);
  }
}

for (let seed = 1; seed <= Number(process.env["SEEDS"] ?? 1); seed++) {
  test(`all workloads end as declared whatever happens, and then rest, seed ${seed}`, async () => {
    const random = new SeededRandom(seed);
    await using h = await start();
    let isFaulty = true;
    h.server.intercept = ({ method, path }) => {
      if (!isFaulty || random.next() > 0.15) return undefined;
      const reason = method === "GET" || path.includes("watch=") ? "InternalError" : "Conflict";
      const code = reason === "Conflict" ? 409 : 500;
      return { status: code, body: { kind: "Status", status: "Failure", reason, code, message: "bad luck" } };
    };
    for (let i = 0; i < 80; i++) {
      await disturb(h, random).catch(() => undefined);
      if (random.next() < 0.5) await h.settle();
    }
    isFaulty = false;
    for (let i = 0; i < 40; i++) {
      await h.pass(30_000);
      for (let n = 0; n < 12; n++) await workOnPod(h, random, false).catch(() => undefined);
    }
    await h.pass(600_000);

    const all = (await h.client.resource(pods, "a").list()).items;
    const of = (app: string): readonly Pod[] =>
      all
        .filter((p) => p.metadata.labels?.["app"] === app)
        .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    const ds = await h.client.resource(daemonSets, "a").get("ds");
    assert.deepEqual(new Set(of("ds").map(targetNodeOf)), new Set(["n1", "n2", "n3"]));
    assert.equal(of("ds").length, 3);
    assert.ok(of("ds").every((p) => p.spec.containers[0]?.image === ds.spec.template.spec.containers[0]?.image));
    assert.deepEqual([ds.status.numberAvailable, ds.status.updatedNumberScheduled], [3, 3]);
    const sts = await h.client.resource(statefulSets, "a").get("sts");
    const replicas = sts.spec.replicas ?? 0;
    assert.deepEqual(
      of("sts").map((p) => [p.metadata.name, p.spec.containers[0]?.image]),
      Array.from({ length: replicas }, (_, i) => [`sts-${i}`, sts.spec.template.spec.containers[0]?.image]),
    );
    assert.deepEqual([sts.status.availableReplicas, sts.status.currentRevision], [replicas, sts.status.updateRevision]);
    const claims = (await h.client.resource(persistentVolumeClaims, "a").list()).items;
    assert.ok(claims.length >= replicas);
    assert.equal(of("rc").filter((p) => p.status.phase === "Running").length, 2);
    const { status } = await h.client.resource(jobs, "a").get("job");
    assert.deepEqual([status.completedIndexes, status.succeeded, status.active ?? 0], ["0-7", 8, 0]);
    assert.equal(status.conditions?.at(-1)?.type, "Complete");
    assert.ok(of("job").every((p) => !p.metadata.finalizers?.length));
    const budget = (await h.client.resource(podDisruptionBudgets, "a").get("sts")).status;
    assert.deepEqual([budget.currentHealthy, budget.disruptionsAllowed], [replicas, Math.min(1, replicas)]);
    h.takeWrites();
    await h.pass(3_600_000);
    assert.deepEqual(h.takeWrites(), []);
  });
}
