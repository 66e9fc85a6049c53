import { namespaceTerminatingCause } from "../../apimachinery/errors/new.ts";
import { hasStatusCause } from "../../apimachinery/errors/status-error.ts";
import type { ReplicaSet } from "../../api/apps/v1/types.gen.ts";
import type { Pod } from "../../api/core/v1/types.gen.ts";
import { pods, replicaSets } from "../../api/resources.gen.ts";
import { objectKey } from "../../client/cache/object-key.ts";
import type { SharedInformer } from "../../client/cache/shared-informer.ts";
import { labelMatcher } from "../../component-helpers/label-selector.ts";
import { availableInMs, isPodActive } from "../../component-helpers/pod.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import { claimDependents, controllerOf } from "../../controller-runtime/controller-ref.ts";
import type { Controller, ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { Expectations } from "../../controller-runtime/expectations.ts";
import { ReconcileController, type ReconcileResult } from "../../controller-runtime/reconcile-controller.ts";
import { slowStartBatch } from "../../controller-runtime/slow-start-batch.ts";
import { createPodFromTemplate, deletePod } from "../pod-control.ts";
import { addControllerIndexes, byControllerUid, claimCandidates, podsOfOwners } from "../pod-indexes.ts";
import { podsToDelete } from "./pod-ranking.ts";
import { replicaSetStatus } from "./replica-set-status.ts";

// The most pods one reconciliation creates or deletes; the rest follows in the next.
const burstReplicas = 500;

export const replicaSetController: ControllerDescriptor = {
  name: "replicaset-controller",
  serviceAccount: "replicaset-controller",
  rules: [
    { verbs: ["get", "list", "watch", "update"], apiGroups: ["apps"], resources: ["replicasets"] },
    { verbs: ["update"], apiGroups: ["apps"], resources: ["replicasets/status"] },
    { verbs: ["update"], apiGroups: ["apps"], resources: ["replicasets/finalizers"] },
    { verbs: ["list", "watch", "create", "delete", "patch"], apiGroups: [""], resources: ["pods"] },
    { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
  ],
  create: (context) => new ReplicaSetReconciler(context).controller,
};

/**
 * Keeps as many active pods as each ReplicaSet asks for. What it has just created or deleted is remembered until the
 * cache shows it, so that a cache that is behind never leads to too many or too few.
 */
class ReplicaSetReconciler {
  readonly #context: ControllerContext;
  readonly #sets: SharedInformer<ReplicaSet>;
  readonly #pods: SharedInformer<Pod>;
  readonly #expectations: Expectations;
  readonly #controller: ReconcileController;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#sets = context.informers.for(replicaSets);
    this.#pods = context.informers.for(pods);
    addControllerIndexes(this.#sets);
    addControllerIndexes(this.#pods);
    this.#expectations = new Expectations(context.clock);
    this.#controller = new ReconcileController({
      ...context,
      name: "replicaset",
      reconcile: (key, signal) => this.#reconcile(key, signal),
    });
    this.#controller.watch(this.#sets);
    this.#pods.addEventHandler({
      onAdd: (pod) => (pod.metadata.deletionTimestamp ? this.#podDeleted(pod) : this.#podAdded(pod)),
      onUpdate: (previous, current) => this.#podUpdated(previous, current),
      onDelete: (pod) => this.#podDeleted(pod),
    });
  }

  get controller(): Controller {
    return this.#controller;
  }

  #podAdded(pod: Pod): void {
    const owner = this.#ownerOf(pod);
    if (owner) {
      this.#expectations.creationObserved(objectKey(owner));
      this.#controller.enqueue(objectKey(owner));
    } else if (!controllerOf(pod)) {
      this.#enqueueMatching(pod);
    }
  }

  #podUpdated(previous: Pod, current: Pod): void {
    if (current.metadata.deletionTimestamp) {
      // Counted from when it is asked to go: the ReplicaSet need not wait for the kubelet to replace it.
      this.#podDeleted(current);
      return;
    }
    const owner = this.#ownerOf(current);
    const before = this.#ownerOf(previous);
    if (before && before !== owner) this.#controller.enqueue(objectKey(before));
    if (owner) {
      this.#controller.enqueue(objectKey(owner));
      return;
    }
    const isRelabelled = !semanticEqual(previous.metadata.labels, current.metadata.labels);
    if (!controllerOf(current) && (isRelabelled || controllerOf(previous))) this.#enqueueMatching(current);
  }

  #podDeleted(pod: Pod): void {
    const owner = this.#ownerOf(pod);
    if (!owner) return;
    this.#expectations.deletionObserved(objectKey(owner), pod.metadata.uid);
    this.#controller.enqueue(objectKey(owner));
  }

  /** The cached ReplicaSet that controls the pod; none when a set of that name has another UID. */
  #ownerOf(pod: Pod): ReplicaSet | undefined {
    const ref = controllerOf(pod);
    if (ref?.kind !== replicaSets.kind) return undefined;
    const owner = this.#sets.lister.get(pod.metadata.namespace, ref.name);
    return owner?.metadata.uid === ref.uid ? owner : undefined;
  }

  #enqueueMatching(orphan: Pod): void {
    for (const rs of this.#sets.lister.list(orphan.metadata.namespace)) {
      if (labelMatcher(rs.spec.selector)(orphan.metadata.labels)) this.#controller.enqueue(objectKey(rs));
    }
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | void> {
    const rs = this.#sets.lister.getByKey(key);
    if (!rs) {
      this.#expectations.forget(key);
      return;
    }
    // Asked before the pods are read: what is seen in between only makes us come again.
    const mayManage = this.#expectations.areSatisfied(key);
    const matches = labelMatcher(rs.spec.selector);
    const active = await claimDependents({
      client: this.#context.client,
      owner: rs,
      ownerType: replicaSets,
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
  async #manage(key: string, rs: ReplicaSet, active: readonly Pod[], signal: AbortSignal): Promise<unknown> {
    const missing = (rs.spec.replicas ?? 1) - active.length;
    if (missing > 0) return this.#createPods(key, rs, Math.min(missing, burstReplicas), signal);
    if (missing < 0) return this.#deletePods(key, rs, active, Math.min(-missing, burstReplicas), signal);
    return undefined;
  }

  async #createPods(key: string, rs: ReplicaSet, count: number, signal: AbortSignal): Promise<unknown> {
    this.#expectations.expectCreations(key, count);
    const { successes, error } = await slowStartBatch(count, 1, async () => {
      await createPodFromTemplate(this.#context, rs, replicaSets, rs.spec.template, signal);
    });
    this.#expectations.creationObserved(key, count - successes);
    return hasStatusCause(error, namespaceTerminatingCause) ? undefined : error;
  }

  async #deletePods(
    key: string,
    rs: ReplicaSet,
    active: readonly Pod[],
    count: number,
    signal: AbortSignal,
  ): Promise<unknown> {
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
  #relatedPods(rs: ReplicaSet): readonly Pod[] {
    const ref = controllerOf(rs);
    return podsOfOwners(this.#pods, ref ? this.#sets.lister.byIndex(byControllerUid, ref.uid) : [rs]);
  }

  async #updateStatus(
    rs: ReplicaSet,
    outcome: Parameters<typeof replicaSetStatus>[1],
    signal: AbortSignal,
  ): Promise<void> {
    const status = replicaSetStatus(rs, outcome, this.#context.clock.now());
    if (semanticEqual(status, rs.status)) return;
    await this.#context.client.resource(replicaSets, rs.metadata.namespace).updateStatus({ ...rs, status }, { signal });
  }

  /** Nothing happens when a ready pod becomes available by time, or when an expected event is lost. */
  #nextLook(key: string, rs: ReplicaSet, active: readonly Pod[]): ReconcileResult | void {
    const now = this.#context.clock.now();
    const waits = active.map((pod) => availableInMs(pod, rs.spec.minReadySeconds ?? 0, now));
    if (!this.#expectations.areSatisfied(key)) waits.push(this.#expectations.expiresInMs(key));
    const next = Math.min(...waits.filter((ms) => ms > 0));
    if (Number.isFinite(next)) return { requeueAfterMs: next };
  }
}
