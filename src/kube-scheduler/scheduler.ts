import type { Node, Pod, PodCondition } from "../api/core/v1/types.gen.ts";
import { nodes, pods } from "../api/resources.gen.ts";
import type { InformerFactory, SharedInformer } from "../client/cache/shared-informer.ts";
import type { EventRecorder } from "../client/record/event-recorder.ts";
import type { ApiClient } from "../client/rest/api-client.ts";
import { isAborted, type Clock } from "../component-base/clock.ts";
import type { Logger } from "../component-base/logger.ts";
import type { Histogram, MetricRegistry } from "../component-base/metrics.ts";
import type { Random } from "../component-base/random.ts";
import { TaskGroup } from "../component-base/task-group.ts";
import { isConflict, isNotFound } from "../apimachinery/errors/status-error.ts";
import { SchedulerCache } from "./cache/scheduler-cache.ts";
import { Framework, type Diagnosis } from "./framework/framework.ts";
import type { ClusterEvent, CycleState } from "./framework/interface.ts";
import { defaultPlugins } from "./plugins/registry.ts";
import { SchedulingQueue, type QueuedPod } from "./queue/scheduling-queue.ts";
import { explain, scheduleOne } from "./schedule-one.ts";

export interface SchedulerOptions {
  readonly client: ApiClient;
  readonly informers: InformerFactory;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  /** Pods that name another scheduler are not ours. */
  readonly schedulerName?: string;
}

// Bindings on their way at once; more wait their turn in the loop, which keeps the API server's queue short.
const bindingsInFlightMax = 256;

