import type { Node, Pod, PodCondition } from "../api/core/v1/types.gen.ts";
import {
  csiDrivers,
  csiNodes,
  csiStorageCapacities,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  storageClasses,
} from "../api/resources.gen.ts";
import type { ResourceType } from "../apimachinery/resource-type.ts";
import type { InformerFactory, SharedInformer } from "../client/cache/shared-informer.ts";
import type { SeriesRecorder } from "../client/record/event-recorder.ts";
import type { ApiClient } from "../client/rest/api-client.ts";
import { isAborted, type Clock } from "../component-base/clock.ts";
import { timestamp } from "../component-helpers/time.ts";
import type { Logger } from "../component-base/logger.ts";
import { EventSignal } from "../component-base/event-signal.ts";
import { LruMap } from "../component-base/lru-map.ts";
import type { Histogram, MetricRegistry } from "../component-base/metrics.ts";
import type { Random } from "../component-base/random.ts";
import { TaskGroup } from "../component-base/task-group.ts";
import { isConflict, isNotFound } from "../apimachinery/errors/status-error.ts";
import { SchedulerCache } from "./cache/scheduler-cache.ts";
import { podInfo, podKey, type PodInfo } from "./cache/pod-info.ts";
import { explain, rejectingPlugins, type Diagnosis } from "./framework/diagnosis.ts";
import { Framework } from "./framework/framework.ts";
import type { ClusterEvent, CycleState, EventAction, EventObjects, Status } from "./framework/interface.ts";
import { listersOf } from "./framework/listers.ts";
import { defaultPlugins } from "./plugins/registry.ts";
import { SchedulingQueue, type QueuedPod } from "./queue/scheduling-queue.ts";
import { scheduleOne } from "./schedule-one.ts";

export interface SchedulerOptions {
  readonly client: ApiClient;
  readonly informers: InformerFactory;
  readonly recorder: SeriesRecorder;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  /** Pods that name another scheduler are not ours. */
  readonly schedulerName?: string;
}

// Bindings on their way at once; more wait their turn in the loop, which keeps the API server's queue short.
const bindingsInFlightMax = 256;
// One diagnosis names every node; of more pods than this the oldest is forgotten.
const diagnosesMax = 1_000;

