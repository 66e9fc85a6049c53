import { namespaceTerminatingCause } from "../../apimachinery/errors/new.ts";
import { hasStatusCause, isAlreadyExists, isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { CronJob, CronJobStatus, Job } from "../../api/batch/v1/types.gen.ts";
import type { ObjectReference } from "../../api/core/v1/types.gen.ts";
import { cronJobs, jobs } from "../../api/resources.gen.ts";
import { errorText } from "../../component-base/logger.ts";
import type { SharedInformer } from "../../client/cache/shared-informer.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import { formatTime, parseTime } from "../../component-helpers/time.ts";
import { controllerKeys, isControlledBy, newControllerRef } from "../../controller-runtime/controller-ref.ts";
import type { Controller, ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController, type ReconcileResult } from "../../controller-runtime/reconcile-controller.ts";
import { finishedCondition } from "../job/job-conditions.ts";
import { addControllerIndexes, byControllerUid } from "../pod-indexes.ts";
import { dueTime, missedStartsMax } from "./due-time.ts";
import { parseSchedule, ScheduleError, type Schedule } from "../../component-helpers/cron/schedule.ts";
import { TimeZone } from "../../component-helpers/cron/time-zone.ts";

const scheduledTimestampAnnotation = "batch.kubernetes.io/cronjob-scheduled-timestamp";

export const cronJobController: ControllerDescriptor = {
  name: "cronjob-controller",
  serviceAccount: "cronjob-controller",
  rules: [
    { verbs: ["get", "list", "watch", "update"], apiGroups: ["batch"], resources: ["cronjobs"] },
    {
      verbs: ["get", "list", "watch", "create", "update", "delete", "patch"],
      apiGroups: ["batch"],
      resources: ["jobs"],
    },
    { verbs: ["update"], apiGroups: ["batch"], resources: ["cronjobs/status"] },
    { verbs: ["update"], apiGroups: ["batch"], resources: ["cronjobs/finalizers"] },
    { verbs: ["list", "delete"], apiGroups: [""], resources: ["pods"] },
    { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
  ],
  create: (context) => new CronJobReconciler(context).controller,
};

/** Starts a Job whenever a CronJob is due. Nothing polls: each key comes back at its next due time. */
class CronJobReconciler {
  readonly controller: Controller;
  readonly #context: ControllerContext;
  readonly #cronJobs: SharedInformer<CronJob>;
  readonly #jobs: SharedInformer<Job>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#cronJobs = context.informers.for(cronJobs);
    this.#jobs = context.informers.for(jobs);
    addControllerIndexes(this.#jobs);
    const controller = new ReconcileController({
      ...context,
      name: "cronjob",
      reconcile: (key, signal) => this.#reconcile(key, signal),
    });
    this.controller = controller;
    controller.watch(this.#cronJobs);
    controller.watch(this.#jobs, (job) => controllerKeys(job, cronJobs));
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | void> {
    const cronJob = this.#cronJobs.lister.getByKey(key);
    if (!cronJob) return;
    const owned = this.#jobs.lister.byIndex(byControllerUid, cronJob.metadata.uid);
    let status = await this.#followJobs(cronJob, owned, signal);
    await this.#cleanUp(cronJob, owned, signal);
    let result: ReconcileResult | undefined;
    const schedule = this.#scheduleOf(cronJob);
    if (schedule && !cronJob.metadata.deletionTimestamp) {
      const now = this.#context.clock.now();
      const started = await this.#startIfDue({ ...cronJob, status }, schedule, now, signal);
      status = started ?? status;
      const next = schedule.schedule.next(now);
      if (next !== undefined) result = { requeueAfterMs: next - now };
    }
    if (!semanticEqual(status, cronJob.status))
      await this.#context.client
        .resource(cronJobs, cronJob.metadata.namespace)
        .updateStatus({ ...cronJob, status }, { signal });
    return result;
  }

  /** The status brought up to what became of the jobs. */
  async #followJobs(cronJob: CronJob, owned: readonly Job[], signal: AbortSignal): Promise<CronJobStatus> {
    const { recorder } = this.#context;
    let { active = [], lastSuccessfulTime } = cronJob.status;
    for (const job of owned) {
      const finished = finishedCondition(job);
      const isActive = active.some((ref) => ref.uid === job.metadata.uid);
      if (finished && isActive) {
        const message = `Saw completed job: ${job.metadata.name}, condition: ${finished.type}`;
        recorder.event(cronJob, "Normal", "SawCompletedJob", message);
        active = active.filter((ref) => ref.uid !== job.metadata.uid);
      } else if (!finished && !isActive && (await this.#isUnexpected(cronJob, job, signal))) {
        const message = `Saw a job that the controller did not create or forgot: ${job.metadata.name}`;
        recorder.event(cronJob, "Warning", "UnexpectedJob", message);
      }
      const end = finished?.type === "Complete" ? job.status.completionTime : undefined;
      if (end && parseTime(end) > parseTime(lastSuccessfulTime)) lastSuccessfulTime = end;
    }
    for (const ref of active) {
      if (owned.some((job) => job.metadata.uid === ref.uid)) continue;
      const { name = "", namespace, uid } = ref;
      const found = await this.#context.client.resource(jobs, namespace).get(name, { signal }).catch(ignoreNotFound);
      if (found?.metadata.uid === uid) continue;
      recorder.event(cronJob, "Normal", "MissingJob", `Active job went missing: ${name}`);
      active = active.filter((other) => other !== ref);
    }
    const { active: _, ...rest } = cronJob.status;
    return {
      ...rest,
      ...(active.length > 0 ? { active } : {}),
      ...(lastSuccessfulTime ? { lastSuccessfulTime } : {}),
    };
  }

  /** Our own status may only not have reached the cache. */
  async #isUnexpected(cronJob: CronJob, job: Job, signal: AbortSignal): Promise<boolean> {
    const { namespace, name } = cronJob.metadata;
    const fresh = await this.#context.client.resource(cronJobs, namespace).get(name, { signal }).catch(ignoreNotFound);
    return fresh !== undefined && !fresh.status.active?.some((ref) => ref.uid === job.metadata.uid);
  }

  #scheduleOf(cronJob: CronJob): { readonly schedule: Schedule; readonly zone: TimeZone } | undefined {
    const { timeZone, schedule, suspend } = cronJob.spec;
    const { recorder } = this.#context;
    if (suspend) return undefined;
    try {
      const zone = new TimeZone(timeZone);
      return { schedule: parseSchedule(schedule, zone), zone };
    } catch (error) {
      const text = errorText(error);
      if (error instanceof ScheduleError)
        recorder.event(cronJob, "Warning", "UnparseableSchedule", `unparseable schedule: "${schedule}" : ${text}`);
      else if (error instanceof RangeError)
        recorder.event(cronJob, "Warning", "UnknownTimeZone", `invalid timeZone: "${timeZone ?? ""}": ${text}`);
      else throw error;
      return undefined;
    }
  }

  /** Starts the job that is due. Returns the status with it, or undefined when nothing was started. */
  async #startIfDue(
    cronJob: CronJob,
    { schedule, zone }: { readonly schedule: Schedule; readonly zone: TimeZone },
    nowMs: number,
    signal: AbortSignal,
  ): Promise<CronJobStatus | undefined> {
    const { recorder } = this.#context;
    const { concurrencyPolicy, startingDeadlineSeconds } = cronJob.spec;
    const due = dueTime(cronJob, schedule, nowMs);
    if (!due) return undefined;
    if (due.missed > missedStartsMax) {
      const advice = "Set or decrease .spec.startingDeadlineSeconds or check clock skew";
      const message = `too many missed start times: ${due.missed}. ${advice}`;
      recorder.event(cronJob, "Warning", "TooManyMissedTimes", message);
    }
    if (startingDeadlineSeconds !== undefined && due.dueMs + startingDeadlineSeconds * 1000 < nowMs) {
      const message = `Missed scheduled time to start a job: ${new Date(due.dueMs).toUTCString()}`;
      recorder.event(cronJob, "Warning", "MissSchedule", message);
      return undefined;
    }
    let { active = [] } = cronJob.status;
    // 1 job a minute at most: the minute is its name.
    const name = `${cronJob.metadata.name}-${Math.floor(due.dueMs / 60_000)}`;
    if (active.some((ref) => ref.name === name)) return undefined;
    if (concurrencyPolicy === "Forbid" && active.length > 0) {
      const message = "Not starting job because prior execution is running and concurrency policy is Forbid";
      recorder.event(cronJob, "Normal", "JobAlreadyActive", message);
      return undefined;
    }
    if (concurrencyPolicy === "Replace") {
      for (const ref of active) await this.#deleteJob(cronJob, ref.name ?? "", signal);
      active = [];
    }
    const job = await this.#createJob(cronJob, name, zone.format(due.dueMs), signal);
    if (!job) return undefined;
    return { ...cronJob.status, active: [...active, referenceTo(job)], lastScheduleTime: formatTime(due.dueMs) };
  }

  async #createJob(cronJob: CronJob, name: string, scheduledAt: string, signal: AbortSignal): Promise<Job | undefined> {
    const { namespace } = cronJob.metadata;
    const { metadata, spec } = cronJob.spec.jobTemplate;
    const client = this.#context.client.resource(jobs, namespace);
    try {
      const created = await client.create(
        {
          metadata: {
            name,
            namespace,
            ...(metadata.labels ? { labels: metadata.labels } : {}),
            annotations: { ...metadata.annotations, [scheduledTimestampAnnotation]: scheduledAt },
            ownerReferences: [newControllerRef(cronJobs, cronJob)],
          },
          spec,
        },
        { signal },
      );
      this.#context.recorder.event(cronJob, "Normal", "SuccessfulCreate", `Created job ${name}`);
      return created;
    } catch (error) {
      if (hasStatusCause(error, namespaceTerminatingCause)) return undefined;
      if (isAlreadyExists(error)) {
        // Made by us, before a status that was lost.
        const existing = await client.get(name, { signal });
        if (isControlledBy(existing, cronJob)) return existing;
      }
      if (!signal.aborted)
        this.#context.recorder.event(cronJob, "Warning", "FailedCreate", `Error creating job: ${errorText(error)}`);
      throw error;
    }
  }

  /** Deletes the oldest finished jobs beyond what the history keeps. */
  async #cleanUp(cronJob: CronJob, owned: readonly Job[], signal: AbortSignal): Promise<void> {
    const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = cronJob.spec;
    for (const [type, limit] of [
      ["Complete", successfulJobsHistoryLimit],
      ["Failed", failedJobsHistoryLimit],
    ] as const) {
      if (limit === undefined) continue;
      const ended = owned.filter((job) => finishedCondition(job)?.type === type && !job.metadata.deletionTimestamp);
      const sorted = [...ended].sort((a, b) => parseTime(a.status.startTime) - parseTime(b.status.startTime));
      for (const job of sorted.slice(0, Math.max(0, sorted.length - limit)))
        await this.#deleteJob(cronJob, job.metadata.name, signal);
    }
  }

  async #deleteJob(cronJob: CronJob, name: string, signal: AbortSignal): Promise<void> {
    const { recorder, client } = this.#context;
    try {
      await client.resource(jobs, cronJob.metadata.namespace).delete(name, { propagationPolicy: "Background", signal });
    } catch (error) {
      if (isNotFound(error)) return;
      recorder.event(cronJob, "Warning", "FailedDelete", `Deleted job: ${errorText(error)}`);
      throw error;
    }
    recorder.event(cronJob, "Normal", "SuccessfulDelete", `Deleted job ${name}`);
  }
}

function referenceTo({ metadata: { namespace, name, uid, resourceVersion } }: Job): ObjectReference {
  return { kind: "Job", apiVersion: "batch/v1", namespace, name, uid, resourceVersion };
}

function ignoreNotFound(error: unknown): undefined {
  if (!isNotFound(error)) throw error;
}
