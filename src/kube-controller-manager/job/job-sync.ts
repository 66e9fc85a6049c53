import { namespaceTerminatingCause } from "../../apimachinery/errors/new.ts";
import { hasStatusCause } from "../../apimachinery/errors/status-error.ts";
import type { Job, JobCondition, JobStatus } from "../../api/batch/v1/types.gen.ts";
import type { Pod } from "../../api/core/v1/types.gen.ts";
import { jobs } from "../../api/resources.gen.ts";
import { isPodActive, isPodReady, isPodTerminating } from "../../component-helpers/pod.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import { formatTime, parseTime } from "../../component-helpers/time.ts";
import type { ControllerContext } from "../../controller-runtime/controller.ts";
import type { Expectations } from "../../controller-runtime/expectations.ts";
import type { ReconcileResult } from "../../controller-runtime/reconcile-controller.ts";
import { slowStartBatch } from "../../controller-runtime/slow-start-batch.ts";
import { createPodFromTemplate, deletePod } from "../pod-control.ts";
import { firstFreeIndexes, formatIndexes, parseIndexes } from "./index-set.ts";
import { decidedCondition, finalCondition, matchSuccessPolicy, newCondition, withCondition } from "./job-conditions.ts";
import {
  completionIndex,
  failureCountsAfter,
  failureCountsBefore,
  finishTimeOf,
  generateNameFor,
  hasBackoffLimitPerIndex,
  indexesOf,
  isIndexed,
  isPastRestartLimit,
  isPodFailed,
  isTracked,
  podsForRemoval,
  podTemplateFor,
  replacesOnlyFailed,
} from "./job-pods.ts";
import { releasePod } from "./pod-release.ts";
import { backoffRemainingMs, nextBackoff, type BackoffRecord } from "./pod-backoff.ts";
import { matchFailurePolicy } from "./pod-failure-policy.ts";

// The most pods one reconciliation creates or deletes, and counts; the rest follows in the next.
const podsPerSyncMax = 500;

/** What is remembered between the reconciliations of jobs. */
export interface JobMemory {
  readonly expectations: Expectations;
  /** UIDs of the pods whose finalizer is taken off, until the cache shows it. */
  readonly releasing: Set<string>;
  /** By key of the job. */
  readonly backoff: Map<string, BackoffRecord>;
}

interface JobState {
  readonly key: string;
  readonly job: Job;
  /** All pods of the job, ended ones too. */
  readonly pods: readonly Pod[];
  /** The cache shows what was created and deleted last time. */
  readonly isSettled: boolean;
  readonly record: BackoffRecord;
  readonly signal: AbortSignal;
}

/**
 * One reconciliation of one Job, in this order, each step safe to repeat when the next does not happen:
 *
 *   decide: failed? succeeded? ─no─> create or delete pods
 *        └─yes─> delete what is still active
 *   status:     ended pods are noted as uncounted, the decision as FailureTarget or SuccessCriteriaMet
 *   finalizers: of ended pods are taken off
 *   status:     uncounted pods whose finalizer is off become counts; when all are, Failed or Complete
 */
export class JobSync {
  readonly #context: ControllerContext;
  readonly #memory: JobMemory;
  readonly #state: JobState;
  readonly #nowMs: number;
  readonly #waits: number[] = [];
  readonly #active: readonly Pod[];
  /** Not counted before, nor noted as uncounted. */
  readonly #newSucceeded: readonly Pod[];
  readonly #newFailed: readonly Pod[];
  readonly #countedIndexes: ReadonlySet<number>;
  readonly #succeededIndexes: ReadonlySet<number>;
  readonly #failedIndexes: ReadonlySet<number>;
  /** The failed pod of an index that must stay until the one replacing it has taken over its count of failures. */
  readonly #replacedLater: ReadonlyMap<number, Pod>;
  #job: Job;
  #status: JobStatus;

