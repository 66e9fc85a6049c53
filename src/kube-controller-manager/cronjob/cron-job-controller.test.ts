import assert from "node:assert/strict";
import { test } from "node:test";
import type { Input } from "../../apimachinery/resource-type.ts";
import type { CronJobSpec, Job } from "../../api/batch/v1/types.gen.ts";
import { cronJobs, events, jobs } from "../../api/resources.gen.ts";
import { startControllers, type ControllerHarness } from "../../controller-runtime/testing/controller-harness.ts";
import { ttlAfterFinishedController } from "../ttlafterfinished/ttl-after-finished-controller.ts";
import { cronJobController } from "./cron-job-controller.ts";

async function start(spec: Input<CronJobSpec> = {}): Promise<ControllerHarness> {
  const h = await startControllers([cronJobController, ttlAfterFinishedController]);
  await h.client.resource(cronJobs, "a").create({
    metadata: { name: "tick" },
    spec: {
      schedule: "*/5 * * * *",
      concurrencyPolicy: "Allow",
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
      jobTemplate: { metadata: { labels: { app: "tick" } }, spec: { parallelism: 1 } },
      ...spec,
    },
  });
  await h.settle();
  return h;
}

const list = async (h: ControllerHarness): Promise<readonly Job[]> => (await h.client.resource(jobs, "a").list()).items;
const reasons = async (h: ControllerHarness): Promise<Set<string | undefined>> =>
  new Set((await h.client.resource(events).list()).items.map((e) => e.reason));

async function finish(h: ControllerHarness, type: "Complete" | "Failed"): Promise<void> {
  const now = new Date(h.clock.now()).toISOString();
  for (const job of await list(h)) {
    if (job.status.conditions) continue;
    const conditions = [{ type, status: "True", lastTransitionTime: now }];
    await h.client
      .resource(jobs, "a")
      .updateStatus({ ...job, status: { startTime: now, completionTime: now, conditions } });
  }
  await h.settle();
}

test("starts a job at each due time, to the second, named after it", async () => {
  await using h = await start();
  await h.pass(299_000);
  assert.equal((await list(h)).length, 0);
  await h.pass(1_000);
  const [job] = await list(h);
  assert.equal(job?.metadata.name, `tick-${Date.UTC(2026, 0, 1, 0, 5) / 60_000}`);
  assert.deepEqual(job?.metadata.labels, { app: "tick" });
  assert.deepEqual(job?.metadata.annotations, {
    "batch.kubernetes.io/cronjob-scheduled-timestamp": "2026-01-01T00:05:00Z",
  });
  const { status } = await h.client.resource(cronJobs, "a").get("tick");
  assert.equal(status.lastScheduleTime, "2026-01-01T00:05:00Z");
  assert.equal(status.active?.[0]?.uid, job?.metadata.uid);
  await finish(h, "Complete");
  const after = (await h.client.resource(cronJobs, "a").get("tick")).status;
  assert.deepEqual([after.active ?? [], Date.parse(after.lastSuccessfulTime ?? "") > 0], [[], true]);
  assert.ok((await reasons(h)).has("SawCompletedJob"));
});

test("keeps as many finished jobs as the limits say", async () => {
  await using h = await start();
  for (let i = 0; i < 6; i++) {
    await h.pass(300_000);
    await finish(h, i % 3 === 0 ? "Failed" : "Complete");
  }
  const left = (await list(h)).map((job) => job.status.conditions?.[0]?.type);
  assert.deepEqual(left, ["Complete", "Failed", "Complete", "Complete"]);
});

test("Forbid skips, Replace deletes, suspend waits, and a deleted active job is missed", async () => {
  await using h = await start({ concurrencyPolicy: "Forbid" });
  await h.pass(600_000);
  assert.equal((await list(h)).length, 1);
  assert.ok((await reasons(h)).has("JobAlreadyActive"));
  const client = h.client.resource(cronJobs, "a");
  await client.patch("tick", "merge", { spec: { concurrencyPolicy: "Replace" } });
  await h.pass(300_000);
  const [job, ...more] = await list(h);
  assert.deepEqual([job?.metadata.name, more.length], [`tick-${Date.UTC(2026, 0, 1, 0, 15) / 60_000}`, 0]);
  await client.patch("tick", "merge", { spec: { suspend: true } });
  await h.client.resource(jobs, "a").delete(job?.metadata.name ?? "");
  await h.pass(3_600_000);
  assert.equal((await list(h)).length, 0);
  assert.ok((await reasons(h)).has("MissingJob"));
  // Of all that was missed only the latest is made up for.
  await client.patch("tick", "merge", { spec: { suspend: false } });
  await h.settle();
  assert.deepEqual(
    (await list(h)).map((j) => j.metadata.name),
    [`tick-${Date.UTC(2026, 0, 1, 1, 15) / 60_000}`],
  );
});

test("a start that is later than its deadline is left out", async () => {
  await using h = await start({ startingDeadlineSeconds: 30, suspend: true });
  await h.pass(340_000);
  await h.client.resource(cronJobs, "a").patch("tick", "merge", { spec: { suspend: false } });
  await h.settle();
  assert.equal((await list(h)).length, 0);
  await h.pass(300_000);
  assert.equal((await list(h)).length, 1);
});

test("a schedule nobody can read is told in an event", async () => {
  await using h = await start({ schedule: "61 * * * *" });
  assert.ok((await reasons(h)).has("UnparseableSchedule"));
});

test("a finished job goes when its time to live is over, not a second before", async () => {
  await using h = await start({ suspend: true });
  const client = h.client.resource(jobs, "a");
  await client.create({ metadata: { name: "once" }, spec: { ttlSecondsAfterFinished: 60 } });
  await h.pass(1000);
  await finish(h, "Failed");
  await h.pass(58_000);
  assert.equal((await client.get("once")).metadata.deletionTimestamp, undefined);
  await h.pass(2_000);
  assert.deepEqual((await client.get("once")).metadata.finalizers, ["foregroundDeletion"]);
});
