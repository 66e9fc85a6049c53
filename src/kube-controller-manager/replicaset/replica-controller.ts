import type { Input, KubeObject, ResourceType } from "../../apimachinery/resource-type.ts";
import type { LabelSelector } from "../../apimachinery/meta/v1/types.gen.ts";
import type { NamespacedMeta } from "../../apimachinery/meta/stored-meta.ts";
import { namespaceTerminatingCause } from "../../apimachinery/errors/new.ts";
import { hasStatusCause } from "../../apimachinery/errors/status-error.ts";
import type { ReplicaSetStatus } from "../../api/apps/v1/types.gen.ts";
import type { Pod, PodTemplateSpec } from "../../api/core/v1/types.gen.ts";
import { pods } from "../../api/resources.gen.ts";
import type { SharedInformer } from "../../client/cache/shared-informer.ts";
import { labelMatcher } from "../../component-helpers/label-selector.ts";
import { availableInMs, isPodActive } from "../../component-helpers/pod.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import { claimDependents, controllerOf } from "../../controller-runtime/controller-ref.ts";
import type { Controller, ControllerContext } from "../../controller-runtime/controller.ts";
import { Expectations } from "../../controller-runtime/expectations.ts";
import { ReconcileController, type ReconcileResult } from "../../controller-runtime/reconcile-controller.ts";
import { slowStartBatch } from "../../controller-runtime/slow-start-batch.ts";
import { createPodFromTemplate, deletePod } from "../pod-control.ts";
import { addControllerIndexes, byControllerUid, claimCandidates, podsOfOwners } from "../pod-indexes.ts";
import { watchOwnedPods } from "../pod-owner-watch.ts";
import { podsToDelete } from "./pod-ranking.ts";
import { replicaSetStatus, type ReplicaSetOutcome } from "./replica-set-status.ts";

// The most pods one reconciliation creates or deletes; the rest follows in the next.
const burstReplicas = 500;

/** What ReplicaSet and ReplicationController have in common. */
export interface ReplicaOwner extends KubeObject {
  readonly metadata: NamespacedMeta;
  readonly spec: {
    readonly replicas?: number;
    readonly minReadySeconds?: number;
    readonly template?: PodTemplateSpec;
  };
  readonly status: Omit<ReplicaSetStatus, "terminatingReplicas">;
}

/** What tells the kinds apart. */
export interface ReplicaKind<O extends ReplicaOwner> {
  /** Names the queue in metrics. */
  readonly queue: string;
  readonly type: ResourceType<O>;
  readonly selectorOf: (owner: O) => LabelSelector | null | undefined;
  readonly statusOf: (status: ReplicaSetStatus) => O["status"];
}

/** The controller of ReplicaSets, and of their ancestor: one mechanism, two kinds. */
export function createReplicaController<O extends ReplicaOwner>(
  context: ControllerContext,
  kind: ReplicaKind<O>,
): Controller {
  return new ReplicaReconciler(context, kind).controller;
}

/**
 * Keeps as many active pods as each owner asks for. What it has just created or deleted is remembered until the
 * cache shows it, so that a cache that is behind never leads to too many or too few.
 */
class ReplicaReconciler<O extends ReplicaOwner> {
  readonly #context: ControllerContext;
  readonly #kind: ReplicaKind<O>;
  readonly #sets: SharedInformer<O>;
  readonly #pods: SharedInformer<Pod>;
  readonly #expectations: Expectations;
  readonly #controller: ReconcileController;

  constructor(context: ControllerContext, kind: ReplicaKind<O>) {
    this.#context = context;
    this.#kind = kind;
    this.#sets = context.informers.for(kind.type);
    this.#pods = context.informers.for(pods);
    addControllerIndexes(this.#sets);
    addControllerIndexes(this.#pods);
    this.#expectations = new Expectations(context.clock);
    this.#controller = new ReconcileController({
      ...context,
      name: kind.queue,
      reconcile: (key, signal) => this.#reconcile(key, signal),
    });
    this.#controller.watch(this.#sets);
    watchOwnedPods({
      controller: this.#controller,
      ownerType: kind.type,
      owners: this.#sets,
      pods: this.#pods,
      expectations: this.#expectations,
      selectorOf: kind.selectorOf,
    });
  }