/** kube-scheduler: assigns pods to nodes, one decision at a time, while earlier bindings are still on their way. */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #schedulerName: string;
  readonly #cache = new SchedulerCache();
  readonly #framework: Framework;
  readonly #queue: SchedulingQueue;
  readonly #pods: SharedInformer<Pod>;
  readonly #attempts: Histogram;
  readonly #lastDiagnosis = new LruMap<string, Diagnosis>(diagnosesMax);
  readonly #bindingEnded = new EventSignal();
  /** Pods with a node whose volumes are being bound; the wait ends when the pod goes. */
  readonly #waitingForVolumes = new Map<string, AbortController>();
  #bindingsInFlight = 0;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#schedulerName = options.schedulerName ?? "default-scheduler";
    this.#framework = new Framework(defaultPlugins({ ...options, listers: listersOf(options.informers) }));
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
    this.#forward("PersistentVolumeClaim", persistentVolumeClaims);
    this.#forward("PersistentVolume", persistentVolumes);
    this.#forward("StorageClass", storageClasses);
    this.#forward("CSINode", csiNodes);
    this.#forward("CSIDriver", csiDrivers);
    this.#forward("CSIStorageCapacity", csiStorageCapacities);
  }

  /** Tells the queue of every change of a type that plugins look up. */
  #forward<R extends keyof EventObjects>(resource: R, type: ResourceType<EventObjects[R]>): void {
    const tell = (action: EventAction, previous: EventObjects[R] | undefined, current: EventObjects[R]): void =>
      // The parts belong together by the type of R, which the compiler cannot see in a union.
      this.#queue.onEvent({ resource, action, previous, current } as unknown as ClusterEvent);
    this.#options.informers.for(type).addEventHandler({
      onAdd: (object) => tell("add", undefined, object),
      onUpdate: (previous, object) => tell("update", previous, object),
      onDelete: (object) => tell("delete", object, object),
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
    const { snapshot } = this.#cache;
    const result = scheduleOne(this.#framework, info, snapshot, this.#options.random);
    if (result.nodeName === undefined) {
      this.#attempts.observe(this.#secondsSince(startedMs), "unschedulable", this.#schedulerName);
      this.#makeRoom(queued, result.state, result.diagnosis, bindings);
      return;
    }
    const { nodeName, state } = result;
    // Between the decision and this line nothing awaits, so the snapshot it was made on is still the truth.
    this.#cache.assume(info, nodeName);
    snapshot.nominator.delete(info.key);
    const refused = this.#framework.reserve(state, info, nodeName);
    if (refused) {
      this.#cache.forget(info);
      this.#reject(queued, { reason: "Unschedulable", message: refused.reason }, new Set([refused.plugin]), bindings);
      return;
    }
    this.#queue.decided(queued);
    bindings.spawn(() => this.#bind(queued, state, nodeName, startedMs, bindings));
    while (this.#bindingsInFlight >= bindingsInFlightMax && !bindings.signal.aborted) {
      await this.#bindingEnded.wait(bindings.signal);
    }
  }

  /** Asks the plugins to make room, and puts the pod back. */
  #makeRoom(queued: QueuedPod, state: CycleState, diagnosis: Diagnosis, bindings: TaskGroup): void {
    const { info } = queued;
    const { snapshot } = this.#cache;
    // Without nodes there is nowhere to make room.
    const {
      nominate,
      message = "",
      prepare,
    } = diagnosis.nodeCount === 0
      ? {}
      : this.#framework.postFilter({ state, pod: info, snapshot, diagnosis, filters: this.#framework });
    const final = { ...diagnosis, postFilter: message };
    this.#lastDiagnosis.set(info.key, final);
    if (nominate !== undefined) snapshot.nominator.set(info, nominate);
    const rejectedBy = rejectingPlugins(final);
    // Without nodes no plugin had a say; any new node helps, which these registrations stand for.
    if (diagnosis.nodeCount === 0) rejectedBy.add("NodeResourcesFit").add("TaintToleration").add("NodeUnschedulable");
    this.#reject(queued, { reason: "Unschedulable", message: explain(final), nominate }, rejectedBy, bindings);
    if (!prepare) return;
    bindings.spawn(async (signal) => {
      try {
        await prepare(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#options.logger.warn("cannot make room for a pod", { error, pod: info.key });
        // The next attempt makes room again.
        snapshot.nominator.delete(info.key);
        this.#queue.activate(info.key);
      }
    });
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
      const refused =
        (await this.#prepareBinding(state, info, nodeName, bindings)) ??
        (await this.#postBinding(state, info, nodeName, bindings));
      if (refused) {
        this.#giveBack(info.key, state, queued, nodeName);
        this.#reject(queued, { reason: "Unschedulable", message: refused.reason }, new Set([refused.plugin]), bindings);
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
        { action: "Binding" },
      );
    } catch (error) {
      this.#giveBack(info.key, state, queued, nodeName);
      if (isAborted(error)) {
        if (!bindings.signal.aborted) this.#queue.requeue(queued, this.#unassigned(info.key), new Set());
        return;
      }
      this.#attempts.observe(this.#secondsSince(startedMs), "error", this.#schedulerName);
      // Gone, or bound by somebody else: there is nothing left to schedule.
      if (isNotFound(error) || isConflict(error)) {
        this.#queue.requeue(queued, this.#unassigned(info.key), new Set());
        return;
      }
      const message = `binding rejected: ${error instanceof Error ? error.message : String(error)}`;
      this.#reject(queued, { reason: "SchedulerError", message }, new Set(), bindings);
    }
  }

  /** Waiting for a volume may take minutes, does not count among the bindings in flight, and ends when the pod goes. */
  async #prepareBinding(
    state: CycleState,
    info: PodInfo,
    nodeName: string,
    { signal }: TaskGroup,
  ): Promise<Status | undefined> {
    const stop = new AbortController();
    const either = info.claimKeys.length === 0 ? signal : AbortSignal.any([signal, stop.signal]);
    const preparation = this.#framework.prepareBinding(state, info, nodeName, either);
    if (!preparation) return undefined;
    this.#waitingForVolumes.set(info.key, stop);
    try {
      return await preparation;
    } finally {
      this.#waitingForVolumes.delete(info.key);
    }
  }

  async #postBinding(
    state: CycleState,
    info: PodInfo,
    nodeName: string,
    { signal }: TaskGroup,
  ): Promise<Status | undefined> {
    this.#bindingsInFlight++;
    try {
      return await this.#framework.bind(state, info, nodeName, signal);
    } finally {
      this.#bindingsInFlight--;
      this.#bindingEnded.set();
    }
  }

  #giveBack(key: string, state: CycleState, queued: QueuedPod, nodeName: string): void {
    this.#framework.unreserve(state, queued.info, nodeName);
    this.#cache.forget(queued.info);
    // Its room is free again, which for the others is as if it had been deleted.
    this.#assigned("delete", undefined, queued.info.pod);
    this.#options.logger.debug("pod was not bound", { pod: key, node: nodeName });
  }

  /** Puts the pod back, says so in an event and in its status. */
  #reject(queued: QueuedPod, outcome: Outcome, rejectedBy: ReadonlySet<string>, tasks: TaskGroup): void {
    const current = this.#unassigned(queued.info.key);
    this.#queue.requeue(queued, current, rejectedBy);
    const { nominator } = this.#cache.snapshot;
    if (!current) {
      nominator.delete(queued.info.key);
      return;
    }
    // What was promised to the pod before this attempt stays promised.
    if (outcome.nominate === undefined && nominator.nodeOf(queued.info.key) === undefined) {
      nominator.set(podInfo(current), current.status.nominatedNodeName);
    }
    this.#options.recorder.event(current, "Warning", "FailedScheduling", outcome.message, { action: "Scheduling" });
    tasks.spawn((signal) => this.#markUnscheduled(current, outcome, signal));
  }

  async #markUnscheduled(pod: Pod, { reason, message, nominate }: Outcome, signal: AbortSignal): Promise<void> {
    const before = pod.status.conditions?.find((c) => c.type === "PodScheduled");
    const isSameNode = nominate === undefined || nominate === (pod.status.nominatedNodeName ?? "");
    if (isSameNode && before?.status === "False" && before.reason === reason && before.message === message) return;
    const condition: PodCondition = {
      type: "PodScheduled",
      status: "False",
      reason,
      message,
      observedGeneration: pod.metadata.generation,
      lastTransitionTime:
        before?.status === "False" && before.lastTransitionTime !== undefined
          ? before.lastTransitionTime
          : timestamp(this.#options.clock),
    };
    const status = {
      conditions: [condition],
      ...(isSameNode ? {} : { nominatedNodeName: nominate === "" ? null : nominate }),
    };
    try {
      await this.#options.client
        .resource(pods, pod.metadata.namespace)
        .patch(
          pod.metadata.name,
          "strategic",
          { metadata: { uid: pod.metadata.uid }, status },
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
      this.#cache.snapshot.nominator.delete(podKey(pod));
      this.#lastDiagnosis.delete(podKey(pod));
      const wasAssigned = previous?.spec.nodeName !== undefined && previous.spec.nodeName !== "";
      if (!wasAssigned) this.#assigned("add", undefined, pod);
      else if (assignedPodChangeMatters(previous, pod)) this.#assigned("update", previous, pod);
    } else if (this.#isOurs(pod)) {
      this.#queue.set(pod);
      this.#nominate(previous, pod);
    } else {
      this.#queue.delete(pod);
      this.#cache.snapshot.nominator.delete(podKey(pod));
    }
  }

  /** A nomination that this process did not make (it was made before a restart, or taken back by somebody) counts as well. */
  #nominate(previous: Pod | undefined, pod: Pod): void {
    if (previous?.status.nominatedNodeName === pod.status.nominatedNodeName || this.#cache.isAssumed(pod)) return;
    this.#cache.snapshot.nominator.set(podInfo(pod), pod.status.nominatedNodeName);
  }

  #onPodGone(pod: Pod): void {
    this.#queue.delete(pod);
    this.#cache.snapshot.nominator.delete(podKey(pod));
    this.#lastDiagnosis.delete(podKey(pod));
    this.#waitingForVolumes.get(podKey(pod))?.abort();
    if (!pod.spec.nodeName) return;
    if (this.#cache.removeAssignedPod(pod)) this.#assigned("delete", undefined, pod);
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

/** What an attempt came to, for the pod's status. */
interface Outcome {
  readonly reason: "Unschedulable" | "SchedulerError";
  readonly message: string;
  /** A nomination, or with an empty name the end of one. */
  readonly nominate?: string | undefined;
}

function isFinished(pod: Pod): boolean {
  return pod.status.phase === "Succeeded" || pod.status.phase === "Failed";
}

/** Its labels, what it asks for, or that it is about to leave. */
function assignedPodChangeMatters(previous: Pod, current: Pod): boolean {
  const [a, b] = [previous.metadata, current.metadata];
  return (
    a.generation !== b.generation ||
    a.deletionTimestamp !== b.deletionTimestamp ||
    JSON.stringify(a.labels) !== JSON.stringify(b.labels)
  );
}

/** Heartbeats and image lists do not make room. */
function nodeChangeMatters(previous: Node, current: Node): boolean {
  return (
    JSON.stringify(previous.spec) !== JSON.stringify(current.spec) ||
    JSON.stringify(previous.status.allocatable) !== JSON.stringify(current.status.allocatable) ||
    JSON.stringify(previous.metadata.labels) !== JSON.stringify(current.metadata.labels)
  );
}
