import { isAlreadyExists, isNotFound } from "../../apimachinery/errors/status-error.ts";
import { namespaceTerminatingCause } from "../../apimachinery/errors/new.ts";
import { hasStatusCause } from "../../apimachinery/errors/status-error.ts";
import type { OwnerReference } from "../../apimachinery/meta/v1/types.gen.ts";
import type { ControllerRevision, StatefulSet } from "../../api/apps/v1/types.gen.ts";
import type { PersistentVolumeClaim, Pod } from "../../api/core/v1/types.gen.ts";
import { persistentVolumeClaims, pods, statefulSets } from "../../api/resources.gen.ts";
import { errorText } from "../../component-base/logger.ts";
import type { SharedInformer } from "../../client/cache/shared-informer.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import { newControllerRef } from "../../controller-runtime/controller-ref.ts";
import type { ControllerContext } from "../../controller-runtime/controller.ts";
import { claimsOf, identityLabels, isWanted, ordinalOf, podNameOf, statefulPod } from "./stateful-pods.ts";

type Outcome = "successful" | { readonly error: unknown };

/** Makes, mends and deletes the pods and claims of one StatefulSet, and tells it in the set's events. */
export class StatefulPodControl {
  readonly #context: ControllerContext;
  readonly #claims: SharedInformer<PersistentVolumeClaim>;
  readonly #set: StatefulSet;
  readonly #signal: AbortSignal;

  constructor(
    context: ControllerContext,
    claims: SharedInformer<PersistentVolumeClaim>,
    set: StatefulSet,
    signal: AbortSignal,
  ) {
    this.#context = context;
    this.#claims = claims;
    this.#set = set;
    this.#signal = signal;
  }

  /** Creates the pod after its claims. Rejects with AlreadyExists when the cache is behind. */
  async create(revision: ControllerRevision, ordinal: number): Promise<Pod> {
    const set = this.#set;
    const name = podNameOf(set, ordinal);
    try {
      await this.createMissingClaims(ordinal);
      const pod = statefulPod(set, revision, ordinal);
      const created = await this.#context.client
        .resource(pods, set.metadata.namespace)
        .create(pod, { signal: this.#signal });
      this.#tellPod("create", name, "successful");
      await this.syncClaimOwners(created, ordinal);
      return created;
    } catch (error) {
      if (!isAlreadyExists(error)) this.#tellPod("create", name, { error });
      throw error;
    }
  }

  async delete(pod: Pod): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    try {
      await this.#context.client
        .resource(pods, namespace)
        .delete(name, { preconditions: { uid }, signal: this.#signal });
    } catch (error) {
      if (isNotFound(error)) return;
      this.#tellPod("delete", name, { error });
      throw error;
    }
    this.#tellPod("delete", name, "successful");
  }

  /** Gives the pod its labels and its claims back, should somebody have taken them. */
  async mend(pod: Pod, ordinal: number): Promise<void> {
    await this.syncClaimOwners(pod, ordinal);
    const labels = identityLabels(this.#set, ordinal);
    if (Object.entries(labels).every(([key, value]) => pod.metadata.labels?.[key] === value)) return;
    const { name, namespace, uid } = pod.metadata;
    try {
      await this.#context.client
        .resource(pods, namespace)
        .patch(name, "merge", { metadata: { uid, labels } }, { signal: this.#signal });
    } catch (error) {
      this.#tellPod("update", name, { error });
      throw error;
    }
    this.#tellPod("update", name, "successful");
  }

  async createMissingClaims(ordinal: number): Promise<void> {
    const set = this.#set;
    const podName = podNameOf(set, ordinal);
    for (const claim of claimsOf(set, ordinal)) {
      const name = claim.metadata?.name ?? "";
      const existing = this.#claims.lister.get(set.metadata.namespace, name);
      if (existing?.metadata.deletionTimestamp) throw new Error(`pvc ${name} is being deleted`);
      if (existing) continue;
      try {
        await this.#context.client
          .resource(persistentVolumeClaims, set.metadata.namespace)
          .create(claim, { signal: this.#signal });
      } catch (error) {
        if (isAlreadyExists(error)) continue;
        this.#tell("create", `Claim ${name} Pod ${podName}`, "success", { error });
        throw error;
      }
      this.#tell("create", `Claim ${name} Pod ${podName}`, "success", "successful");
    }
  }

  /** True while a claim still belongs to a former pod of that name, with which it will be collected. */
  hasStaleClaim(ordinal: number, currentUid: string | undefined): boolean {
    return this.#existingClaims(ordinal).some((claim) =>
      (claim.metadata.ownerReferences ?? []).some(
        (ref) => ref.kind === "Pod" && ref.name === podNameOf(this.#set, ordinal) && ref.uid !== currentUid,
      ),
    );
  }

  /**
   * Makes claims belong to the set, to a pod on its way out, or to nobody, as the retention policy says; the garbage
   * collector does the rest.
   */
  async syncClaimOwners(pod: Pod, ordinal: number): Promise<void> {
    for (const claim of this.#existingClaims(ordinal)) {
      const before = claim.metadata.ownerReferences ?? [];
      const ownerReferences = this.#claimOwners(claim, pod, ordinal);
      if (semanticEqual(before, ownerReferences)) continue;
      await this.#context.client
        .resource(persistentVolumeClaims, claim.metadata.namespace)
        .update({ ...claim, metadata: { ...claim.metadata, ownerReferences } }, { signal: this.#signal });
    }
  }

  #existingClaims(ordinal: number): readonly PersistentVolumeClaim[] {
    const { namespace } = this.#set.metadata;
    return claimsOf(this.#set, ordinal).flatMap(
      (c) => this.#claims.lister.get(namespace, c.metadata?.name ?? "") ?? [],
    );
  }

  #claimOwners(claim: PersistentVolumeClaim, pod: Pod, ordinal: number): readonly OwnerReference[] {
    const set = this.#set;
    const before = claim.metadata.ownerReferences ?? [];
    const { whenDeleted, whenScaled } = set.spec.persistentVolumeClaimRetentionPolicy ?? {};
    const isCondemned = ordinalOf(set, pod) === undefined || !isWanted(set, ordinal);
    const wantsPod = whenScaled === "Delete" && isCondemned;
    const wantsSet = whenDeleted === "Delete" && !wantsPod;
    const ours = new Set([set.metadata.uid, pod.metadata.uid]);
    // What somebody else controls is not ours to give away.
    if (before.some((ref) => ref.controller && !ours.has(ref.uid))) return before;
    return [
      ...before.filter((ref) => !ours.has(ref.uid)),
      ...(wantsSet ? [newControllerRef(statefulSets, set)] : []),
      ...(wantsPod ? [newControllerRef(pods, pod)] : []),
    ];
  }

  #tellPod(verb: string, name: string, outcome: Outcome): void {
    this.#tell(verb, `Pod ${name}`, "successful", outcome);
  }

  #tell(verb: string, what: string, success: string, outcome: Outcome): void {
    const title = `${verb.slice(0, 1).toUpperCase()}${verb.slice(1)}`;
    const message = `${verb} ${what} in StatefulSet ${this.#set.metadata.name}`;
    const { recorder } = this.#context;
    if (outcome === "successful") {
      recorder.event(this.#set, "Normal", `Successful${title}`, `${message} ${success}`);
    } else if (!this.#signal.aborted && !hasStatusCause(outcome.error, namespaceTerminatingCause)) {
      const text = `${message} failed error: ${errorText(outcome.error)}`;
      recorder.event(this.#set, "Warning", `Failed${title}`, text);
    }
  }
}
