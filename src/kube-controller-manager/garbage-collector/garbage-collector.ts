import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { OwnerReference } from "../../apimachinery/meta/v1/types.gen.ts";
import type { KubeObject, ResourceType } from "../../apimachinery/resource-type.ts";
import { LruMap } from "../../component-base/lru-map.ts";
import type { ResourceClient } from "../../client/rest/api-client.ts";
import type { Controller, ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController } from "../../controller-runtime/reconcile-controller.ts";
import { ResourceMonitors } from "./resource-monitors.ts";
import {
  blockingDependents,
  foregroundFinalizer,
  orphanFinalizer,
  OwnerGraph,
  refersTo,
  type GraphNode,
} from "./owner-graph.ts";

export const garbageCollectorController: ControllerDescriptor = {
  name: "garbage-collector-controller",
  serviceAccount: "generic-garbage-collector",
  rules: [
    { verbs: ["get", "list", "watch", "patch", "update", "delete"], apiGroups: ["*"], resources: ["*"] },
    { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
  ],
  create: (context) => new GarbageCollector(context),
};

// Upstream's default (--concurrent-gc-syncs).
const workers = 20;
// An owner with many dependents is asked for once, not once for each of them. Its UID never comes back.
const absentOwnersMax = 500;

/** What has become of the owners of an object. */
interface OwnerStates {
  readonly solid: readonly OwnerReference[];
  /** The owner does not exist. */
  readonly dangling: readonly OwnerReference[];
  /** The owner is being deleted and waits for its dependents. */
  readonly waiting: readonly OwnerReference[];
}

/**
 * Deletes objects whose owners are all gone, and carries out foreground deletion and orphaning. The graph is only a hint
 * where to look: before anything is deleted the object is read from the server, and so is an owner the graph has not
 * seen; an owner counts as gone only if there is no object of its name with its UID.
 */
class GarbageCollector implements Controller {
  readonly #context: ControllerContext;
  readonly #graph: OwnerGraph;
  readonly #monitors: ResourceMonitors;
  readonly #deletions: ReconcileController;
  readonly #orphans: ReconcileController;
  readonly #absentOwners = new LruMap<string, true>(absentOwnersMax);

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#deletions = new ReconcileController({
      ...context,
      name: "garbage_collector_attempt_to_delete",
      workers,
      reconcile: (uid, signal) => this.#check(uid, signal),
    });
    this.#orphans = new ReconcileController({
      ...context,
      name: "garbage_collector_attempt_to_orphan",
      workers,
      reconcile: (uid, signal) => this.#orphan(uid, signal),
    });
    this.#graph = new OwnerGraph({
      check: (node) => this.#deletions.enqueue(node.uid),
      orphan: (node) => this.#orphans.enqueue(node.uid),
    });
    this.#monitors = new ResourceMonitors(context, this.#graph);
  }

  async run(signal: AbortSignal): Promise<void> {
    const monitoring = this.#monitors.run(signal);
    // Nothing is judged before every type has been seen once.
    await Promise.race([this.#monitors.synced, monitoring]);
    await Promise.all([monitoring, this.#deletions.run(signal), this.#orphans.run(signal)]);
  }

  async #check(uid: string, signal: AbortSignal): Promise<void> {
    const node = this.#graph.get(uid);
    if (!node || (!node.isVirtual && node.isBeingDeleted && !node.isDeletingDependents)) return;
    const live = await this.#read(node, signal);
    if (live === "unreachable") return;
    if (live?.metadata.uid !== uid) {
      // The event of its end is on the way, or there never was such an object.
      this.#graph.remove(uid);
      return;
    }
    if (node.isVirtual) return; // It exists. Its type's events will tell more.
    if (node.isDeletingDependents) return this.#finishForeground(node, live, signal);
    const owners = live.metadata.ownerReferences ?? [];
    if (owners.length === 0) return;
    const states = await this.#classify(node, owners, signal);
    if (states) await this.#decide(node, live, states, signal);
  }

  async #decide(node: GraphNode, live: KubeObject, states: OwnerStates, signal: AbortSignal): Promise<void> {
    const { solid, dangling, waiting } = states;
    if (solid.length > 0) {
      // It stays; references to owners that are gone, or wait for it to go, are taken off.
      const removed = new Set([...dangling, ...waiting].map((ref) => ref.uid));
      if (removed.size > 0) await this.#patchOwners(node, live, (ref) => (removed.has(ref.uid) ? [] : [ref]), signal);
      return;
    }
    if (waiting.length > 0 && node.dependents.size > 0) {
      // An owner waits in the foreground, so its dependents go in the foreground, too. In a circle each would wait for
      // the other for ever: this one stops blocking.
      if ([...node.dependents].some((dependent) => dependent.isDeletingDependents))
        live = await this.#patchOwners(node, live, (ref) => [{ ...ref, blockOwnerDeletion: false }], signal);
      return this.#delete(node, live, "Foreground", signal);
    }
    const finalizers = live.metadata.finalizers ?? [];
    if (finalizers.includes(orphanFinalizer)) return this.#delete(node, live, "Orphan", signal);
    if (finalizers.includes(foregroundFinalizer)) return this.#delete(node, live, "Foreground", signal);
    return this.#delete(node, live, "Background", signal);
  }

  async #classify(
    node: GraphNode,
    owners: readonly OwnerReference[],
    signal: AbortSignal,
  ): Promise<OwnerStates | undefined> {
    const solid: OwnerReference[] = [];
    const dangling: OwnerReference[] = [];
    const waiting: OwnerReference[] = [];
    for (const ref of owners) {
      const known = this.#graph.get(ref.uid);
      if (known && !known.isVirtual) {
        if (!refersTo(ref, node, known)) dangling.push(ref);
        else (known.isDeletingDependents ? waiting : solid).push(ref);
        continue;
      }
      const identity = [node.namespace, ref.apiVersion, ref.kind, ref.name, ref.uid].join("|");
      const owner = this.#absentOwners.get(identity) ? undefined : await this.#readOwner(node, ref, signal);
      if (owner === "unreachable") return undefined;
      if (owner?.metadata.uid !== ref.uid) {
        this.#absentOwners.set(identity, true);
        dangling.push(ref);
      } else if (owner.metadata.deletionTimestamp && owner.metadata.finalizers?.includes(foregroundFinalizer))
        waiting.push(ref);
      else solid.push(ref);
    }
    return { solid, dangling, waiting };
  }

  async #readOwner(
    node: GraphNode,
    ref: OwnerReference,
    signal: AbortSignal,
  ): Promise<KubeObject | undefined | "unreachable"> {
    const type = await this.#monitors.typeOf(ref.apiVersion, ref.kind, signal);
    if (type.namespaced && node.namespace === "") {
      const message = `ownerRef ${ref.kind}/${ref.name} of a cluster-scoped object names a namespaced kind`;
      if (node.type) {
        const { apiVersion, kind, namespace, name, uid } = node;
        const target = { apiVersion, kind, metadata: { namespace, name, uid } };
        this.#context.recorder.event(target, "Warning", "OwnerRefInvalidNamespace", message);
      }
      return "unreachable";
    }
    return this.#get(this.#context.client.resource(type, node.namespace), ref.name, signal);
  }

  async #read(node: GraphNode, signal: AbortSignal): Promise<KubeObject | undefined | "unreachable"> {
    const type = node.type ?? (await this.#monitors.typeOf(node.apiVersion, node.kind, signal));
    // A virtual owner's namespace is guessed from its dependent. Absent there, the dependents are judged one by one.
    if (type.namespaced && node.namespace === "") return "unreachable";
    return this.#get(this.#context.client.resource(type, node.namespace), node.name, signal);
  }

  async #get(client: ResourceClient<KubeObject>, name: string, signal: AbortSignal): Promise<KubeObject | undefined> {
    try {
      return await client.get(name, { signal });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** When no dependent blocks any more the owner may go; else the blocking ones are asked to go. */
  async #finishForeground(node: GraphNode, live: KubeObject, signal: AbortSignal): Promise<void> {
    const blocking = blockingDependents(node);
    if (blocking.length === 0) return this.#removeFinalizer(node, live, foregroundFinalizer, signal);
    for (const dependent of blocking) if (!dependent.isDeletingDependents) this.#deletions.enqueue(dependent.uid);
  }

  async #orphan(uid: string, signal: AbortSignal): Promise<void> {
    const owner = this.#graph.get(uid);
    if (!owner) return;
    const results = await Promise.allSettled(
      [...owner.dependents].map(async (dependent) => {
        const live = await this.#read(dependent, signal);
        if (live === undefined || live === "unreachable" || live.metadata.uid !== dependent.uid) return;
        await this.#patchOwners(dependent, live, (ref) => (ref.uid === uid ? [] : [ref]), signal);
      }),
    );
    const failed = results.find((r) => r.status === "rejected");
    if (failed) throw failed.reason;
    const live = await this.#read(owner, signal);
    if (live !== undefined && live !== "unreachable" && live.metadata.uid === uid)
      await this.#removeFinalizer(owner, live, orphanFinalizer, signal);
  }

  async #delete(node: GraphNode, live: KubeObject, propagationPolicy: string, signal: AbortSignal): Promise<void> {
    const { name = "", namespace, uid = "", resourceVersion = "" } = live.metadata;
    this.#context.logger.info("deleting", { kind: node.kind, namespace, name, propagationPolicy });
    try {
      // The revision makes sure that no owner was added since the owners were judged.
      const preconditions = { uid, resourceVersion };
      await this.#clientOf(node).delete(name, { propagationPolicy, preconditions, signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #removeFinalizer(node: GraphNode, live: KubeObject, name: string, signal: AbortSignal): Promise<void> {
    const finalizers = (live.metadata.finalizers ?? []).filter((f) => f !== name);
    if (finalizers.length === (live.metadata.finalizers?.length ?? 0)) return;
    await this.#patch(node, live, { finalizers }, signal);
  }

  /** Resolves to the object as it is afterwards. */
  async #patchOwners(
    node: GraphNode,
    live: KubeObject,
    change: (ref: OwnerReference) => readonly OwnerReference[],
    signal: AbortSignal,
  ): Promise<KubeObject> {
    const ownerReferences = (live.metadata.ownerReferences ?? []).flatMap(change);
    return this.#patch(node, live, { ownerReferences }, signal);
  }

  /**
   * Differs from upstream, which prefers a strategic patch and falls back to this: a merge patch of the whole list at the
   * revision read, which every kind takes, custom ones too.
   */
  async #patch(node: GraphNode, live: KubeObject, metadata: object, signal: AbortSignal): Promise<KubeObject> {
    const { name = "", uid, resourceVersion } = live.metadata;
    try {
      return await this.#clientOf(node).patch(
        name,
        "merge",
        { metadata: { uid, resourceVersion, ...metadata } },
        { signal },
      );
    } catch (error) {
      if (isNotFound(error)) return live;
      throw error;
    }
  }

  #clientOf(node: GraphNode): ResourceClient<KubeObject> {
    const type: ResourceType<KubeObject> | undefined = node.type;
    if (!type) throw new Error(`${node.kind} ${node.name} has not been observed`);
    return this.#context.client.resource(type, node.namespace);
  }
}
