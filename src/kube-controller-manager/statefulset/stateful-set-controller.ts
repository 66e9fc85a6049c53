import type { ControllerRevision, StatefulSet } from "../../api/apps/v1/types.gen.ts";
import type { PersistentVolumeClaim, Pod } from "../../api/core/v1/types.gen.ts";
import { controllerRevisions, persistentVolumeClaims, pods, statefulSets } from "../../api/resources.gen.ts";
import type { SharedInformer } from "../../client/cache/shared-informer.ts";
import { labelMatcher } from "../../component-helpers/label-selector.ts";
import { availableInMs } from "../../component-helpers/pod.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import { claimDependents } from "../../controller-runtime/controller-ref.ts";
import type { Controller, ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController, type ReconcileResult } from "../../controller-runtime/reconcile-controller.ts";
import { syncHistory, truncateHistory } from "../history/controller-history.ts";
import { addControllerIndexes, claimCandidates } from "../pod-indexes.ts";
import { watchOwnedPods } from "../pod-owner-watch.ts";
import { StatefulPodControl } from "./stateful-pod-control.ts";
import { ordinalOf, revisionOf } from "./stateful-pods.ts";
import { StatefulSetSync, statefulSetStatus } from "./stateful-set-sync.ts";

export const statefulSetController: ControllerDescriptor = {
  name: "statefulset-controller",
  serviceAccount: "statefulset-controller",
  rules: [
    { verbs: ["list", "watch"], apiGroups: [""], resources: ["pods"] },
    { verbs: ["get", "list", "watch"], apiGroups: ["apps"], resources: ["statefulsets"] },
    { verbs: ["update"], apiGroups: ["apps"], resources: ["statefulsets/status"] },
    { verbs: ["update"], apiGroups: ["apps"], resources: ["statefulsets/finalizers"] },
    { verbs: ["get", "create", "delete", "update", "patch"], apiGroups: [""], resources: ["pods"] },
    {
      verbs: ["get", "create", "delete", "update", "patch", "list", "watch"],
      apiGroups: ["apps"],
      resources: ["controllerrevisions"],
    },
    { verbs: ["get", "create"], apiGroups: [""], resources: ["persistentvolumeclaims"] },
    { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
    { verbs: ["update", "delete"], apiGroups: [""], resources: ["persistentvolumeclaims"] },
  ],
  create: (context) => new StatefulSetReconciler(context).controller,
};

/**
 * Keeps the numbered pods of each StatefulSet, each with its own name and claims. Names make expectations needless: what
 * a cache that is behind leads to create exists already.
 */
class StatefulSetReconciler {
  readonly controller: Controller;
  readonly #context: ControllerContext;
  readonly #sets: SharedInformer<StatefulSet>;
  readonly #pods: SharedInformer<Pod>;
  readonly #revisions: SharedInformer<ControllerRevision>;
  readonly #claims: SharedInformer<PersistentVolumeClaim>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#sets = context.informers.for(statefulSets);
    this.#pods = context.informers.for(pods);
    this.#revisions = context.informers.for(controllerRevisions);
    this.#claims = context.informers.for(persistentVolumeClaims);
    addControllerIndexes(this.#pods);
    addControllerIndexes(this.#revisions);
    const controller = new ReconcileController({
      ...context,
      name: "statefulset",
      reconcile: (key, signal) => this.#reconcile(key, signal),
    });
    this.controller = controller;
    controller.watch(this.#sets);
    watchOwnedPods({
      controller,
      ownerType: statefulSets,
      owners: this.#sets,
      pods: this.#pods,
      selectorOf: (set) => set.spec.selector,
    });
    // A pod may wait for a claim of its predecessor to be collected.
    this.#claims.addEventHandler({
      onDelete: ({ metadata }) => {
        for (const set of this.#sets.lister.list(metadata.namespace)) {
          const isClaim = set.spec.volumeClaimTemplates?.some((t) =>
            metadata.name.startsWith(`${t.metadata.name}-${set.metadata.name}-`),
          );
          if (isClaim) controller.enqueue(`${set.metadata.namespace}/${set.metadata.name}`);
        }
      },
    });
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | void> {
    const set = this.#sets.lister.getByKey(key);
    if (!set) return;
    const { client, clock } = this.#context;
    const common = { client, owner: set, ownerType: statefulSets, signal };
    const matches = labelMatcher(set.spec.selector);
    const claimed = await claimDependents({
      ...common,
      dependentType: pods,
      candidates: claimCandidates(this.#pods, set),
      matches: (pod) => matches(pod.metadata.labels) && ordinalOf(set, pod) !== undefined,
    });
    const revisions = this.#revisions;
    const { update, all, collisionCount } = await syncHistory({
      ...common,
      revisions,
      hashLabel: "controller.kubernetes.io/hash",
    });
    const current = all.find((r) => r.metadata.name === set.status.currentRevision) ?? update;
    const state = { set, pods: claimed, current, update };
    const control = new StatefulPodControl(this.#context, this.#claims, set, signal);
    let failure: { readonly error: unknown } | undefined;
    try {
      await new StatefulSetSync(this.#context, control, state).run();
    } catch (error) {
      failure = { error };
    }
    const status = statefulSetStatus(state, collisionCount, clock.now());
    if (!semanticEqual(status, set.status))
      await client.resource(statefulSets, set.metadata.namespace).updateStatus({ ...set, status }, { signal });
    if (failure) throw failure.error;
    const live = new Set([current.metadata.name, update.metadata.name, ...claimed.map(revisionOf)]);
    await truncateHistory(common, all, (r) => live.has(r.metadata.name));
    const waits = claimed.map((pod) => availableInMs(pod, set.spec.minReadySeconds ?? 0, clock.now()));
    const next = Math.min(...waits.filter((ms) => ms > 0));
    if (Number.isFinite(next)) return { requeueAfterMs: next };
  }
}
