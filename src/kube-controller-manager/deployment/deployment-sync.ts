import { namespaceTerminatingCause } from "../../apimachinery/errors/new.ts";
import { hasStatusCause, isAlreadyExists, isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { Deployment, DeploymentStatus, ReplicaSet } from "../../api/apps/v1/types.gen.ts";
import { deployments, replicaSets } from "../../api/resources.gen.ts";
import { errorText } from "../../component-base/logger.ts";
import type { ResourceClient } from "../../client/rest/api-client.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import { isControlledBy, newControllerRef } from "../../controller-runtime/controller-ref.ts";
import type { ControllerContext } from "../../controller-runtime/controller.ts";
import { calculateStatus, conditionOf, reasons, withCondition, withProgress } from "./deployment-conditions.ts";
import {
  activeOrLatest,
  activeSets,
  annotations,
  desiredReplicas,
  hasProgressDeadline,
  hasRevisionHistoryLimit,
  isRollingUpdate,
  isSaturated,
  newSetReplicas,
  proportionalSizes,
  replicasOf,
  revisionOf,
} from "./deployment-math.ts";
import {
  equalIgnoringHash,
  findNewSet,
  newSetAnnotations,
  nextRevision,
  sizeAnnotations,
  templateHash,
  templateHashLabel,
  withHashLabel,
} from "./replica-set-revisions.ts";

/** The sets of a Deployment: the one of its present template, if there is one, and the others. */
export interface DeploymentSets {
  readonly newSet: ReplicaSet | undefined;
  readonly old: readonly ReplicaSet[];
  readonly all: readonly ReplicaSet[];
}

/** One reconciliation of one Deployment: what the strategies are made of. Follows its own writes to the object. */
export class DeploymentSync {
  readonly #context: ControllerContext;
  readonly #signal: AbortSignal;
  #deployment: Deployment;
  #sets: readonly ReplicaSet[];

  constructor(context: ControllerContext, deployment: Deployment, sets: readonly ReplicaSet[], signal: AbortSignal) {
    this.#context = context;
    this.#deployment = deployment;
    this.#sets = sets;
    this.#signal = signal;
  }

  get deployment(): Deployment {
    return this.#deployment;
  }

  /** The sets as they are known now. */
  sets(): DeploymentSets {
    const newSet = findNewSet(this.#deployment, this.#sets);
    return { newSet, old: this.#sets.filter((rs) => rs !== newSet), all: this.#sets };
  }

  /** Sees to the new set's revision and annotations; with `create`, makes the set when there is none. */
  async syncRevision(create: boolean): Promise<DeploymentSets> {
    const { newSet, old } = this.sets();
    if (newSet) await this.#updateNewSet(newSet, nextRevision(old));
    else if (create) await this.#createNewSet(nextRevision(old));
    return this.sets();
  }

  async #updateNewSet(newSet: ReplicaSet, revision: bigint): Promise<void> {
    const d = this.#deployment;
    const wanted = newSetAnnotations(d, newSet.metadata.annotations ?? {}, revision);
    const minReadySeconds = d.spec.minReadySeconds ?? 0;
    const isCurrent =
      semanticEqual(wanted, newSet.metadata.annotations) && (newSet.spec.minReadySeconds ?? 0) === minReadySeconds;
    if (!isCurrent) {
      const updated = await this.#setClient().update(
        {
          ...newSet,
          metadata: { ...newSet.metadata, annotations: wanted },
          spec: { ...newSet.spec, minReadySeconds },
        },
        { signal: this.#signal },
      );
      this.#replace(updated);
    }
    await this.#setRevision(wanted[annotations.revision] ?? String(revision));
    if (!hasProgressDeadline(d) || conditionOf(this.#deployment.status, "Progressing")) return;
    await this.#setProgressing("True", reasons.foundNewSet, `Found new replica set "${newSet.metadata.name}"`);
  }

  async #createNewSet(revision: bigint): Promise<void> {
    const d = this.#deployment;
    const hash = templateHash(d.spec.template, d.status.collisionCount);
    const template = withHashLabel(d.spec.template, hash);
    const replicas = newSetReplicas(d, this.#sets, 0);
    const name = `${d.metadata.name}-${hash}`;
    let created: ReplicaSet;
    let isNew = true;
    try {
      created = await this.#setClient().create(
        {
          metadata: {
            name,
            namespace: d.metadata.namespace,
            labels: template.metadata.labels ?? {},
            annotations: { ...newSetAnnotations(d, {}, revision), ...sizeAnnotations(d) },
            ownerReferences: [newControllerRef(deployments, d)],
          },
          spec: {
            replicas,
            minReadySeconds: d.spec.minReadySeconds ?? 0,
            selector: {
              ...d.spec.selector,
              matchLabels: { ...d.spec.selector?.matchLabels, [templateHashLabel]: hash },
            },
            template,
          },
        },
        { signal: this.#signal },
      );
    } catch (error) {
      if (hasStatusCause(error, namespaceTerminatingCause)) return;
      if (!isAlreadyExists(error)) {
        await this.#creationFailed(name, error);
        throw error;
      }
      created = await this.#existingSet(name, error);
      isNew = false;
    }
    this.#replace(created);
    if (isNew && replicas > 0)
      this.#event("Normal", "ScalingReplicaSet", `Scaled up replica set ${name} from 0 to ${replicas}`);
    await this.#setRevision(created.metadata.annotations?.[annotations.revision] ?? String(revision));
    if (isNew && hasProgressDeadline(d))
      await this.#setProgressing("True", reasons.newSet, `Created new replica set "${name}"`);
  }

  /**
   * The name is taken: by the set we made and have not yet in the cache, or by another template of the same hash. Then
   * the collision count changes the hash, and the next try has another name.
   */
  async #existingSet(name: string, error: unknown): Promise<ReplicaSet> {
    const d = this.#deployment;
    const existing = await this.#setClient()
      .get(name, { signal: this.#signal })
      .catch((failure: unknown) => {
        if (isNotFound(failure)) throw error;
        throw failure;
      });
    if (isControlledBy(existing, d) && equalIgnoringHash(existing.spec.template, d.spec.template)) return existing;
    await this.#updateStatus({ ...d.status, collisionCount: (d.status.collisionCount ?? 0) + 1 });
    throw error;
  }

  async #creationFailed(name: string, error: unknown): Promise<void> {
    const message = `Failed to create new replica set "${name}": ${errorText(error)}`;
    this.#event("Warning", reasons.createError, message);
    if (hasProgressDeadline(this.#deployment)) await this.#setProgressing("False", reasons.createError, message);
  }

  /** Scales one set and says so. Returns whether its size changed; keeps its size annotations current in any case. */
  async scale(rs: ReplicaSet, replicas: number): Promise<boolean> {
    const before = replicasOf(rs);
    const size = sizeAnnotations(this.#deployment);
    const current = rs.metadata.annotations ?? {};
    const isAnnotated = Object.entries(size).every(([name, value]) => current[name] === value);
    if (before === replicas && isAnnotated) return false;
    const updated = await this.#setClient().update(
      {
        ...rs,
        metadata: { ...rs.metadata, annotations: { ...current, ...size } },
        spec: { ...rs.spec, replicas },
      },
      { signal: this.#signal },
    );
    this.#replace(updated);
    if (before === replicas) return false;
    const direction = replicas > before ? "up" : "down";
    const message = `Scaled ${direction} replica set ${rs.metadata.name} from ${before} to ${replicas}`;
    this.#event("Normal", "ScalingReplicaSet", message);
    return true;
  }

  /** For a Deployment that is paused or whose size was changed: sizes and status, and no rollout. */
  async scaleOnly(): Promise<void> {
    await this.syncRevision(false);
    await this.#distribute();
    if (this.#deployment.spec.paused) await this.cleanup();
    await this.#writeStatus((d, { all, newSet }, now) => calculateStatus(d, all, newSet, now));
  }

  async #distribute(): Promise<void> {
    const { newSet, old, all } = this.sets();
    const only = activeOrLatest(newSet, old);
    if (only) {
      await this.scale(only, desiredReplicas(this.#deployment));
      return;
    }
    if (isSaturated(this.#deployment, newSet)) {
      for (const rs of activeSets(old)) await this.scale(rs, 0);
      return;
    }
    if (!isRollingUpdate(this.#deployment)) return;
    for (const { set, replicas } of proportionalSizes(this.#deployment, activeSets(all)))
      await this.scale(set, replicas);
  }

  /** Deletes the oldest sets that are down, beyond those kept for rolling back. */
  async cleanup(): Promise<void> {
    const d = this.#deployment;
    if (!hasRevisionHistoryLimit(d)) return;
    const old = this.sets().old.filter((rs) => !rs.metadata.deletionTimestamp);
    const surplus = old.length - (d.spec.revisionHistoryLimit ?? 0);
    if (surplus <= 0) return;
    for (const rs of [...old].sort((a, b) => (revisionOf(a) < revisionOf(b) ? -1 : 1)).slice(0, surplus)) {
      const isBehind = (rs.metadata.generation ?? 0) > (rs.status.observedGeneration ?? 0);
      if (rs.status.replicas !== 0 || replicasOf(rs) !== 0 || isBehind) continue;
      await this.#setClient()
        .delete(rs.metadata.name, { preconditions: { uid: rs.metadata.uid }, signal: this.#signal })
        .catch((error: unknown) => {
          if (!isNotFound(error)) throw error;
        });
    }
  }

  /** Reports the counts alone, of a Deployment being deleted. */
  async statusOnly(): Promise<void> {
    await this.#writeStatus((d, { all, newSet }, now) => calculateStatus(d, all, newSet, now));
  }

  /** Reports how the rollout stands. */
  async rolloutStatus(): Promise<void> {
    await this.#writeStatus((d, { all, newSet }, now) =>
      withProgress(d, calculateStatus(d, all, newSet, now), all, newSet, now),
    );
  }

  /** Keeps the progress deadline from running while paused: the condition says paused, then resumed. */
  async syncPausedCondition(): Promise<void> {
    const d = this.#deployment;
    const current = conditionOf(d.status, "Progressing");
    if (!hasProgressDeadline(d) || current?.reason === reasons.timedOut) return;
    const saysPaused = current?.reason === reasons.paused;
    if (d.spec.paused && !saysPaused) await this.#setProgressing("Unknown", reasons.paused, "Deployment is paused");
    if (!d.spec.paused && saysPaused) await this.#setProgressing("Unknown", reasons.resumed, "Deployment is resumed");
  }

  /** Acknowledges a spec that cannot be acted on. */
  async observeGeneration(): Promise<void> {
    const { generation = 0 } = this.#deployment.metadata;
    if ((this.#deployment.status.observedGeneration ?? 0) < generation)
      await this.#updateStatus({ ...this.#deployment.status, observedGeneration: generation });
  }

  async #writeStatus(
    calculate: (d: Deployment, sets: DeploymentSets, nowMs: number) => DeploymentStatus,
  ): Promise<void> {
    const status = calculate(this.#deployment, this.sets(), this.#context.clock.now());
    if (!semanticEqual(status, this.#deployment.status)) await this.#updateStatus(status);
  }

  async #setProgressing(status: string, reason: string, message: string): Promise<void> {
    const before = this.#deployment.status.conditions ?? [];
    const set = { type: "Progressing", status, reason, message };
    const conditions = withCondition(before, set, this.#context.clock.now());
    if (conditions !== before) await this.#updateStatus({ ...this.#deployment.status, conditions });
  }

  async #updateStatus(status: DeploymentStatus): Promise<void> {
    this.#deployment = await this.#context.client
      .resource(deployments, this.#deployment.metadata.namespace)
      .updateStatus({ ...this.#deployment, status }, { signal: this.#signal });
  }

  /** The Deployment carries the revision of its new set: `kubectl rollout history` and `undo` read it. */
  async #setRevision(revision: string): Promise<void> {
    const { namespace, name, uid, annotations: current } = this.#deployment.metadata;
    if (current?.[annotations.revision] === revision) return;
    const patch = { metadata: { uid, annotations: { [annotations.revision]: revision } } };
    this.#deployment = await this.#context.client
      .resource(deployments, namespace)
      .patch(name, "merge", patch, { signal: this.#signal });
  }

  #replace(updated: ReplicaSet): void {
    const others = this.#sets.filter((rs) => rs.metadata.uid !== updated.metadata.uid);
    this.#sets = [...others, updated];
  }

  #event(type: "Normal" | "Warning", reason: string, message: string): void {
    this.#context.recorder.event(this.#deployment, type, reason, message);
  }

  #setClient(): ResourceClient<ReplicaSet> {
    return this.#context.client.resource(replicaSets, this.#deployment.metadata.namespace);
  }
}
