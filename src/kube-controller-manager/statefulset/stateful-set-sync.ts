import type { ControllerRevision, StatefulSet, StatefulSetStatus } from "../../api/apps/v1/types.gen.ts";
import type { Pod } from "../../api/core/v1/types.gen.ts";
import { isPodTerminal } from "../../component-helpers/pod.ts";
import type { ControllerContext } from "../../controller-runtime/controller.ts";
import { slowStartBatch } from "../../controller-runtime/slow-start-batch.ts";
import type { StatefulPodControl } from "./stateful-pod-control.ts";
import {
  isAvailable,
  isHealthy,
  isRunningAndReady,
  isWanted,
  ordinalOf,
  replicasOf,
  revisionOf,
  startOrdinal,
} from "./stateful-pods.ts";

export interface StatefulState {
  readonly set: StatefulSet;
  readonly pods: readonly Pod[];
  readonly current: ControllerRevision;
  readonly update: ControllerRevision;
}

/**
 * One reconciliation of a StatefulSet. Unless pods are managed in parallel, each step waits for the one before: pods come
 * up in the order of their ordinals, each when its predecessors are available; then surplus pods go, the highest first;
 * then pods of old revisions are replaced, the highest first.
 */
export class StatefulSetSync {
  readonly #context: Pick<ControllerContext, "recorder">;
  readonly #control: StatefulPodControl;
  readonly #state: StatefulState;
  readonly #nowMs: number;
  readonly #isOrdered: boolean;
  readonly #byOrdinal = new Map<number, Pod>();

  constructor(
    context: Pick<ControllerContext, "recorder" | "clock">,
    control: StatefulPodControl,
    state: StatefulState,
  ) {
    this.#context = context;
    this.#control = control;
    this.#state = state;
    this.#nowMs = context.clock.now();
    this.#isOrdered = state.set.spec.podManagementPolicy !== "Parallel";
    for (const pod of state.pods) {
      const ordinal = ordinalOf(state.set, pod);
      if (ordinal !== undefined) this.#byOrdinal.set(ordinal, pod);
    }
  }

