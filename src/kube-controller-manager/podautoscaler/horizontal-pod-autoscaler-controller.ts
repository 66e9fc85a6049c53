import { isConflict } from "../../apimachinery/errors/status-error.ts";
import { parseSelector } from "../../apimachinery/labels/parse.ts";
import { SelectorError } from "../../apimachinery/labels/requirement.ts";
import type { Selector } from "../../apimachinery/labels/selector.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import type { KubeObject, ResourceType } from "../../apimachinery/resource-type.ts";
import type { Scale } from "../../api/autoscaling/v1/types.gen.ts";
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerBehavior,
  HorizontalPodAutoscalerCondition,
  HorizontalPodAutoscalerStatus,
  MetricStatus,
} from "../../api/autoscaling/v2/types.gen.ts";
import type { Pod } from "../../api/core/v1/types.gen.ts";
import { horizontalPodAutoscalers, pods } from "../../api/resources.gen.ts";
import { objectKey } from "../../client/cache/object-key.ts";
import type { SharedInformer } from "../../client/cache/shared-informer.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import { timestamp } from "../../component-helpers/time.ts";
import type { ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController, type ReconcileResult } from "../../controller-runtime/reconcile-controller.ts";
import { MetricError, proposalOf, type MetricProposal, type ScaledPods } from "./metric-proposals.ts";
import { MetricsClient } from "./metrics-client.ts";
import { messageOf } from "./prefixed.ts";
import type { Tolerances } from "./replica-calculator.ts";
import { ScalingHistory } from "./scaling-history.ts";
import { TargetTypes } from "./target-types.ts";

const eventsRule = { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] };

export interface HorizontalPodAutoscalerOptions {
  /** Between two looks at an autoscaler; 15 s unless given. */
  readonly syncPeriodMs?: number;
}

export const horizontalPodAutoscalerController = (
  options: HorizontalPodAutoscalerOptions = {},
): ControllerDescriptor => ({
  name: "horizontal-pod-autoscaler-controller",
  eventSource: "horizontal-pod-autoscaler",
  serviceAccount: "horizontal-pod-autoscaler",
  rules: [
    { verbs: ["get", "list", "watch"], apiGroups: ["autoscaling"], resources: ["horizontalpodautoscalers"] },
    { verbs: ["update"], apiGroups: ["autoscaling"], resources: ["horizontalpodautoscalers/status"] },
    { verbs: ["get", "update"], apiGroups: ["*"], resources: ["*/scale"] },
    { verbs: ["list", "watch"], apiGroups: [""], resources: ["pods"] },
    { verbs: ["list", "watch"], apiGroups: ["metrics.k8s.io"], resources: ["pods"] },
    { verbs: ["get", "list", "watch"], apiGroups: ["custom.metrics.k8s.io"], resources: ["*"] },
    { verbs: ["get", "list", "watch"], apiGroups: ["external.metrics.k8s.io"], resources: ["*"] },
    eventsRule,
  ],
  create: (context) => new HorizontalReconciler(context, options).controller,
});

// --horizontal-pod-autoscaler-sync-period and -tolerance.
const defaultSyncPeriodMs = 15_000;
const defaultTolerance = 0.1;
const conflictTriesMax = 5;

interface Target {
  readonly type: ResourceType<KubeObject>;
  readonly scale: Scale;
}

/** What one look at the target came to. */
interface Decision {
  readonly desired: number;
  /** Undefined when the target stays as it is. */
  readonly rescaleReason: string | undefined;
  readonly metrics: readonly MetricStatus[] | null;
  /** Of metrics that say nothing, while others do. */
  readonly error?: Error;
}

/** The metrics say nothing, so the target is left alone. */
class NoDecisionError extends Error {
  override readonly name = "NoDecisionError";
  readonly metrics: readonly MetricStatus[] | null;

  constructor(message: string, metrics: readonly MetricStatus[] | null) {
    super(message);
    this.metrics = metrics;
  }
}

/**
 * Scales workloads by their metrics, looked at once a period: metrics bring no events.
 *
 *   scale of the target ─> metrics ─> replicas each calls for, the most ─> stabilized ─> limited ─> scale
 */
class HorizontalReconciler {
  readonly controller: ReconcileController;
  readonly #context: ControllerContext;
  readonly #autoscalers: SharedInformer<HorizontalPodAutoscaler>;
  readonly #pods: SharedInformer<Pod>;
  readonly #types: TargetTypes;
  readonly #metrics: MetricsClient;
  readonly #syncPeriodMs: number;
  readonly #histories = new Map<string, ScalingHistory>();
  /** By autoscaler: which pods it scales. Two that share some would pull in both directions. */
  readonly #selectors = new Map<string, Selector>();

