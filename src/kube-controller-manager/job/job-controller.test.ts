import assert from "node:assert/strict";
import { test } from "node:test";
import type { Input } from "../../apimachinery/resource-type.ts";
import type { Job, JobSpec } from "../../api/batch/v1/types.gen.ts";
import type { Pod } from "../../api/core/v1/types.gen.ts";
import { events, jobs, pods } from "../../api/resources.gen.ts";
import { startControllers, type ControllerHarness } from "../../controller-runtime/testing/controller-harness.ts";
import { formatIndexes, parseIndexes } from "./index-set.ts";
import { jobController } from "./job-controller.ts";

const labels = { job: "work" };

async function startJob(spec: Input<JobSpec>): Promise<ControllerHarness> {
  const h = await startControllers([jobController]);
  await h.client.resource(jobs, "a").create({
    metadata: { name: "work" },
    spec: {
      completions: 1,
      parallelism: 1,
      backoffLimit: 6,
      podReplacementPolicy: "TerminatingOrFailed",
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] },
      },
      ...spec,
    },
  });
  await h.settle();
  return h;
}

const readJob = (h: ControllerHarness): Promise<Job> => h.client.resource(jobs, "a").get("work");
const allPods = async (h: ControllerHarness): Promise<readonly Pod[]> =>
  (await h.client.resource(pods, "a").list()).items;
const active = async (h: ControllerHarness): Promise<readonly Pod[]> =>
  (await allPods(h)).filter(
    (p) => !p.metadata.deletionTimestamp && !["Succeeded", "Failed"].includes(p.status.phase ?? ""),
  );
const indexOf = (pod: Pod): string | undefined =>
  pod.metadata.annotations?.["batch.kubernetes.io/job-completion-index"];
const conditions = async (h: ControllerHarness): Promise<string[]> =>
  ((await readJob(h)).status.conditions ?? []).map((c) => `${c.type}=${c.status} ${c.reason}`);

async function end(
  h: ControllerHarness,
  pod: Pod | undefined,
  phase: "Succeeded" | "Failed",
  more: object = {},
): Promise<void> {
  assert.ok(pod);
  const client = h.client.resource(pods, "a");
  const finishedAt = new Date(h.clock.now()).toISOString();
  const exitCode = phase === "Failed" ? 1 : 0;
  const containerStatuses = [{ name: "c", state: { terminated: { exitCode, finishedAt } }, restartCount: 0 }];
  await client.updateStatus({
    ...(await client.get(pod.metadata.name)),
    status: { phase, containerStatuses, ...more },
  });
  await h.settle();
}

test("runs to completion: pods are counted once, freed, and the job completes after its criteria are met", async () => {
  await using h = await startJob({ completions: 3, parallelism: 2 });
  let [first, second] = await active(h);
  assert.deepEqual(first?.metadata.finalizers, ["batch.kubernetes.io/job-tracking"]);
  assert.deepEqual((await readJob(h)).status.active, 2);
  await end(h, first, "Succeeded");
  assert.equal((await readJob(h)).status.succeeded, 1);
  assert.equal((await active(h)).length, 2);
  assert.equal((await allPods(h)).filter((p) => p.metadata.finalizers?.length).length, 2);
  [first, second] = await active(h);
  await end(h, first, "Succeeded");
  assert.equal((await active(h)).length, 1);
  await end(h, second, "Succeeded");
  const { status } = await readJob(h);
  assert.deepEqual(
    [status.succeeded, status.active, status.failed, status.uncountedTerminatedPods],
    [3, 0, undefined, {}],
  );
  assert.deepEqual(await conditions(h), [
    "SuccessCriteriaMet=True CompletionsReached",
    "Complete=True CompletionsReached",
  ]);
  assert.ok(status.completionTime);
  assert.equal((await allPods(h)).filter((p) => p.metadata.finalizers?.length).length, 0);
  const told = (await h.client.resource(events).list()).items.map((e) => e.reason);
  assert.ok(told.includes("Completed"));
  h.takeWrites();
  await h.pass(3_600_000);
  assert.deepEqual(h.takeWrites(), []);
});