  async run(): Promise<void> {
    if (this.#state.set.metadata.deletionTimestamp) return;
    if (!(await this.#bringUp())) return;
    if (!(await this.#bringDown())) return;
    await this.#rollOut();
  }

  #ordinals(): readonly number[] {
    const { set } = this.#state;
    return Array.from({ length: replicasOf(set) }, (_, i) => startOrdinal(set) + i);
  }

  /** Resolves to whether the next phase may begin. */
  async #bringUp(): Promise<boolean> {
    const ordinals = this.#ordinals();
    if (!this.#isOrdered) {
      const { error } = await slowStartBatch(ordinals.length, 1, async (i) => {
        await this.#processReplica(ordinals[i] ?? 0);
      });
      if (error !== undefined) throw error;
      return true;
    }
    for (const ordinal of ordinals) if (!(await this.#processReplica(ordinal))) return false;
    return true;
  }

  /** Resolves to whether the next replica may be looked at, where order matters. */
  async #processReplica(ordinal: number): Promise<boolean> {
    const { set } = this.#state;
    const pod = this.#byOrdinal.get(ordinal);
    if (!pod) {
      if (this.#control.hasStaleClaim(ordinal, undefined)) return false;
      this.#byOrdinal.set(ordinal, await this.#control.create(this.#revisionFor(ordinal), ordinal));
      return false;
    }
    const { name, namespace, deletionTimestamp } = pod.metadata;
    if (isPodTerminal(pod)) {
      // A replacement needs the name: it is made when the pod is gone.
      if (deletionTimestamp) return false;
      const [type, reason, what] =
        pod.status.phase === "Failed"
          ? (["Warning", "RecreatingFailedPod", "failed"] as const)
          : (["Normal", "RecreatingTerminatedPod", "terminated"] as const);
      const message = `StatefulSet ${namespace}/${set.metadata.name} is recreating ${what} Pod ${name}`;
      this.#context.recorder.event(set, type, reason, message);
      await this.#control.delete(pod);
      return false;
    }
    if (pod.status.phase === "Pending" && !deletionTimestamp) await this.#control.createMissingClaims(ordinal);
    if (this.#isOrdered && !isHealthy(set, pod, this.#nowMs)) return false;
    if (!deletionTimestamp) await this.#control.mend(pod, ordinal);
    return true;
  }

  /** New pods below the partition are still of the current revision. */
  #revisionFor(ordinal: number): ControllerRevision {
    const { set, current, update } = this.#state;
    const { type, rollingUpdate } = set.spec.updateStrategy;
    if (type === "OnDelete") return update;
    const kept = rollingUpdate ? (rollingUpdate.partition ?? 0) : (set.status.currentReplicas ?? 0);
    return ordinal < startOrdinal(set) + kept ? current : update;
  }

  async #bringDown(): Promise<boolean> {
    const { set } = this.#state;
    const condemned = [...this.#byOrdinal].filter(([ordinal]) => !isWanted(set, ordinal)).sort(([a], [b]) => b - a);
    for (const [ordinal, pod] of condemned) await this.#control.syncClaimOwners(pod, ordinal);
    const unhealthy = this.#ordinals()
      .map((ordinal) => this.#byOrdinal.get(ordinal))
      .concat([...condemned].reverse().map(([, pod]) => pod))
      .find((pod) => pod && !isHealthy(set, pod, this.#nowMs));
    for (const [, pod] of condemned) {
      if (pod.metadata.deletionTimestamp) {
        if (this.#isOrdered) return false;
        continue;
      }
      if (this.#isOrdered && !isAvailable(set, pod, this.#nowMs) && pod !== unhealthy) return false;
      await this.#control.delete(pod);
      if (this.#isOrdered) return false;
    }
    return true;
  }

  async #rollOut(): Promise<void> {
    const { set, update } = this.#state;
    const { type, rollingUpdate } = set.spec.updateStrategy;
    if (type === "OnDelete") return;
    const first = startOrdinal(set) + (rollingUpdate?.partition ?? 0);
    // One at a time: the next goes when this one is healthy again.
    for (const ordinal of [...this.#ordinals()].reverse()) {
      const pod = this.#byOrdinal.get(ordinal);
      if (ordinal < first || !pod) return;
      if (revisionOf(pod) !== update.metadata.name && !pod.metadata.deletionTimestamp) {
        await this.#control.delete(pod);
        return;
      }
      if (!isHealthy(set, pod, this.#nowMs)) return;
    }
  }
}

/** The set's status by the pods there are. */
export function statefulSetStatus(
  state: StatefulState,
  collisionCount: number | undefined,
  nowMs: number,
): StatefulSetStatus {
  const { set, pods, current, update } = state;
  const live = pods.filter((p) => !p.metadata.deletionTimestamp);
  const ofRevision = (name: string): number => live.filter((p) => revisionOf(p) === name).length;
  const replicas = pods.length;
  const readyReplicas = pods.filter(isRunningAndReady).length;
  const updatedReplicas = ofRevision(update.metadata.name);
  const wanted = replicasOf(set);
  // When all pods are of the new revision and ready, it becomes the current one.
  const isComplete =
    set.spec.updateStrategy.type !== "OnDelete" &&
    [updatedReplicas, readyReplicas, replicas].every((count) => count === wanted);
  const currentRevision = isComplete ? update.metadata.name : current.metadata.name;
  const currentReplicas = ofRevision(currentRevision);
  return {
    observedGeneration: set.metadata.generation ?? 0,
    replicas,
    ...(readyReplicas ? { readyReplicas } : {}),
    ...(currentReplicas ? { currentReplicas } : {}),
    ...(updatedReplicas ? { updatedReplicas } : {}),
    currentRevision,
    updateRevision: update.metadata.name,
    collisionCount: collisionCount ?? 0,
    ...(set.status.conditions ? { conditions: set.status.conditions } : {}),
    availableReplicas: pods.filter((p) => isAvailable(set, p, nowMs)).length,
  };
}