  constructor(context: ControllerContext, options: HorizontalPodAutoscalerOptions) {
    this.#context = context;
    this.#syncPeriodMs = options.syncPeriodMs ?? defaultSyncPeriodMs;
    this.#autoscalers = context.informers.for(horizontalPodAutoscalers);
    this.#pods = context.informers.for(pods);
    this.#types = new TargetTypes(context.client, context.clock);
    this.#metrics = new MetricsClient(context.client, this.#types);
    this.controller = new ReconcileController({
      ...context,
      name: "horizontalpodautoscaler",
      reconcile: (key, signal) => this.#reconcile(key, signal),
    });
    const later = (autoscaler: HorizontalPodAutoscaler): void =>
      this.controller.enqueueAfter(objectKey(autoscaler), this.#syncPeriodMs);
    this.#autoscalers.addEventHandler({
      onAdd: later,
      onUpdate: (_, autoscaler) => later(autoscaler),
      onDelete: (autoscaler) => {
        this.#histories.delete(objectKey(autoscaler));
        this.#selectors.delete(objectKey(autoscaler));
      },
    });
  }

  /** Whatever comes of it, the next look is due after the same time. */
  async #reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | void> {
    const autoscaler = this.#autoscalers.lister.getByKey(key);
    if (!autoscaler) return;
    const look = new Look(this.#context, autoscaler);
    try {
      await this.#look(key, look, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      this.#context.logger.info("could not autoscale, will try again", { key, error });
    }
    return { requeueAfterMs: this.#syncPeriodMs };
  }

  async #look(key: string, look: Look, signal: AbortSignal): Promise<void> {
    const { autoscaler } = look;
    const { scaleTargetRef } = autoscaler.spec;
    const reference = `${scaleTargetRef.kind}/${autoscaler.metadata.namespace}/${scaleTargetRef.name}`;
    let target: Target;
    try {
      target = await this.#target(autoscaler, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      look.tell("Warning", "FailedGetScale", messageOf(error));
      const message = `the HPA controller was unable to get the target's current scale: ${messageOf(error)}`;
      look.set("AbleToScale", "False", "FailedGetScale", message);
      await look.store(signal);
      throw new Error(`failed to query scale subresource for ${reference}: ${messageOf(error)}`, { cause: error });
    }
    const able = "the HPA controller was able to get the target's current scale";
    look.set("AbleToScale", "True", "SucceededGetScale", able);
    const current = target.scale.spec.replicas ?? 0;
    const history = this.#history(key);
    history.begin(current, this.#context.clock.monotonic());
    let decision: Decision;
    try {
      decision = await this.#decide(key, look, history, target.scale, signal);
    } catch (error) {
      if (!(error instanceof NoDecisionError)) throw error;
      look.count(current, autoscaler.status.desiredReplicas, error.metrics);
      await look.store(signal);
      look.tell("Warning", "FailedComputeMetricsReplicas", error.message);
      throw error;
    }
    const { desired, rescaleReason, metrics } = decision;
    if (rescaleReason === undefined) {
      look.count(current, current, metrics);
    } else {
      await this.#rescale(look, target, decision, reference, signal);
      history.scaled(current, desired, autoscaler.spec.behavior, this.#context.clock.monotonic());
      look.count(current, desired, metrics, timestamp(this.#context.clock));
    }
    await look.store(signal);
    if (decision.error) throw decision.error;
  }

  async #target({ metadata, spec }: HorizontalPodAutoscaler, signal: AbortSignal): Promise<Target> {
    const type = await this.#types.of(spec.scaleTargetRef, signal);
    const scale = await this.#context.client
      .resource(type, metadata.namespace)
      .getSubresource<Scale>(spec.scaleTargetRef.name, "scale", { signal });
    return { type, scale };
  }

  async #decide(
    key: string,
    look: Look,
    history: ScalingHistory,
    scale: Scale,
    signal: AbortSignal,
  ): Promise<Decision> {
    const { minReplicas = 1, maxReplicas, behavior } = look.autoscaler.spec;
    const current = scale.spec.replicas ?? 0;
    if (current === 0) {
      const message = "scaling is disabled since the replica count of the target is zero";
      look.set("ScalingActive", "False", "ScalingDisabled", message);
      return { desired: 0, rescaleReason: undefined, metrics: null };
    }
    if (current > maxReplicas)
      return {
        desired: maxReplicas,
        rescaleReason: "Current number of replicas above Spec.MaxReplicas",
        metrics: null,
      };
    if (current < minReplicas)
      return {
        desired: minReplicas,
        rescaleReason: "Current number of replicas below Spec.MinReplicas",
        metrics: null,
      };
    const { proposal, statuses, error } = await this.#propose(key, look, scale, signal);
    const now = this.#context.clock.monotonic();
    const bounds = { currentReplicas: current, minReplicas, maxReplicas };
    const stabilized = history.stabilize(proposal.replicas, bounds, behavior, now);
    look.set("AbleToScale", "True", stabilized.reason, stabilized.message);
    const limited = history.limit(stabilized.replicas, bounds, behavior, now);
    look.set("ScalingLimited", limited.isChanged ? "True" : "False", limited.reason, limited.message);
    let why = "";
    if (proposal.replicas > current) why = `${proposal.name} above target`;
    if (proposal.replicas < current) why = "All metrics below target";
    return {
      desired: limited.replicas,
      rescaleReason: limited.replicas === current ? undefined : why,
      metrics: statuses,
      ...(error ? { error } : {}),
    };
  }

  /**
   * The proposal of the metric that calls for most. Rejects with NoDecisionError when no metric says anything, or when
   * some do not and the others would scale down.
   */
  async #propose(
    key: string,
    look: Look,
    scale: Scale,
    signal: AbortSignal,
  ): Promise<{
    readonly proposal: MetricProposal;
    readonly statuses: readonly MetricStatus[];
    readonly error?: Error;
  }> {
    const scaled = this.#scaledPods(key, look, scale);
    const specs = look.autoscaler.spec.metrics ?? [];
    const statuses: MetricStatus[] = [];
    const failures: MetricError[] = [];
    let best: MetricProposal | undefined;
    for (const spec of specs) {
      try {
        const proposal = await proposalOf(this.#metrics, spec, scaled, signal);
        statuses.push(proposal.status);
        if (!best || proposal.replicas > best.replicas) best = proposal;
      } catch (error) {
        if (signal.aborted || !(error instanceof MetricError)) throw error;
        look.tell("Warning", error.reason, error.detail);
        failures.push(error);
        // Keeps its place in the list.
        statuses.push({ type: "" });
      }
    }
    const [first] = failures;
    const message = `invalid metrics (${failures.length} invalid out of ${specs.length}), first error is: ${first?.message ?? ""}`;
    if (!best || (first && best.replicas < scaled.currentReplicas)) {
      const told = `the HPA was unable to compute the replica count: ${first?.detail ?? ""}`;
      look.set("ScalingActive", "False", first?.reason ?? "", told);
      throw new NoDecisionError(message, statuses);
    }
    const found = `the HPA was able to successfully calculate a replica count from ${best.name}`;
    look.set("ScalingActive", "True", "ValidMetricFound", found);
    return { proposal: best, statuses, ...(first ? { error: new Error(message, { cause: first }) } : {}) };
  }

  /** The pods the metrics are asked about. Throws NoDecisionError when they are not known to be this autoscaler's alone. */
  #scaledPods(key: string, look: Look, scale: Scale): ScaledPods {
    const { autoscaler } = look;
    const { namespace } = autoscaler.metadata;
    const text = scale.status?.selector ?? "";
    const refuse = (event: string, reason: string, message: string, told = message): never => {
      look.tell("Warning", event, message);
      look.set("ScalingActive", "False", reason, told);
      throw new NoDecisionError(message, null);
    };
    if (text === "")
      refuse(
        "SelectorRequired",
        "InvalidSelector",
        "selector is required",
        "the HPA target's scale is missing a selector",
      );
    let selector: Selector;
    try {
      selector = parseSelector(text);
    } catch (error) {
      if (!(error instanceof SelectorError)) throw error;
      const what = "couldn't convert selector into a corresponding internal selector object";
      return refuse("InvalidSelector", "InvalidSelector", `${what}: ${error.message}`);
    }
    this.#selectors.set(key, selector);
    const selected = this.#pods.lister.list(namespace).filter((pod) => selector.matches(pod.metadata.labels ?? {}));
    const rivals = [...this.#selectors]
      .filter(([other, theirs]) => {
        const isHere = other.startsWith(`${namespace}/`);
        return isHere && selected.some((pod) => theirs.matches(pod.metadata.labels ?? {}));
      })
      .map(([other]) => other);
    if (rivals.length > 1) {
      const list = `[${rivals.sort().join(" ")}]`;
      const message = `pods by selector ${text} are controlled by multiple HPAs: ${list}`;
      refuse("AmbiguousSelector", "AmbiguousSelector", message);
    }
    return {
      namespace,
      selector,
      pods: selected,
      nowMs: this.#context.clock.now(),
      currentReplicas: scale.spec.replicas ?? 0,
      statusReplicas: scale.status?.replicas ?? 0,
      tolerances: tolerancesOf(autoscaler.spec.behavior),
    };
  }

  async #rescale(
    look: Look,
    { type, scale }: Target,
    { desired, rescaleReason = "", metrics }: Decision,
    reference: string,
    signal: AbortSignal,
  ): Promise<void> {
    const { namespace } = look.autoscaler.metadata;
    const { name } = look.autoscaler.spec.scaleTargetRef;
    const resource = this.#context.client.resource(type, namespace);
    try {
      let latest = scale;
      for (let tries = 1; ; tries++) {
        try {
          const wanted = { ...latest, spec: { ...latest.spec, replicas: desired } };
          await resource.updateSubresource(name, "scale", wanted, { signal });
          break;
        } catch (error) {
          if (!isConflict(error) || tries === conflictTriesMax) throw error;
          latest = await resource.getSubresource<Scale>(name, "scale", { signal });
        }
      }
    } catch (error) {
      if (signal.aborted) throw error;
      const text = messageOf(error);
      look.tell("Warning", "FailedRescale", `New size: ${desired}; reason: ${rescaleReason}; error: ${text}`);
      const message = `the HPA controller was unable to update the target scale: ${text}`;
      look.set("AbleToScale", "False", "FailedUpdateScale", message);
      look.count(scale.spec.replicas ?? 0, look.autoscaler.status.desiredReplicas, metrics);
      await look.store(signal);
      throw new Error(`failed to rescale ${reference}: ${text}`, { cause: error });
    }
    const message = `the HPA controller was able to update the target scale to ${desired}`;
    look.set("AbleToScale", "True", "SucceededRescale", message);
    look.tell("Normal", "SuccessfulRescale", `New size: ${desired}; reason: ${rescaleReason}`);
  }

  #history(key: string): ScalingHistory {
    const known = this.#histories.get(key);
    if (known) return known;
    const history = new ScalingHistory();
    this.#histories.set(key, history);
    return history;
  }
}