/** kube-scheduler: assigns pods to nodes, one decision at a time, while earlier bindings are still on their way. */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #schedulerName: string;
  readonly #cache = new SchedulerCache();
  readonly #framework: Framework;
  readonly #queue: SchedulingQueue;
  readonly #pods: SharedInformer<Pod>;
  readonly #attempts: Histogram;
  readonly #lastDiagnosis = new Map<string, Diagnosis>();
  #bindingsInFlight = 0;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#schedulerName = options.schedulerName ?? "default-scheduler";
    this.#framework = new Framework(defaultPlugins(options.client));
    this.#queue = new SchedulingQueue(options.clock, this.#framework);
    this.#pods = options.informers.for(pods);
    this.#attempts = options.metrics.histogram(
      "scheduler_scheduling_attempt_duration_seconds",
      "Scheduling attempt latency in seconds (scheduling algorithm + binding)",
      [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048],
      ["result", "profile"],
    );
    options.informers.for(nodes).addEventHandler({
      onAdd: (node) => this.#onNode("add", undefined, node),
      onUpdate: (previous, node) => this.#onNode("update", previous, node),
      onDelete: (node) => this.#onNode("delete", node, node),
    });
    this.#pods.addEventHandler({
      onAdd: (pod) => this.#onPod(undefined, pod),
      onUpdate: (previous, pod) => this.#onPod(previous, pod),
      onDelete: (pod) => this.#onPodGone(pod),
    });
  }

  /** Schedules until the signal aborts. Call it after the informers have started. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#options.informers.waitForSync(signal);
    await using bindings = new TaskGroup({
      parent: signal,
      onFailure: (error) => this.#options.logger.error("binding task failed", { error }),
    });
    try {
      for (let queued = await this.#queue.pop(signal); queued; queued = await this.#queue.pop(signal)) {
        await this.#scheduleOne(queued, bindings);
      }
    } finally {
      this.#queue.close();
    }
  }

  /** Why the pod was not placed at its last attempt, node by node. */
  lastDiagnosis(namespace: string, name: string): Diagnosis | undefined {
    return this.#lastDiagnosis.get(`${namespace}/${name}`);
  }

  async #scheduleOne(queued: QueuedPod, bindings: TaskGroup): Promise<void> {
    const startedMs = this.#options.clock.monotonic();
    const { info } = queued;
    const current = this.#pods.lister.getByKey(info.key);
    if (!current || !this.#isOurs(current) || this.#cache.isAssumed(current)) {
      this.#queue.done(queued);
      return;
    }
    const result = scheduleOne(this.#framework, info, this.#cache.snapshot, this.#options.random);
    if (result.nodeName === undefined) {
      this.#lastDiagnosis.set(info.key, result.diagnosis);
      this.#attempts.observe(this.#secondsSince(startedMs), "unschedulable", this.#schedulerName);
      await this.#framework.postFilter(result.state, info, this.#cache.snapshot);
      this.#reject(queued, "Unschedulable", explain(result.diagnosis), rejectingPlugins(result.diagnosis), bindings);
      return;
    }
    this.#lastDiagnosis.delete(info.key);
    const { nodeName, state } = result;
    // Between the decision and this line nothing awaits, so the snapshot it was made on is still the truth.
    this.#cache.assume(info, nodeName);
    const refused = this.#framework.reserve(state, info, nodeName);
    if (refused) {
      this.#cache.forget(info);
      this.#reject(queued, "Unschedulable", refused.reason, new Set([refused.plugin]), bindings);
      return;
    }
    this.#bindingsInFlight++;
    const binding = this.#bind(queued, state, nodeName, startedMs, bindings).finally(() => this.#bindingsInFlight--);
    bindings.spawn(() => binding);
    if (this.#bindingsInFlight >= bindingsInFlightMax) await binding;
  }

  async #bind(
    queued: QueuedPod,
    state: CycleState,
    nodeName: string,
    startedMs: number,
    bindings: TaskGroup,
  ): Promise<void> {
    const { info } = queued;
    const { pod } = info;
    try {
      const refused = await this.#framework.bind(state, info, nodeName, bindings.signal);
      if (refused) {
        this.#giveBack(info.key, state, queued, nodeName);
        this.#reject(queued, "Unschedulable", refused.reason, new Set([refused.plugin]), bindings);
        return;
      }
      this.#queue.done(queued);
      // A pod of the same name that was created while this one was in flight was not let into the queue.
      const successor = this.#unassigned(info.key);
      if (successor && successor.metadata.uid !== pod.metadata.uid) this.#queue.set(successor);
      this.#attempts.observe(this.#secondsSince(startedMs), "scheduled", this.#schedulerName);
      this.#options.recorder.event(
        pod,
        "Normal",
        "Scheduled",
        `Successfully assigned ${pod.metadata.namespace}/${pod.metadata.name} to ${nodeName}`,
      );
    } catch (error) {
      this.#giveBack(info.key, state, queued, nodeName);
      if (isAborted(error) && bindings.signal.aborted) return;
      this.#attempts.observe(this.#secondsSince(startedMs), "error", this.#schedulerName);
      // Gone, or bound by somebody else: there is nothing left to schedule.
      if (isNotFound(error) || isConflict(error)) {
        this.#queue.requeue(queued, this.#unassigned(info.key), new Set());
        return;
      }
      const message = `binding rejected: ${error instanceof Error ? error.message : String(error)}`;
      this.#reject(queued, "SchedulerError", message, new Set(), bindings);
    }
  }

  #giveBack(key: string, state: CycleState, queued: QueuedPod, nodeName: string): void {
    this.#framework.unreserve(state, queued.info, nodeName);
    this.#cache.forget(queued.info);
    this.#options.logger.debug("pod was not bound", { pod: key, node: nodeName });
  }

  /** Puts the pod back, says so in an event and in its PodScheduled condition. */
  #reject(
    queued: QueuedPod,
    reason: "Unschedulable" | "SchedulerError",
    message: string,
    rejectedBy: ReadonlySet<string>,
    tasks: TaskGroup,
  ): void {
    const current = this.#unassigned(queued.info.key);
    this.#queue.requeue(queued, current, rejectedBy);
    if (!current) return;
    this.#options.recorder.event(current, "Warning", "FailedScheduling", message);
    tasks.spawn((signal) => this.#markUnscheduled(current, reason, message, signal));
  }

  async #markUnscheduled(pod: Pod, reason: string, message: string, signal: AbortSignal): Promise<void> {
    const before = pod.status.conditions?.find((c) => c.type === "PodScheduled");
    if (before?.status === "False" && before.reason === reason && before.message === message) return;
    const condition: PodCondition = {
      type: "PodScheduled",
      status: "False",
      reason,
      message,
      observedGeneration: pod.metadata.generation,
      lastTransitionTime:
        before?.status === "False" && before.lastTransitionTime !== undefined
          ? before.lastTransitionTime
          : new Date(this.#options.clock.now()).toISOString().replace(/\.\d+Z$/, "Z"),
    };
    try {
      await this.#options.client
        .resource(pods, pod.metadata.namespace)
        .patch(
          pod.metadata.name,
          "strategic",
          { metadata: { uid: pod.metadata.uid }, status: { conditions: [condition] } },
          { subresource: "status", signal },
        );
    } catch (error) {
      if (isNotFound(error) || isConflict(error) || signal.aborted) return;
      // The next attempt writes it again.
      this.#options.logger.warn("cannot update the PodScheduled condition", { error, pod: pod.metadata.name });
    }
  }

  #onNode(action: "add" | "update" | "delete", previous: Node | undefined, current: Node): void {
    if (action === "delete") this.#cache.removeNode(current.metadata.name);
    else this.#cache.setNode(current);
    if (action === "update" && previous && !nodeChangeMatters(previous, current)) return;
    this.#queue.onEvent({ resource: "Node", action, previous, current });
  }

  #onPod(previous: Pod | undefined, pod: Pod): void {
    if (previous && previous.metadata.uid !== pod.metadata.uid) this.#onPodGone(previous);
    if (pod.spec.nodeName) {
      if (isFinished(pod)) {
        this.#onPodGone(pod);
        return;
      }
      this.#cache.setAssignedPod(pod);
      this.#queue.delete(pod);
      this.#lastDiagnosis.delete(`${pod.metadata.namespace}/${pod.metadata.name}`);
      const wasAssigned = previous?.spec.nodeName !== undefined && previous.spec.nodeName !== "";
      if (!wasAssigned) this.#assigned("add", undefined, pod);
      else if (previous.metadata.generation !== pod.metadata.generation) this.#assigned("update", previous, pod);
    } else if (this.#isOurs(pod)) this.#queue.set(pod);
    else this.#queue.delete(pod);
  }

  #onPodGone(pod: Pod): void {
    this.#queue.delete(pod);
    this.#lastDiagnosis.delete(`${pod.metadata.namespace}/${pod.metadata.name}`);
    if (!pod.spec.nodeName) return;
    this.#cache.removeAssignedPod(pod);
    this.#assigned("delete", undefined, pod);
  }

  #assigned(action: "add" | "update" | "delete", previous: Pod | undefined, current: Pod): void {
    const event: ClusterEvent = { resource: "AssignedPod", action, previous, current };
    this.#queue.onEvent(event);
  }

  #isOurs(pod: Pod): boolean {
    return (
      !pod.spec.nodeName &&
      (pod.spec.schedulerName ?? "default-scheduler") === this.#schedulerName &&
      pod.metadata.deletionTimestamp === undefined &&
      !isFinished(pod)
    );
  }

  #unassigned(key: string): Pod | undefined {
    const pod = this.#pods.lister.getByKey(key);
    return pod && this.#isOurs(pod) ? pod : undefined;
  }

  #secondsSince(startedMs: number): number {
    return (this.#options.clock.monotonic() - startedMs) / 1000;
  }
}

function rejectingPlugins(diagnosis: Diagnosis): ReadonlySet<string> {
  const out = new Set<string>();
  if (diagnosis.preFilter) out.add(diagnosis.preFilter.plugin);
  for (const status of diagnosis.byNode.values()) out.add(status.plugin);
  // Without nodes no plugin had a say; any new node helps, which NodeName's registration stands for.
  if (diagnosis.nodeCount === 0)
    for (const name of ["NodeResourcesFit", "TaintToleration", "NodeUnschedulable"]) out.add(name);
  return out;
}

function isFinished(pod: Pod): boolean {
  return pod.status.phase === "Succeeded" || pod.status.phase === "Failed";
}

/** Heartbeats and image lists do not make room. */
function nodeChangeMatters(previous: Node, current: Node): boolean {
  return (
    JSON.stringify(previous.spec) !== JSON.stringify(current.spec) ||
    JSON.stringify(previous.status.allocatable) !== JSON.stringify(current.status.allocatable) ||
    JSON.stringify(previous.metadata.labels) !== JSON.stringify(current.metadata.labels)
  );
}