  get controller(): Controller {
    return this.#controller;
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | void> {
    const rs = this.#sets.lister.getByKey(key);
    if (!rs) {
      this.#expectations.forget(key);
      return;
    }
    // Asked before the pods are read: what is seen in between only makes us come again.
    const mayManage = this.#expectations.areSatisfied(key);
    const matches = labelMatcher(this.#kind.selectorOf(rs));
    const active = await claimDependents({
      client: this.#context.client,
      owner: rs,
      ownerType: this.#kind.type,
      dependentType: pods,
      candidates: claimCandidates(this.#pods, rs).filter(isPodActive),
      matches: (pod) => matches(pod.metadata.labels),
      signal,
    });
    let error: unknown;
    if (mayManage && !rs.metadata.deletionTimestamp) error = await this.#manage(key, rs, active, signal);
    const controlled = this.#pods.lister.byIndex(byControllerUid, rs.metadata.uid);
    await this.#updateStatus(rs, { active, controlled, ...(error === undefined ? {} : { error }) }, signal);
    if (error !== undefined) throw error;
    return this.#nextLook(key, rs, active);
  }

  /** Creates or deletes the difference. Returns the first failure. */
  async #manage(key: string, rs: O, active: readonly Pod[], signal: AbortSignal): Promise<unknown> {
    const missing = (rs.spec.replicas ?? 1) - active.length;
    if (missing > 0) return this.#createPods(key, rs, Math.min(missing, burstReplicas), signal);
    if (missing < 0) return this.#deletePods(key, rs, active, Math.min(-missing, burstReplicas), signal);
    return undefined;
  }

  async #createPods(key: string, rs: O, count: number, signal: AbortSignal): Promise<unknown> {
    const { template } = rs.spec;
    if (!template) return undefined;
    this.#expectations.expectCreations(key, count);
    const { successes, error } = await slowStartBatch(count, 1, async () => {
      await createPodFromTemplate(this.#context, rs, this.#kind.type, template, signal);
    });
    this.#expectations.creationObserved(key, count - successes);
    return hasStatusCause(error, namespaceTerminatingCause) ? undefined : error;
  }

  async #deletePods(key: string, rs: O, active: readonly Pod[], count: number, signal: AbortSignal): Promise<unknown> {
    const chosen = podsToDelete(active, this.#relatedPods(rs), count, this.#context.clock.now());
    this.#expectations.expectDeletions(
      key,
      chosen.map((pod) => pod.metadata.uid),
    );
    const results = await Promise.allSettled(
      chosen.map(async (pod) => {
        try {
          if (await deletePod(this.#context, rs, pod, signal)) return;
        } catch (error) {
          this.#expectations.deletionObserved(key, pod.metadata.uid);
          throw error;
        }
        this.#expectations.deletionObserved(key, pod.metadata.uid);
      }),
    );
    return results.find((r) => r.status === "rejected")?.reason;
  }

  /** The pods of all ReplicaSets with the same controller, e.g. of one Deployment. */
  #relatedPods(rs: O): readonly Pod[] {
    const ref = controllerOf(rs);
    return podsOfOwners(this.#pods, ref ? this.#sets.lister.byIndex(byControllerUid, ref.uid) : [rs]);
  }

  async #updateStatus(rs: O, outcome: ReplicaSetOutcome, signal: AbortSignal): Promise<void> {
    const selector = this.#kind.selectorOf(rs);
    const status = this.#kind.statusOf(replicaSetStatus(rs, selector, outcome, this.#context.clock.now()));
    if (semanticEqual(status, rs.status)) return;
    // The same object but for its status, which the compiler does not see through the type parameter.
    const updated = { ...rs, status } as unknown as Input<O>;
    await this.#context.client.resource(this.#kind.type, rs.metadata.namespace).updateStatus(updated, { signal });
  }

  /** Nothing happens when a ready pod becomes available by time, or when an expected event is lost. */
  #nextLook(key: string, rs: O, active: readonly Pod[]): ReconcileResult | void {
    const now = this.#context.clock.now();
    const waits = active.map((pod) => availableInMs(pod, rs.spec.minReadySeconds ?? 0, now));
    if (!this.#expectations.areSatisfied(key)) waits.push(this.#expectations.expiresInMs(key));
    const next = Math.min(...waits.filter((ms) => ms > 0));
    if (Number.isFinite(next)) return { requeueAfterMs: next };
  }
}