  constructor(context: ControllerContext, memory: JobMemory, state: JobState) {
    this.#context = context;
    this.#memory = memory;
    this.#state = state;
    this.#nowMs = context.clock.now();
    const { job, pods } = state;
    this.#job = job;
    const { uncountedTerminatedPods: uncounted = {} } = job.status;
    this.#status = { ...job.status, uncountedTerminatedPods: uncounted };
    this.#active = pods.filter(isPodActive);
    const fresh = pods.filter((p) => this.#isTracked(p) && (!isIndexed(job) || completionIndex(job, p) !== undefined));
    const { succeeded = [], failed = [] } = uncounted;
    this.#newSucceeded = fresh.filter((p) => p.status.phase === "Succeeded" && !succeeded.includes(p.metadata.uid));
    this.#newFailed = fresh.filter((p) => isPodFailed(job, p) && !failed.includes(p.metadata.uid));
    const { completions = 0 } = job.spec;
    this.#countedIndexes = isIndexed(job) ? parseIndexes(job.status.completedIndexes, completions) : new Set();
    this.#succeededIndexes = new Set([...this.#countedIndexes, ...indexesOf(job, this.#newSucceeded)]);
    this.#failedIndexes = this.#findFailedIndexes();
    this.#replacedLater = this.#findReplacedLater();
  }

  /** The job as it was read or written last. */
  get job(): Job {
    return this.#job;
  }

  async run(): Promise<ReconcileResult | void> {
    const { job, pods, key } = this.#state;
    if (!this.#status.startTime && !job.spec.suspend) this.#set({ startTime: formatTime(this.#nowMs) });
    let decision = this.#decide();
    let active = this.#active;
    let error: unknown;
    if (decision) {
      const deleted = await this.#deletePods(this.#active, false);
      error = deleted.error;
      if (deleted.left.length > 0 || !this.#state.isSettled) decision = undefined;
      active = deleted.left;
    } else {
      const mayManage = this.#state.isSettled && !job.metadata.deletionTimestamp;
      if (mayManage) ({ active, error } = await this.#manage());
      if (active.length === 0 && this.#isComplete()) decision = this.#completed();
      else if (mayManage) this.#noteSuspension();
    }
    // What was deleted to end the job is on its way out.
    const stopped = decision ? this.#active.length - active.length : 0;
    this.#set({
      active: active.length,
      ready: active.filter(isPodReady).length,
      terminating: pods.filter(isPodTerminating).length + stopped,
    });
    await this.#track(decision);
    if (error !== undefined) throw error;
    if (!this.#memory.expectations.areSatisfied(key)) this.#waits.push(this.#memory.expectations.expiresInMs(key));
    const next = Math.min(...this.#waits);
    if (Number.isFinite(next)) return { requeueAfterMs: Math.max(1, next) };
  }

  /** Why the job is to end, if it is. */
  #decide(): JobCondition | undefined {
    const decided = decidedCondition(this.#job);
    if (decided) return decided;
    const { job, pods } = this.#state;
    const { spec } = job;
    const fail = (reason: string, message: string): JobCondition =>
      newCondition("FailureTarget", reason, message, this.#nowMs);
    if (spec.podFailurePolicy)
      for (const pod of pods) {
        const message = isPodFailed(job, pod) ? matchFailurePolicy(spec.podFailurePolicy, pod).message : undefined;
        if (message !== undefined) return fail("PodFailurePolicy", message);
      }
    const counted = this.#newFailed.filter((p) => matchFailurePolicy(spec.podFailurePolicy, p).isCounted).length;
    const uncounted = this.#status.uncountedTerminatedPods?.failed?.length ?? 0;
    const failed = (this.#status.failed ?? 0) + counted + uncounted;
    if (failed > (spec.backoffLimit ?? 6) || isPastRestartLimit(job, pods))
      return fail("BackoffLimitExceeded", "Job has reached the specified backoff limit");
    if (spec.activeDeadlineSeconds !== undefined && !spec.suspend && this.#status.startTime) {
      const leftMs = parseTime(this.#status.startTime) + spec.activeDeadlineSeconds * 1000 - this.#nowMs;
      if (leftMs <= 0) return fail("DeadlineExceeded", "Job was active longer than specified deadline");
      this.#waits.push(leftMs);
    }
    return isIndexed(job) ? this.#decideByIndexes(fail) : undefined;
  }

  #decideByIndexes(fail: (reason: string, message: string) => JobCondition): JobCondition | undefined {
    const { spec } = this.#state.job;
    const { completions = 0, maxFailedIndexes } = spec;
    const failed = this.#failedIndexes.size;
    if (maxFailedIndexes !== undefined && failed > maxFailedIndexes)
      return fail("MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes");
    if (failed > 0 && failed + this.#succeededIndexes.size >= completions)
      return fail("FailedIndexes", "Job has failed indexes");
    const message = matchSuccessPolicy(spec.successPolicy, completions, this.#succeededIndexes);
    return message === undefined
      ? undefined
      : newCondition("SuccessCriteriaMet", "SuccessPolicy", message, this.#nowMs);
  }

  #completed(): JobCondition {
    const message = "Reached expected number of succeeded pods";
    return newCondition("SuccessCriteriaMet", "CompletionsReached", message, this.#nowMs);
  }

  #succeeded(): number {
    if (isIndexed(this.#state.job)) return this.#succeededIndexes.size;
    const uncounted = this.#status.uncountedTerminatedPods?.succeeded?.length ?? 0;
    return (this.#status.succeeded ?? 0) + this.#newSucceeded.length + uncounted;
  }

  /** Without a number of completions, one success says that the work is done. */
  #isComplete(): boolean {
    return this.#succeeded() >= (this.#state.job.spec.completions ?? 1);
  }

  /** Creates or deletes pods, never both at once. Returns what is active then, new pods included. */
  async #manage(): Promise<{ readonly active: readonly Pod[]; readonly error?: unknown }> {
    const { job, pods } = this.#state;
    const { parallelism = 1, completions } = job.spec;
    const active = this.#active;
    if (job.spec.suspend) return this.#removeSurplus(active);
    const succeeded = this.#succeeded();
    let wanted = Math.max(0, Math.min(parallelism, (completions ?? 0) - succeeded));
    if (completions === undefined) wanted = succeeded > 0 ? active.length : parallelism;
    const surplus = podsForRemoval(job, active, active.length - wanted, this.#nowMs);
    if (surplus.length > 0) return this.#removeSurplus(surplus.slice(0, podsPerSyncMax));
    const terminating = replacesOnlyFailed(job) ? pods.filter(isPodTerminating).length : 0;
    const missing = Math.min(wanted - terminating - active.length, podsPerSyncMax);
    if (missing <= 0) return { active };
    if (!hasBackoffLimitPerIndex(job)) {
      const record = nextBackoff(this.#state.record, this.#newSucceeded, this.#newFailed);
      const waitMs = backoffRemainingMs(record.failuresAfterLastSuccess, record.lastFailureMs, this.#nowMs);
      if (waitMs > 0) {
        this.#waits.push(waitMs);
        return { active };
      }
    }
    const indexes = isIndexed(job) ? this.#indexesToStart(missing) : undefined;
    return this.#createPods(indexes ? indexes.length : missing, indexes);
  }

  async #removeSurplus(
    surplus: readonly Pod[],
  ): Promise<{ readonly active: readonly Pod[]; readonly error?: unknown }> {
    const { left, error } = await this.#deletePods(surplus, true);
    return { active: this.#active.filter((p) => !surplus.includes(p) || left.includes(p)), error };
  }

  /** The next indexes without a pod whose back-off, where each has its own, is over. */
  #indexesToStart(count: number): readonly number[] {
    const { job, pods } = this.#state;
    const { completions = 0 } = job.spec;
    const taken: ReadonlySet<number>[] = [
      this.#succeededIndexes,
      this.#failedIndexes,
      indexesOf(job, this.#active),
      ...(replacesOnlyFailed(job) ? [indexesOf(job, pods.filter(isPodTerminating))] : []),
    ];
    const next = firstFreeIndexes(count, completions, taken);
    if (!hasBackoffLimitPerIndex(job)) return next;
    return next.filter((index) => {
      const failed = this.#replacedLater.get(index);
      if (!failed) return true;
      const { counted, ignored } = failureCountsBefore(failed);
      const waitMs = backoffRemainingMs(counted + ignored + 1, finishTimeOf(failed), this.#nowMs);
      if (waitMs > 0) this.#waits.push(waitMs);
      return waitMs === 0;
    });
  }

  async #createPods(
    count: number,
    indexes: readonly number[] | undefined,
  ): Promise<{ readonly active: readonly Pod[]; readonly error?: unknown }> {
    const { job, key, signal } = this.#state;
    if (count === 0) return { active: this.#active };
    this.#memory.expectations.expectCreations(key, count);
    const created: Pod[] = [];
    const { successes, error } = await slowStartBatch(count, 1, async (i) => {
      const index = indexes?.[i];
      const template = podTemplateFor(job, index, index === undefined ? undefined : this.#replacedLater.get(index));
      const name = index === undefined ? undefined : generateNameFor(job, index);
      created.push(await createPodFromTemplate(this.#context, job, jobs, template, signal, name));
    });
    this.#memory.expectations.creationObserved(key, count - successes);
    const active = [...this.#active, ...created];
    return hasStatusCause(error, namespaceTerminatingCause) ? { active } : { active, error };
  }

  /** Deletes the pods. With `isForgotten` they are not counted, neither as succeeded nor as failed. */
  async #deletePods(
    chosen: readonly Pod[],
    isForgotten: boolean,
  ): Promise<{ readonly left: readonly Pod[]; readonly error?: unknown }> {
    if (chosen.length === 0) return { left: [] };
    const { job, key, signal } = this.#state;
    const { expectations } = this.#memory;
    expectations.expectDeletions(
      key,
      chosen.map((p) => p.metadata.uid),
    );
    const left: Pod[] = [];
    const results = await Promise.allSettled(
      chosen.map(async (pod) => {
        try {
          if (isForgotten && this.#isTracked(pod)) await this.#release(pod);
          if (!(await deletePod(this.#context, job, pod, signal))) expectations.deletionObserved(key, pod.metadata.uid);
        } catch (error) {
          expectations.deletionObserved(key, pod.metadata.uid);
          left.push(pod);
          throw error;
        }
      }),
    );
    const error: unknown = results.find((r) => r.status === "rejected")?.reason;
    return { left, ...(error === undefined ? {} : { error }) };
  }

  async #release(pod: Pod): Promise<void> {
    this.#memory.releasing.add(pod.metadata.uid);
    try {
      await releasePod(this.#context, pod, this.#state.signal);
    } catch (error) {
      this.#memory.releasing.delete(pod.metadata.uid);
      throw error;
    }
  }

  #noteSuspension(): void {
    const { job } = this.#state;
    const isSuspended = job.spec.suspend === true;
    const [reason, message] = isSuspended ? ["JobSuspended", "Job suspended"] : ["JobResumed", "Job resumed"];
    const status = isSuspended ? "True" : "False";
    const condition = { ...newCondition("Suspended", reason, message, this.#nowMs), status };
    const conditions = withCondition(this.#status.conditions, condition);
    if (conditions.length === 0 || conditions === this.#status.conditions) return;
    // The deadline counts from here on: a job is not active while it is suspended.
    this.#set({ conditions, ...(isSuspended ? {} : { startTime: formatTime(this.#nowMs) }) });
    this.#context.recorder.event(job, "Normal", isSuspended ? "Suspended" : "Resumed", message);
  }

  async #track(decision: JobCondition | undefined): Promise<void> {
    this.#countReleased();
    const { toRelease, isAll } = this.#noteEnded(decision);
    if (decision) this.#set({ conditions: withCondition(this.#status.conditions, decision) });
    await this.#flush();
    const { key, record } = this.#state;
    this.#memory.backoff.set(key, nextBackoff(record, this.#newSucceeded, this.#newFailed));
    const results = await Promise.allSettled(toRelease.map((pod) => this.#release(pod)));
    this.#countReleased();
    const final = decision && isAll ? this.#finish(decision) : undefined;
    await this.#flush();
    if (final) this.#tellFinished(final);
    const failure = results.find((r) => r.status === "rejected");
    if (failure) throw failure.reason;
    if (!isAll) this.#waits.push(1);
  }

  /** Notes the ended pods in the status. Those that were noted already only need their finalizer off. */
  #noteEnded(decision: JobCondition | undefined): { readonly toRelease: readonly Pod[]; readonly isAll: boolean } {
    const { job } = this.#state;
    const uncounted = this.#status.uncountedTerminatedPods ?? {};
    const succeeded = new Set(uncounted.succeeded);
    const failed = new Set(uncounted.failed);
    const indexes = new Set(this.#countedIndexes);
    const toRelease: Pod[] = [];
    let isAll = true;
    for (const pod of this.#state.pods) {
      if (!this.#isTracked(pod) || !this.#mayRelease(pod, decision)) continue;
      if (succeeded.size + failed.size + indexes.size - this.#countedIndexes.size >= podsPerSyncMax) {
        isAll = false;
        break;
      }
      toRelease.push(pod);
      const { uid } = pod.metadata;
      const index = completionIndex(job, pod);
      if (isIndexed(job) && index === undefined) continue;
      // When the job has failed, what had to be stopped has failed too.
      const isStopped = decision?.type === "FailureTarget";
      if (pod.status.phase === "Succeeded" && !failed.has(uid)) {
        if (index === undefined) succeeded.add(uid);
        else indexes.add(index);
      } else if ((isPodFailed(job, pod) || isStopped) && matchFailurePolicy(job.spec.podFailurePolicy, pod).isCounted) {
        failed.add(uid);
      }
    }
    this.#set({
      uncountedTerminatedPods: {
        ...(succeeded.size > 0 ? { succeeded: [...succeeded] } : {}),
        ...(failed.size > 0 ? { failed: [...failed] } : {}),
      },
      ...(isIndexed(job) ? { completedIndexes: formatIndexes(indexes), succeeded: indexes.size } : {}),
      ...(hasBackoffLimitPerIndex(job) ? { failedIndexes: formatIndexes(this.#failedIndexes) } : {}),
    });
    return { toRelease, isAll };
  }

  #mayRelease(pod: Pod, decision: JobCondition | undefined): boolean {
    const { job } = this.#state;
    if (job.metadata.deletionTimestamp || decision || pod.status.phase === "Succeeded") return true;
    if (!isPodFailed(job, pod)) return false;
    const index = completionIndex(job, pod);
    return index === undefined || this.#replacedLater.get(index) !== pod;
  }

  /** What is noted as uncounted and has its finalizer off is counted now. */
  #countReleased(): void {
    const { succeeded = [], failed = [] } = this.#status.uncountedTerminatedPods ?? {};
    const held = new Set(this.#state.pods.filter((p) => this.#isTracked(p)).map((p) => p.metadata.uid));
    const left = (uids: readonly string[]): readonly string[] => uids.filter((uid) => held.has(uid));
    const [succeededLeft, failedLeft] = [left(succeeded), left(failed)];
    this.#set({
      ...(succeeded.length > 0
        ? { succeeded: (this.#status.succeeded ?? 0) + succeeded.length - succeededLeft.length }
        : {}),
      ...(failed.length > 0 ? { failed: (this.#status.failed ?? 0) + failed.length - failedLeft.length } : {}),
      uncountedTerminatedPods: {
        ...(succeededLeft.length > 0 ? { succeeded: succeededLeft } : {}),
        ...(failedLeft.length > 0 ? { failed: failedLeft } : {}),
      },
    });
  }

  /** Ends the job, unless pods have still to be counted or to end. */
  #finish(decision: JobCondition): JobCondition | undefined {
    const { uncountedTerminatedPods: { succeeded = [], failed = [] } = {}, terminating = 0 } = this.#status;
    if (succeeded.length + failed.length + terminating > 0) return undefined;
    const final = finalCondition(decision, this.#nowMs);
    this.#set({ conditions: withCondition(this.#status.conditions, final) });
    if (final.type === "Complete") this.#set({ completionTime: formatTime(this.#nowMs) });
    return final;
  }

  #tellFinished(final: JobCondition): void {
    const { recorder } = this.#context;
    const job = this.#job;
    if (final.type !== "Complete") {
      recorder.event(job, "Warning", final.reason ?? "", final.message ?? "");
      return;
    }
    if (job.spec.completions !== undefined && (this.#status.succeeded ?? 0) > job.spec.completions)
      recorder.event(job, "Warning", "TooManySucceededPods", "Too many succeeded pods");
    recorder.event(job, "Normal", "Completed", "Job completed");
  }

  async #flush(): Promise<void> {
    if (semanticEqual(withoutZeros(this.#status), withoutZeros(this.#job.status))) return;
    this.#job = await this.#context.client
      .resource(jobs, this.#job.metadata.namespace)
      .updateStatus({ ...this.#job, status: this.#status }, { signal: this.#state.signal });
    this.#status = { ...this.#job.status, uncountedTerminatedPods: this.#job.status.uncountedTerminatedPods ?? {} };
  }

  #set(change: Partial<JobStatus>): void {
    this.#status = { ...this.#status, ...change };
  }

  #isTracked(pod: Pod): boolean {
    return isTracked(pod) && !this.#memory.releasing.has(pod.metadata.uid);
  }

  #findFailedIndexes(): ReadonlySet<number> {
    const { job, pods } = this.#state;
    const { completions = 0, backoffLimitPerIndex } = job.spec;
    if (backoffLimitPerIndex === undefined) return new Set();
    const failed = parseIndexes(job.status.failedIndexes, completions);
    for (const pod of pods) {
      const index = completionIndex(job, pod);
      if (index === undefined || !this.#isTracked(pod) || !isPodFailed(job, pod)) continue;
      const { action } = matchFailurePolicy(job.spec.podFailurePolicy, pod);
      if (action === "FailIndex" || failureCountsAfter(job, pod).counted > backoffLimitPerIndex) failed.add(index);
    }
    return failed;
  }

  #findReplacedLater(): ReadonlyMap<number, Pod> {
    const { job } = this.#state;
    const last = new Map<number, Pod>();
    if (!hasBackoffLimitPerIndex(job)) return last;
    const active = indexesOf(job, this.#active);
    const total = (pod: Pod): number => failureCountsBefore(pod).counted + failureCountsBefore(pod).ignored;
    for (const pod of this.#newFailed) {
      const index = completionIndex(job, pod);
      if (index === undefined || active.has(index)) continue;
      if (this.#succeededIndexes.has(index) || this.#failedIndexes.has(index)) continue;
      const other = last.get(index);
      if (!other || total(other) <= total(pod)) last.set(index, pod);
    }
    return last;
  }
}

/** Counts that are 0 are left out by the server. */
function withoutZeros(status: JobStatus): unknown {
  return Object.fromEntries(Object.entries(status).filter(([, value]) => value !== 0 && value !== ""));
}
