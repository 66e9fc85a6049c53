import { isConflict, isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { Condition } from "../../apimachinery/meta/v1/types.gen.ts";
import type { Pod } from "../../api/core/v1/types.gen.ts";
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from "../../api/policy/v1/types.gen.ts";
import { podDisruptionBudgets, pods } from "../../api/resources.gen.ts";
import { objectKey } from "../../client/cache/object-key.ts";
import type { SharedInformer } from "../../client/cache/shared-informer.ts";
import { scaledValue } from "../../component-helpers/int-or-string.ts";
import { labelMatcher } from "../../component-helpers/label-selector.ts";
import { isPodReady, isPodTerminal, podCondition } from "../../component-helpers/pod.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import { formatTime, parseTime, timestamp } from "../../component-helpers/time.ts";
import type { Controller, ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController, type ReconcileResult } from "../../controller-runtime/reconcile-controller.ts";
import { ExpectedScaleError, ExpectedScales } from "./expected-scale.ts";

export const disruptionController: ControllerDescriptor = {
  name: "disruption-controller",
  serviceAccount: "disruption-controller",
  rules: [
    { verbs: ["get", "list", "watch"], apiGroups: ["extensions", "apps"], resources: ["deployments"] },
    { verbs: ["get", "list", "watch"], apiGroups: ["apps", "extensions"], resources: ["replicasets"] },
    { verbs: ["get", "list", "watch"], apiGroups: [""], resources: ["replicationcontrollers"] },
    { verbs: ["get", "list", "watch"], apiGroups: ["policy"], resources: ["poddisruptionbudgets"] },
    { verbs: ["get", "list", "watch"], apiGroups: ["apps"], resources: ["statefulsets"] },
    { verbs: ["update"], apiGroups: ["policy"], resources: ["poddisruptionbudgets/status"] },
    { verbs: ["patch", "update"], apiGroups: [""], resources: ["pods/status"] },
    { verbs: ["get"], apiGroups: ["*"], resources: ["*/scale"] },
    { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
  ],
  create: (context) => new DisruptionController(context),
};

// After this time an evicted pod that still runs counts as healthy again, and its DisruptionTarget condition as stale.
const deletionTimeoutMs = 2 * 60_000;

/** Says in each PodDisruptionBudget's status how many of its pods may be evicted. */
class DisruptionController implements Controller {
  readonly #context: ControllerContext;
  readonly #budgets: SharedInformer<PodDisruptionBudget>;
  readonly #pods: SharedInformer<Pod>;
  readonly #scales: ExpectedScales;
  readonly #controller: ReconcileController;
  /** Takes back the announcement of a disruption that did not come. Keys are those of pods. */
  readonly #stale: ReconcileController;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#budgets = context.informers.for(podDisruptionBudgets);
    this.#pods = context.informers.for(pods);
    this.#scales = new ExpectedScales(context);
    this.#controller = new ReconcileController({
      ...context,
      name: "disruption",
      workers: 1,
      reconcile: (key, signal) => this.#reconcile(key, signal),
    });
    this.#stale = new ReconcileController({
      ...context,
      name: "stale_pod_disruption",
      workers: 1,
      reconcile: (key, signal) => this.#reconcileStale(key, signal),
    });
    this.#controller.watch(this.#budgets);
    this.#controller.watch(this.#pods, (pod) =>
      this.#budgets.lister
        .list(pod.metadata.namespace)
        .filter((budget) => labelMatcher(budget.spec.selector)(pod.metadata.labels))
        .map(objectKey),
    );
    const announce = (pod: Pod): void => {
      if (announcedAt(pod) !== undefined) this.#stale.enqueue(objectKey(pod));
    };
    this.#pods.addEventHandler({ onAdd: announce, onUpdate: (_, pod) => announce(pod) });
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#controller.run(signal), this.#stale.run(signal)]);
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | void> {
    const budget = this.#budgets.lister.getByKey(key);
    if (!budget) return;
    const { recorder, clock } = this.#context;
    const matches = labelMatcher(budget.spec.selector);
    const covered = this.#pods.lister.list(budget.metadata.namespace).filter((p) => matches(p.metadata.labels));
    if (covered.length === 0) recorder.event(budget, "Normal", "NoPods", "No matching pods found");
    const now = clock.now();
    let counts: { readonly expectedPods: number; readonly desiredHealthy: number };
    try {
      counts = await this.#expected(budget, covered, signal);
    } catch (error) {
      if (!(error instanceof ExpectedScaleError)) throw error;
      const message = `Failed to calculate the number of expected pods: ${error.message}`;
      recorder.event(budget, "Warning", "CalculateExpectedPodCountFailed", message);
      await this.#failSafe(budget, error.message, signal);
      throw error;
    }
    const { disrupted, recheckInMs } = this.#disrupted(budget, covered, now);
    const currentHealthy = covered.filter(
      (p) => !p.metadata.deletionTimestamp && disrupted[p.metadata.name] === undefined && isPodReady(p),
    ).length;
    const { expectedPods, desiredHealthy } = counts;
    const disruptionsAllowed = expectedPods > 0 ? Math.max(0, currentHealthy - desiredHealthy) : 0;
    const [value, reason] = disruptionsAllowed > 0 ? ["True", "SufficientPods"] : ["False", "InsufficientPods"];
    await this.#write(budget, signal, {
      observedGeneration: budget.metadata.generation ?? 0,
      ...(Object.keys(disrupted).length > 0 ? { disruptedPods: disrupted } : {}),
      disruptionsAllowed,
      currentHealthy,
      desiredHealthy,
      expectedPods,
      conditions: this.#conditions(budget, value, reason, ""),
    });
    if (Number.isFinite(recheckInMs)) return { requeueAfterMs: recheckInMs };
  }

  async #expected(
    budget: PodDisruptionBudget,
    covered: readonly Pod[],
    signal: AbortSignal,
  ): Promise<{ readonly expectedPods: number; readonly desiredHealthy: number }> {
    const { minAvailable, maxUnavailable } = budget.spec;
    if (maxUnavailable === undefined && typeof minAvailable === "number")
      return { expectedPods: covered.length, desiredHealthy: minAvailable };
    if (maxUnavailable === undefined && minAvailable === undefined) return { expectedPods: 0, desiredHealthy: 0 };
    const { expected, unmanaged } = await this.#scales.of(covered, signal);
    if (unmanaged.length > 0) {
      const message =
        `Pods selected by this PodDisruptionBudget (selector: ${JSON.stringify(budget.spec.selector)}) were found to be unmanaged. ` +
        "As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. " +
        'To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.';
      this.#context.recorder.event(budget, "Warning", "UnmanagedPods", message);
    }
    const desiredHealthy =
      maxUnavailable === undefined
        ? scaledValue(minAvailable, expected, "up")
        : Math.max(0, expected - scaledValue(maxUnavailable, expected, "up"));
    return { expectedPods: expected, desiredHealthy };
  }

  /** Evicted pods whose deletion the cache does not show yet, by name, with the time of their eviction. */
  #disrupted(
    budget: PodDisruptionBudget,
    covered: readonly Pod[],
    nowMs: number,
  ): { readonly disrupted: Readonly<Record<string, string>>; readonly recheckInMs: number } {
    const disrupted: Record<string, string> = {};
    let recheckInMs = Number.POSITIVE_INFINITY;
    for (const pod of covered) {
      const { namespace, name, deletionTimestamp } = pod.metadata;
      const evictedAt = budget.status.disruptedPods?.[name];
      if (deletionTimestamp || evictedAt === undefined) continue;
      const leftMs = parseTime(evictedAt) + deletionTimeoutMs - nowMs;
      if (leftMs < 0) {
        const message = `Pod was expected by PDB ${namespace}/${budget.metadata.name} to be deleted but it wasn't`;
        this.#context.recorder.event(pod, "Warning", "NotDeleted", message);
        continue;
      }
      disrupted[name] = evictedAt;
      // Past the limit, not on it.
      recheckInMs = Math.min(recheckInMs, leftMs + 1);
    }
    return { disrupted, recheckInMs };
  }

  /** While the number of pods is unknown nothing may be evicted. */
  async #failSafe(budget: PodDisruptionBudget, message: string, signal: AbortSignal): Promise<void> {
    const conditions = this.#conditions(budget, "False", "SyncFailed", message);
    const status = { ...budget.status, disruptionsAllowed: 0, conditions };
    await this.#write(budget, signal, status);
  }

  #conditions(budget: PodDisruptionBudget, status: string, reason: string, message: string): readonly Condition[] {
    const type = "DisruptionAllowed";
    const before = budget.status.conditions?.find((c) => c.type === type);
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : timestamp(this.#context.clock);
    const observedGeneration = budget.metadata.generation ?? 0;
    const condition = { type, status, observedGeneration, lastTransitionTime, reason, message };
    return [...(budget.status.conditions ?? []).filter((c) => c.type !== type), condition];
  }

  async #write(budget: PodDisruptionBudget, signal: AbortSignal, status: PodDisruptionBudgetStatus): Promise<void> {
    if (semanticEqual(status, budget.status)) return;
    await this.#context.client
      .resource(podDisruptionBudgets, budget.metadata.namespace)
      .updateStatus({ ...budget, status }, { signal });
  }

  async #reconcileStale(key: string, signal: AbortSignal): Promise<ReconcileResult | void> {
    const pod = this.#pods.lister.getByKey(key);
    const since = pod && announcedAt(pod);
    if (!pod || since === undefined) return;
    const { client, clock } = this.#context;
    const leftMs = since + deletionTimeoutMs - clock.now();
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    const { namespace, name, uid } = pod.metadata;
    const lastTransitionTime = formatTime(clock.now());
    const condition = { type: "DisruptionTarget", status: "False", reason: null, message: null, lastTransitionTime };
    const patch = { metadata: { uid }, status: { conditions: [condition] } };
    try {
      await client.resource(pods, namespace).patch(name, "strategic", patch, { subresource: "status", signal });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }
}

/** When a disruption of the pod was announced that has not come; the kubelet's own announcements always come. */
function announcedAt(pod: Pod): number | undefined {
  const condition = podCondition(pod, "DisruptionTarget");
  if (pod.metadata.deletionTimestamp || isPodTerminal(pod) || condition?.status !== "True") return undefined;
  return condition.reason === "TerminationByKubelet" ? undefined : parseTime(condition.lastTransitionTime);
}