test("failed pods are replaced after 10 s, 20 s …; beyond backoffLimit the job fails", async () => {
  await using h = await startJob({ backoffLimit: 1 });
  await end(h, (await active(h))[0], "Failed");
  assert.equal((await active(h)).length, 0);
  assert.equal((await readJob(h)).status.failed, 1);
  await h.pass(9_000);
  assert.equal((await active(h)).length, 0);
  await h.pass(1_500);
  assert.equal((await active(h)).length, 1);
  await end(h, (await active(h))[0], "Failed");
  assert.deepEqual(await conditions(h), [
    "FailureTarget=True BackoffLimitExceeded",
    "Failed=True BackoffLimitExceeded",
  ]);
  assert.equal((await readJob(h)).status.failed, 2);
  await h.pass(600_000);
  assert.equal((await active(h)).length, 0);
});

test("an indexed job gives each pod its index, hostname and variable, and repeats the index that failed", async () => {
  await using h = await startJob({ completionMode: "Indexed", completions: 3, parallelism: 3 });
  const [first, second, third] = await active(h);
  assert.deepEqual(new Set([first, second, third].map((p) => p && indexOf(p))), new Set(["0", "1", "2"]));
  assert.match(first?.metadata.name ?? "", /^work-\d-[a-z0-9]{5}$/);
  assert.equal(first?.spec.hostname, `work-${first ? indexOf(first) : ""}`);
  assert.equal(first?.spec.containers[0]?.env?.[0]?.name, "JOB_COMPLETION_INDEX");
  assert.equal(first?.metadata.labels?.["batch.kubernetes.io/job-completion-index"], first && indexOf(first));
  await end(h, second, "Failed");
  await end(h, first, "Succeeded");
  await end(h, third, "Succeeded");
  await h.pass(11_000);
  assert.deepEqual((await active(h)).map(indexOf), [second && indexOf(second)]);
  await end(h, (await active(h))[0], "Succeeded");
  const { status } = await readJob(h);
  assert.deepEqual([status.completedIndexes, status.succeeded, status.failed], ["0-2", 3, 1]);
  assert.equal((await conditions(h)).at(-1), "Complete=True CompletionsReached");
});

test("with a limit per index, indexes fail on their own and carry their count of failures", async () => {
  await using h = await startJob({
    completionMode: "Indexed",
    completions: 2,
    parallelism: 2,
    backoffLimit: 2147483647,
    backoffLimitPerIndex: 1,
  });
  const byIndex = async (index: string): Promise<Pod | undefined> =>
    (await active(h)).find((p) => indexOf(p) === index);
  await end(h, await byIndex("0"), "Failed");
  await h.pass(11_000);
  const again = await byIndex("0");
  assert.equal(again?.metadata.annotations?.["batch.kubernetes.io/job-index-failure-count"], "1");
  await end(h, again, "Failed");
  assert.equal((await readJob(h)).status.failedIndexes, "0");
  assert.deepEqual((await active(h)).map(indexOf), ["1"]);
  await end(h, await byIndex("1"), "Succeeded");
  assert.deepEqual(await conditions(h), ["FailureTarget=True FailedIndexes", "Failed=True FailedIndexes"]);
  const { status } = await readJob(h);
  assert.deepEqual([status.completedIndexes, status.failedIndexes, status.failed, status.succeeded], ["1", "0", 2, 1]);
});

test("suspending deletes the pods without counting them; resuming starts the clock anew", async () => {
  await using h = await startJob({ suspend: true });
  assert.deepEqual(await conditions(h), ["Suspended=True JobSuspended"]);
  assert.equal((await readJob(h)).status.startTime, undefined);
  await h.client.resource(jobs, "a").patch("work", "merge", { spec: { suspend: false } });
  await h.settle();
  assert.equal((await active(h)).length, 1);
  assert.deepEqual(await conditions(h), ["Suspended=False JobResumed"]);
  await h.pass(5000);
  await h.client.resource(jobs, "a").patch("work", "merge", { spec: { suspend: true } });
  await h.settle();
  assert.equal((await allPods(h)).length, 0);
  assert.equal((await readJob(h)).status.failed ?? 0, 0);
});