/** One look at one autoscaler: gathers what its status is to say. */
class Look {
  readonly autoscaler: HorizontalPodAutoscaler;
  readonly #context: ControllerContext;
  #status: HorizontalPodAutoscalerStatus;

  constructor(context: ControllerContext, autoscaler: HorizontalPodAutoscaler) {
    this.#context = context;
    this.autoscaler = autoscaler;
    this.#status = autoscaler.status;
  }

  set(type: string, status: "True" | "False", reason: string, message: string): void {
    const conditions = [...(this.#status.conditions ?? [])];
    const index = conditions.findIndex((condition) => condition.type === type);
    const present = conditions[index];
    const isSame = present?.status === status;
    const since = isSame ? present.lastTransitionTime : timestamp(this.#context.clock);
    const next: HorizontalPodAutoscalerCondition = {
      type,
      status,
      ...(since === undefined ? {} : { lastTransitionTime: since }),
      reason,
      message,
    };
    conditions.splice(index === -1 ? conditions.length : index, 1, next);
    this.#status = { ...this.#status, conditions };
  }

  count(current: number, desired: number, metrics: readonly MetricStatus[] | null, scaledAt?: string): void {
    const { conditions = [], lastScaleTime } = this.#status;
    const last = scaledAt ?? lastScaleTime;
    this.#status = {
      currentReplicas: current,
      desiredReplicas: desired,
      currentMetrics: metrics,
      conditions,
      ...(last === undefined ? {} : { lastScaleTime: last }),
    };
  }

  tell(type: "Normal" | "Warning", reason: string, message: string): void {
    this.#context.recorder.event(this.autoscaler, type, reason, message);
  }

  /** Writes the status if it says anything new. */
  async store(signal: AbortSignal): Promise<void> {
    if (semanticEqual(this.#status, this.autoscaler.status)) return;
    const { name, namespace } = this.autoscaler.metadata;
    try {
      await this.#context.client
        .resource(horizontalPodAutoscalers, namespace)
        .updateStatus({ ...this.autoscaler, status: this.#status }, { signal });
    } catch (error) {
      if (signal.aborted) throw error;
      this.tell("Warning", "FailedUpdateStatus", messageOf(error));
      throw new Error(`failed to update status for ${name}: ${messageOf(error)}`, { cause: error });
    }
  }
}

function tolerancesOf(behavior: HorizontalPodAutoscalerBehavior | undefined): Tolerances {
  const of = (tolerance: string | undefined): number =>
    tolerance === undefined ? defaultTolerance : Quantity.parse(tolerance).toApproximateNumber();
  return { down: of(behavior?.scaleDown?.tolerance), up: of(behavior?.scaleUp?.tolerance) };
}
