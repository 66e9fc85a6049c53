import { namespaceTerminatingCause } from "../../apimachinery/errors/new.ts";
import { hasStatusCause } from "../../apimachinery/errors/status-error.ts";
import type { ControllerRevision, DaemonSet, DaemonSetStatus } from "../../api/apps/v1/types.gen.ts";
import type { Node, Pod } from "../../api/core/v1/types.gen.ts";
import { controllerRevisions, daemonSets, nodes, pods } from "../../api/resources.gen.ts";
import { objectKey } from "../../client/cache/object-key.ts";
import type { SharedInformer } from "../../client/cache/shared-informer.ts";
import { isEmptySelector, labelMatcher } from "../../component-helpers/label-selector.ts";
import { availableInMs, isPodReady, isPodTerminal } from "../../component-helpers/pod.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import { claimDependents } from "../../controller-runtime/controller-ref.ts";
import type { Controller, ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { Expectations } from "../../controller-runtime/expectations.ts";
import { ReconcileController, type ReconcileResult } from "../../controller-runtime/reconcile-controller.ts";
import { slowStartBatch } from "../../controller-runtime/slow-start-batch.ts";
import { revisionHashLabel, syncHistory, truncateHistory, type History } from "../history/controller-history.ts";
import { createPodFromTemplate, deletePod } from "../pod-control.ts";
import { addControllerIndexes, claimCandidates } from "../pod-indexes.ts";
import { watchOwnedPods } from "../pod-owner-watch.ts";
import {
  isAvailable,
  oldestFirst,
  placementPlan,
  rolloutPlan,
  type DaemonPlan,
  type DaemonView,
} from "./daemon-plan.ts";
import { daemonPodTemplate, isUpdated, placementOn, targetNodeOf } from "./daemon-pods.ts";
import { FailedPodBackoff } from "./failed-pod-backoff.ts";

// The most pods one step creates or deletes; the rest follows.
const burstReplicas = 250;

export const daemonSetController: ControllerDescriptor = {
  name: "daemonset-controller",
  serviceAccount: "daemon-set-controller",
  rules: [
    { verbs: ["get", "list", "watch"], apiGroups: ["apps"], resources: ["daemonsets"] },
    { verbs: ["update"], apiGroups: ["apps"], resources: ["daemonsets/status"] },
    { verbs: ["update"], apiGroups: ["apps"], resources: ["daemonsets/finalizers"] },
    { verbs: ["list", "watch"], apiGroups: [""], resources: ["nodes"] },
    { verbs: ["list", "watch", "create", "delete", "patch"], apiGroups: [""], resources: ["pods"] },
    { verbs: ["create"], apiGroups: [""], resources: ["pods/binding"] },
    {
      verbs: ["get", "list", "watch", "create", "delete", "update", "patch"],
      apiGroups: ["apps"],
      resources: ["controllerrevisions"],
    },
    { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
  ],
  create: (context) => new DaemonSetReconciler(context).controller,
};

/** Keeps one pod of each DaemonSet on every node it fits, and rolls changes of its template out. */
class DaemonSetReconciler {
  readonly controller: Controller;
  readonly #context: ControllerContext;
  readonly #sets: SharedInformer<DaemonSet>;
  readonly #pods: SharedInformer<Pod>;
  readonly #nodes: SharedInformer<Node>;
  readonly #revisions: SharedInformer<ControllerRevision>;
  readonly #expectations: Expectations;
  readonly #backoff: FailedPodBackoff;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#sets = context.informers.for(daemonSets);
    this.#pods = context.informers.for(pods);
    this.#nodes = context.informers.for(nodes);
    this.#revisions = context.informers.for(controllerRevisions);
    addControllerIndexes(this.#pods);
    addControllerIndexes(this.#revisions);
    this.#expectations = new Expectations(context.clock);
    this.#backoff = new FailedPodBackoff(context.clock);
    const controller = new ReconcileController({
      ...context,
      name: "daemonset",
      reconcile: (key, signal) => this.#reconcile(key, signal),
    });
    this.controller = controller;
    controller.watch(this.#sets);
    watchOwnedPods({
      controller,
      ownerType: daemonSets,
      owners: this.#sets,
      pods: this.#pods,
      expectations: this.#expectations,
      selectorOf: (ds) => ds.spec.selector,
    });
    controller.watch(
      this.#nodes,
      () => this.#sets.lister.list().map((ds) => objectKey(ds)),
      (previous, current) =>
        !semanticEqual(previous.metadata.labels, current.metadata.labels) ||
        !semanticEqual(previous.spec.taints, current.spec.taints),
    );
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | void> {
    const ds = this.#sets.lister.getByKey(key);
    if (!ds) {
      this.#expectations.forget(key);
      return;
    }
    if (isEmptySelector(ds.spec.selector)) {
      const message = "This daemon set is selecting all pods. A non-empty selector is required.";
      this.#context.recorder.event(ds, "Warning", "SelectingAll", message);
      return;
    }
    if (ds.metadata.deletionTimestamp) return;
    const common = { client: this.#context.client, owner: ds, ownerType: daemonSets, signal };
    const history = await syncHistory({ ...common, revisions: this.#revisions, hashLabel: revisionHashLabel });
    const waits: number[] = [];
    let error: unknown;
    if (this.#expectations.areSatisfied(key)) {
      error = await this.#act(key, ds, history, waits, signal);
      const running = await this.#view(ds, history, signal);
      const live = new Set([...running.podsByNode.values()].flat().map((p) => p.metadata.labels?.[revisionHashLabel]));
      await truncateHistory(
        common,
        history.all,
        (r) => r === history.update || live.has(r.metadata.labels?.[revisionHashLabel]),
      );
    }
    const view = await this.#view(ds, history, signal);
    await this.#updateStatus(view, history, signal);
    if (error !== undefined) throw error;
    return this.#nextLook(key, view, waits);
  }

  async #view(ds: DaemonSet, history: History, signal: AbortSignal): Promise<DaemonView> {
    const matches = labelMatcher(ds.spec.selector);
    const claimed = await claimDependents({
      client: this.#context.client,
      owner: ds,
      ownerType: daemonSets,
      dependentType: pods,
      candidates: claimCandidates(this.#pods, ds),
      matches: (pod) => matches(pod.metadata.labels),
      signal,
    });
    // One that has ended and is going holds up nothing.
    const present = claimed.filter((p) => !(isPodTerminal(p) && p.metadata.deletionTimestamp));
    const podsByNode = new Map<string, Pod[]>();
    for (const pod of present) {
      const name = targetNodeOf(pod);
      if (name === undefined) continue;
      const onNode = podsByNode.get(name);
      if (onNode) onNode.push(pod);
      else podsByNode.set(name, [pod]);
    }
    return {
      ds,
      hash: history.update.metadata.labels?.[revisionHashLabel] ?? "",
      nodes: this.#nodes.lister.list(),
      podsByNode,
      nowMs: this.#context.clock.now(),
    };
  }

  /** Places pods; when nothing of that is pending, rolls out. Returns the first failure. */
  async #act(key: string, ds: DaemonSet, history: History, waits: number[], signal: AbortSignal): Promise<unknown> {
    const view = await this.#view(ds, history, signal);
    const plan = placementPlan(view, (nodeName, pod) => this.#mayRemoveFailed(ds, nodeName, pod, waits));
    const misplaced = this.#podsWithoutNode(view);
    this.#tellSucceeded(view, plan);
    const error = await this.#carryOut(key, view, { ...plan, remove: [...plan.remove, ...misplaced] }, signal);
    if (error !== undefined || ds.spec.updateStrategy.type === "OnDelete") return error;
    if (!this.#expectations.areSatisfied(key)) return undefined;
    // What was just placed may be in the cache by now, and counts.
    const placed = await this.#view(ds, history, signal);
    return this.#carryOut(key, placed, rolloutPlan(placed), signal);
  }

  #mayRemoveFailed(ds: DaemonSet, nodeName: string, pod: Pod, waits: number[]): boolean {
    const backoffKey = `${ds.metadata.uid}/${ds.status.observedGeneration ?? 0}/${nodeName}`;
    const waitMs = this.#backoff.tryNext(backoffKey);
    if (waitMs > 0) {
      waits.push(waitMs);
      return false;
    }
    const what = `${pod.metadata.namespace}/${pod.metadata.name} on node ${nodeName}`;
    const message = `Found failed daemon pod ${what}, will try to kill it`;
    this.#context.recorder.event(ds, "Warning", "FailedDaemonPod", message);
    return true;
  }

  #tellSucceeded({ ds }: DaemonView, plan: DaemonPlan): void {
    for (const pod of plan.remove) {
      if (pod.status.phase !== "Succeeded") continue;
      const what = `${pod.metadata.namespace}/${pod.metadata.name} on node ${targetNodeOf(pod) ?? ""}`;
      const message = `Found succeeded daemon pod ${what}, will try to delete it`;
      this.#context.recorder.event(ds, "Normal", "SucceededDaemonPod", message);
    }
  }

  /** Pods that wait for a node that is gone. Those that were on it are collected with it. */
  #podsWithoutNode({ nodes: present, podsByNode }: DaemonView): readonly Pod[] {
    const names = new Set(present.map((n) => n.metadata.name));
    return [...podsByNode]
      .filter(([name]) => !names.has(name))
      .flatMap(([, waiting]) => waiting.filter((p) => !p.spec.nodeName && !p.metadata.deletionTimestamp));
  }

  async #carryOut(key: string, { ds, hash }: DaemonView, plan: DaemonPlan, signal: AbortSignal): Promise<unknown> {
    const create = plan.create.slice(0, burstReplicas);
    const remove = plan.remove.slice(0, burstReplicas);
    if (create.length + remove.length === 0) return undefined;
    this.#expectations.expect(
      key,
      create.length,
      remove.map((p) => p.metadata.uid),
    );
    const { successes, error } = await slowStartBatch(create.length, 1, async (i) => {
      const template = daemonPodTemplate(ds, create[i] ?? "", hash);
      await createPodFromTemplate(this.#context, ds, daemonSets, template, signal);
    });
    this.#expectations.creationObserved(key, create.length - successes);
    const results = await Promise.allSettled(
      remove.map(async (pod) => {
        try {
          if (await deletePod(this.#context, ds, pod, signal)) return;
        } catch (failure) {
          this.#expectations.deletionObserved(key, pod.metadata.uid);
          throw failure;
        }
        this.#expectations.deletionObserved(key, pod.metadata.uid);
      }),
    );
    const failed: unknown = results.find((r) => r.status === "rejected")?.reason;
    return hasStatusCause(error, namespaceTerminatingCause) ? failed : (error ?? failed);
  }

  async #updateStatus(view: DaemonView, history: History, signal: AbortSignal): Promise<void> {
    const { ds } = view;
    const status = daemonSetStatus(view, history.collisionCount);
    if (semanticEqual(status, ds.status)) return;
    await this.#context.client.resource(daemonSets, ds.metadata.namespace).updateStatus({ ...ds, status }, { signal });
  }

  /** Nothing happens when a ready pod becomes available by time, or when an expected event is lost. */
  #nextLook(key: string, { ds, podsByNode, nowMs }: DaemonView, waits: number[]): ReconcileResult | void {
    for (const pod of [...podsByNode.values()].flat())
      waits.push(availableInMs(pod, ds.spec.minReadySeconds ?? 0, nowMs));
    if (!this.#expectations.areSatisfied(key)) waits.push(this.#expectations.expiresInMs(key));
    const next = Math.min(...waits.filter((ms) => ms > 0));
    if (Number.isFinite(next)) return { requeueAfterMs: next };
  }
}

function daemonSetStatus(view: DaemonView, collisionCount: number | undefined): DaemonSetStatus {
  const { ds, hash, nodes: all, podsByNode } = view;
  const sum = { desired: 0, current: 0, misscheduled: 0, ready: 0, updated: 0, available: 0 };
  for (const node of all) {
    const { shouldRun } = placementOn(ds, node);
    const [pod] = [...(podsByNode.get(node.metadata.name) ?? [])].sort(oldestFirst);
    if (!shouldRun) {
      if (pod) sum.misscheduled++;
      continue;
    }
    sum.desired++;
    if (!pod) continue;
    sum.current++;
    if (isPodReady(pod)) sum.ready++;
    if (isAvailable(view, pod)) sum.available++;
    if (isUpdated(pod, hash)) sum.updated++;
  }
  const unavailable = sum.desired - sum.available;
  return {
    currentNumberScheduled: sum.current,
    numberMisscheduled: sum.misscheduled,
    desiredNumberScheduled: sum.desired,
    numberReady: sum.ready,
    observedGeneration: ds.metadata.generation ?? 0,
    ...(sum.updated ? { updatedNumberScheduled: sum.updated } : {}),
    ...(sum.available ? { numberAvailable: sum.available } : {}),
    ...(unavailable ? { numberUnavailable: unavailable } : {}),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    ...(ds.status.conditions ? { conditions: ds.status.conditions } : {}),
  };
}
