import type { ObjectMeta, OwnerReference } from "../../apimachinery/meta/v1/types.gen.ts";
import type { KubeObject, ResourceType } from "../../apimachinery/resource-type.ts";

export const foregroundFinalizer = "foregroundDeletion";
export const orphanFinalizer = "orphan";

/** One object as far as ownership goes. */
export interface GraphNode {
  readonly uid: string;
  /** The type, when it has been observed; a virtual node has only what a reference says of it. */
  type: ResourceType<KubeObject> | undefined;
  apiVersion: string;
  kind: string;
  namespace: string;
  name: string;
  /** Known only from references to it: whether it exists must be asked. */
  isVirtual: boolean;
  owners: readonly OwnerReference[];
  readonly dependents: Set<GraphNode>;
  isBeingDeleted: boolean;
  /** Being deleted in the foreground: waits for its dependents. */
  isDeletingDependents: boolean;
  isOrphaning: boolean;
}

/** What a change of the graph calls for. */
export interface GraphWork {
  /** Look whether the object should be deleted, or is done waiting. */
  check(node: GraphNode): void;
  /** Take the object off its dependents' owner references. */
  orphan(node: GraphNode): void;
}

/**
 * Who owns whom, by UID, kept from the events of all types. Owners that have not been seen are virtual nodes: an object
 * may be seen before its owner, or its owner may not exist.
 */
export class OwnerGraph {
  readonly #nodes = new Map<string, GraphNode>();
  readonly #work: GraphWork;

  constructor(work: GraphWork) {
    this.#work = work;
  }

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid);
  }

  get size(): number {
    return this.#nodes.size;
  }

  /** The object was added or changed. */
  observe(type: ResourceType<KubeObject>, metadata: ObjectMeta): void {
    const node = this.#nodes.get(metadata.uid ?? "") ?? this.#insert(metadata.uid ?? "");
    const wasVirtual = node.isVirtual;
    Object.assign(node, {
      type,
      apiVersion: type.group === "" ? type.version : `${type.group}/${type.version}`,
      kind: type.kind,
      namespace: metadata.namespace ?? "",
      name: metadata.name ?? "",
      isVirtual: false,
    });
    // A reference may have guessed wrong about what has this UID: its holder must be looked at again.
    if (wasVirtual)
      for (const dependent of node.dependents)
        if (dependent.owners.some((ref) => ref.uid === node.uid && !refersTo(ref, dependent, node)))
          this.#work.check(dependent);
    this.#updateOwners(node, metadata.ownerReferences ?? []);
    this.#updateDeletion(node, metadata);
  }

  /** The object is gone: deleted, or never there. */
  remove(uid: string): void {
    const node = this.#nodes.get(uid);
    if (!node) return;
    this.#nodes.delete(uid);
    this.#unlink(node, node.owners);
    for (const dependent of node.dependents) this.#work.check(dependent);
    for (const ref of node.owners) {
      const owner = this.#nodes.get(ref.uid);
      if (owner?.isDeletingDependents) this.#work.check(owner);
    }
  }

  #insert(uid: string): GraphNode {
    const node: GraphNode = {
      uid,
      type: undefined,
      apiVersion: "",
      kind: "",
      namespace: "",
      name: "",
      isVirtual: false,
      owners: [],
      dependents: new Set(),
      isBeingDeleted: false,
      isDeletingDependents: false,
      isOrphaning: false,
    };
    this.#nodes.set(uid, node);
    return node;
  }

  #updateOwners(node: GraphNode, owners: readonly OwnerReference[]): void {
    const before = node.owners;
    node.owners = owners;
    const removed = before.filter((old) => !owners.some((ref) => ref.uid === old.uid));
    this.#unlink(node, removed);
    for (const ref of owners) if (!before.some((old) => old.uid === ref.uid)) this.#link(node, ref);
    // An owner that waited for this dependent may not have to wait any more.
    const unblocked = before.filter(
      (old) => old.blockOwnerDeletion && !owners.some((ref) => ref.uid === old.uid && ref.blockOwnerDeletion),
    );
    for (const ref of unblocked) {
      const owner = this.#nodes.get(ref.uid);
      if (owner?.isDeletingDependents) this.#work.check(owner);
    }
  }

  #link(node: GraphNode, ref: OwnerReference): void {
    let owner = this.#nodes.get(ref.uid);
    if (!owner) {
      owner = this.#insert(ref.uid);
      const { apiVersion, kind, name } = ref;
      Object.assign(owner, { apiVersion, kind, name, namespace: node.namespace, isVirtual: true });
      this.#work.check(owner);
    } else if (!owner.isVirtual && !refersTo(ref, node, owner)) {
      this.#work.check(node);
    }
    owner.dependents.add(node);
    // It came to an owner that is already waiting for its dependents' end.
    if (owner.isDeletingDependents) this.#work.check(node);
  }

  #unlink(node: GraphNode, refs: readonly OwnerReference[]): void {
    for (const ref of refs) {
      const owner = this.#nodes.get(ref.uid);
      owner?.dependents.delete(node);
      // Nobody refers to what was never seen.
      if (owner?.isVirtual && owner.dependents.size === 0) this.#nodes.delete(ref.uid);
    }
  }

  #updateDeletion(node: GraphNode, metadata: ObjectMeta): void {
    node.isBeingDeleted = metadata.deletionTimestamp !== undefined;
    const isOrphaning = node.isBeingDeleted && (metadata.finalizers?.includes(orphanFinalizer) ?? false);
    const isForeground = node.isBeingDeleted && (metadata.finalizers?.includes(foregroundFinalizer) ?? false);
    if (isOrphaning && !node.isOrphaning) {
      node.isOrphaning = true;
      this.#work.orphan(node);
      return;
    }
    if (isForeground && !node.isDeletingDependents) {
      node.isDeletingDependents = true;
      for (const dependent of node.dependents) this.#work.check(dependent);
      this.#work.check(node);
    }
  }
}

/** The dependents whose references keep the owner from going before them. */
export function blockingDependents(owner: GraphNode): readonly GraphNode[] {
  return [...owner.dependents].filter((dependent) =>
    dependent.owners.some((ref) => ref.uid === owner.uid && ref.blockOwnerDeletion),
  );
}

/** Whether the reference names the very object it has the UID of: same kind and name, and in reach of its holder. */
export function refersTo(ref: OwnerReference, holder: GraphNode, owner: GraphNode): boolean {
  const group = (apiVersion: string): string => (apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "");
  const isInReach = owner.namespace === "" || owner.namespace === holder.namespace;
  return (
    ref.kind === owner.kind && ref.name === owner.name && group(ref.apiVersion) === group(owner.apiVersion) && isInReach
  );
}
