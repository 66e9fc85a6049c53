import type { Job } from "../../api/batch/v1/types.gen.ts";
import type { Pod } from "../../api/core/v1/types.gen.ts";
import { jobs, pods } from "../../api/resources.gen.ts";
import { objectKey } from "../../client/cache/object-key.ts";
import type { SharedInformer } from "../../client/cache/shared-informer.ts";
import { labelMatcher } from "../../component-helpers/label-selector.ts";
import { claimDependents, controllerOf } from "../../controller-runtime/controller-ref.ts";
import type { Controller, ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { Expectations } from "../../controller-runtime/expectations.ts";
import { ReconcileController, type ReconcileResult } from "../../controller-runtime/reconcile-controller.ts";
import { addControllerIndexes, claimCandidates } from "../pod-indexes.ts";
import { cachedOwner, watchOwnedPods } from "../pod-owner-watch.ts";
import { isFinished } from "./job-conditions.ts";
import { isTracked, trackingFinalizer } from "./job-pods.ts";
import { ignoreNotFound, releasePod } from "./pod-release.ts";
import { JobSync, type JobMemory } from "./job-sync.ts";
import { noFailures } from "./pod-backoff.ts";

const controllerName = "kubernetes.io/job-controller";

export const jobController: ControllerDescriptor = {
  name: "job-controller",
  serviceAccount: "job-controller",
  rules: [
    { verbs: ["get", "list", "watch", "update", "patch"], apiGroups: ["batch"], resources: ["jobs"] },
    { verbs: ["update"], apiGroups: ["batch"], resources: ["jobs/status"] },
    { verbs: ["update"], apiGroups: ["batch"], resources: ["jobs/finalizers"] },
    { verbs: ["list", "watch", "create", "delete", "patch"], apiGroups: [""], resources: ["pods"] },
    { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
  ],
  create: (context) => new JobController(context),
};

/**
 * Runs the pods of each Job to their end and counts them. A pod carries a finalizer until its end is counted in the
 * job's status, so that none is missed and none is counted twice.
 */
class JobController implements Controller {
  readonly #context: ControllerContext;
  readonly #jobs: SharedInformer<Job>;
  readonly #pods: SharedInformer<Pod>;
  readonly #memory: JobMemory;
  readonly #controller: ReconcileController;
  /** Frees pods of the finalizer when the job that would count them is gone. Keys are those of pods. */
  readonly #orphans: ReconcileController;
  /** The last state of each job that was written. */
  readonly #written = new Map<string, Job>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#jobs = context.informers.for(jobs);
    this.#pods = context.informers.for(pods);
    addControllerIndexes(this.#pods);
    this.#memory = { expectations: new Expectations(context.clock), releasing: new Set(), backoff: new Map() };
    this.#controller = new ReconcileController({
      ...context,
      name: "job",
      reconcile: (key, signal) => this.#reconcile(key, signal),
    });
    this.#orphans = new ReconcileController({
      ...context,
      name: "job_orphan_pod",
      workers: 1,
      reconcile: (key, signal) => this.#releaseOrphan(key, signal),
    });
    this.#watch();
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#controller.run(signal), this.#orphans.run(signal)]);
  }

  #watch(): void {
    this.#pods.addEventHandler({
      onAdd: (pod) => this.#enqueueOrphan(pod),
      onUpdate: (_, pod) => {
        if (!isTracked(pod)) this.#memory.releasing.delete(pod.metadata.uid);
        this.#enqueueOrphan(pod);
      },
      onDelete: (pod) => this.#memory.releasing.delete(pod.metadata.uid),
    });
    this.#controller.watch(this.#jobs);
    this.#jobs.addEventHandler({
      onDelete: (job) => {
        for (const pod of claimCandidates(this.#pods, job)) this.#enqueueOrphan(pod);
      },
    });
    watchOwnedPods({
      controller: this.#controller,
      ownerType: jobs,
      owners: this.#jobs,
      pods: this.#pods,
      expectations: this.#memory.expectations,
      selectorOf: (job) => job.spec.selector,
    });
  }

  #enqueueOrphan(pod: Pod): void {
    if (isTracked(pod)) this.#orphans.enqueue(objectKey(pod));
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | void> {
    const { expectations, backoff } = this.#memory;
    const job = this.#jobs.lister.getByKey(key);
    if (!job) {
      expectations.forget(key);
      backoff.delete(key);
      this.#written.delete(key);
      return;
    }
    const { managedBy = controllerName } = job.spec;
    if (managedBy !== controllerName) return;
    if (isFinished(job)) {
      backoff.delete(key);
      return;
    }
    // Pods may have lost their finalizers after a status that is not in the cache yet: its event is on the way.
    if (isBehind(job, this.#written.get(key))) return;
    const isSettled = expectations.areSatisfied(key);
    const matches = labelMatcher(job.spec.selector);
    const claimed = await claimDependents({
      client: this.#context.client,
      owner: job,
      ownerType: jobs,
      dependentType: pods,
      candidates: claimCandidates(this.#pods, job),
      matches: (pod) => matches(pod.metadata.labels),
      finalizers: [trackingFinalizer],
      signal,
    });
    const record = backoff.get(key) ?? noFailures;
    const sync = new JobSync(this.#context, this.#memory, { key, job, pods: claimed, isSettled, record, signal });
    try {
      return await sync.run();
    } finally {
      this.#written.set(key, sync.job);
    }
  }

  async #releaseOrphan(key: string, signal: AbortSignal): Promise<void> {
    const pod = this.#pods.lister.getByKey(key);
    if (!pod || !isTracked(pod)) return;
    const ref = controllerOf(pod);
    if (ref && ref.kind !== jobs.kind) return;
    if (cachedOwner(this.#jobs, jobs, pod)) return;
    if (ref) {
      // The cache may not show a new job yet.
      const { namespace } = pod.metadata;
      const found = await this.#context.client
        .resource(jobs, namespace)
        .get(ref.name, { signal })
        .catch(ignoreNotFound);
      if (found?.metadata.uid === ref.uid) return;
    } else if (this.#jobs.lister.list(pod.metadata.namespace).some((job) => selects(job, pod))) {
      // About to be adopted.
      return;
    }
    await releasePod(this.#context, pod, signal);
  }
}

function selects(job: Job, pod: Pod): boolean {
  return !job.metadata.deletionTimestamp && labelMatcher(job.spec.selector)(pod.metadata.labels);
}

function isBehind(cached: Job, written: Job | undefined): boolean {
  if (!written || written.metadata.uid !== cached.metadata.uid) return false;
  return Number(cached.metadata.resourceVersion) < Number(written.metadata.resourceVersion);
}