test("activeDeadlineSeconds ends the job to the second and stops its pods", async () => {
  await using h = await startJob({ activeDeadlineSeconds: 10, completions: 2, parallelism: 2 });
  await h.pass(9_000);
  assert.equal((await active(h)).length, 2);
  await h.pass(1_500);
  assert.deepEqual(await conditions(h), ["FailureTarget=True DeadlineExceeded", "Failed=True DeadlineExceeded"]);
  assert.equal((await readJob(h)).status.failed, 2);
  assert.equal((await allPods(h)).length, 0);
});

test("a failure policy ends the job at once, ignores disruptions, or fails the index", async () => {
  const rules = [
    { action: "FailJob" as const, onExitCodes: { containerName: "c", operator: "In" as const, values: [42] } },
    { action: "Ignore" as const, onPodConditions: [{ type: "DisruptionTarget", status: "True" }] },
  ];
  await using h = await startJob({ backoffLimit: 0, podFailurePolicy: { rules }, podReplacementPolicy: "Failed" });
  await end(h, (await active(h))[0], "Failed", { conditions: [{ type: "DisruptionTarget", status: "True" }] });
  assert.equal((await readJob(h)).status.failed ?? 0, 0);
  await h.pass(11_000);
  const [pod] = await active(h);
  assert.ok(pod);
  const containerStatuses = [{ name: "c", state: { terminated: { exitCode: 42 } } }];
  await end(h, pod, "Failed", { containerStatuses });
  const failed = (await readJob(h)).status.conditions?.at(-1);
  assert.deepEqual(
    [failed?.type, failed?.reason, failed?.message],
    [
      "Failed",
      "PodFailurePolicy",
      `Container c for pod a/${pod.metadata.name} failed with exit code 42 matching FailJob rule at index 0`,
    ],
  );
});

test("a success policy ends the job with indexes pending; what still runs is stopped and not failed", async () => {
  await using h = await startJob({
    completionMode: "Indexed",
    completions: 5,
    parallelism: 3,
    successPolicy: { rules: [{ succeededIndexes: "1-2", succeededCount: 1 }] },
  });
  await end(
    h,
    (await active(h)).find((p) => indexOf(p) === "1"),
    "Succeeded",
  );
  assert.deepEqual(await conditions(h), ["SuccessCriteriaMet=True SuccessPolicy", "Complete=True SuccessPolicy"]);
  const { status } = await readJob(h);
  assert.deepEqual([status.completedIndexes, status.failed ?? 0, status.active], ["1", 0, 0]);
  assert.equal(status.conditions?.[0]?.message, "Matched rules at index 0");
});

test("with podReplacementPolicy Failed a terminating pod is replaced only when it has ended", async () => {
  await using h = await startJob({ podReplacementPolicy: "Failed" });
  const [pod] = await active(h);
  const client = h.client.resource(pods, "a");
  await client.createSubresource(pod?.metadata.name ?? "", "binding", { target: { name: "n" } });
  await client.updateStatus({ ...(await client.get(pod?.metadata.name ?? "")), status: { phase: "Running" } });
  await client.delete(pod?.metadata.name ?? "");
  await h.pass(30_000);
  assert.equal((await active(h)).length, 0);
  assert.equal((await readJob(h)).status.terminating, 1);
  await end(h, pod, "Failed");
  await h.pass(11_000);
  assert.equal((await active(h)).length, 1);
  assert.equal((await readJob(h)).status.failed, 1);
});

test("the pods of a job that is gone lose their finalizer", async () => {
  await using h = await startJob({ parallelism: 2, completions: 2 });
  await h.client.resource(jobs, "a").delete("work");
  await h.settle();
  assert.deepEqual(
    (await allPods(h)).flatMap((p) => p.metadata.finalizers ?? []),
    [],
  );
});

test("indexes are written in runs", () => {
  assert.equal(formatIndexes([7, 1, 3, 4, 5, 9, 10]), "1,3-5,7,9,10");
  assert.deepEqual([...parseIndexes("1,3-5,7", 5)], [1, 3, 4]);
});
