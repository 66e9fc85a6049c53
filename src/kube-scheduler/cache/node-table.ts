import type { Selector } from "../../apimachinery/labels/selector.ts";
import type { Node } from "../../api/core/v1/types.gen.ts";
import type { Labels } from "../../component-helpers/label-selector.ts";
import { resourceAmounts } from "../../component-helpers/resource/pod-requests.ts";
import { ImageTable, type ImageState } from "./image-table.ts";
import { MatchIndex } from "./match-index.ts";
import { Nominator } from "./nominator.ts";
import { isScalar, type PodInfo } from "./pod-info.ts";
import { TopologyIndex, type Topology } from "./topology-index.ts";

/**
 * One node as the scheduler sees it. Its numbers live in the table's columns at `slot`, because scanning typed arrays is
 * several times faster than scanning objects.
 */
export interface NodeInfo {
  readonly slot: number;
  readonly name: string;
  /** Undefined while pods are known on a node that is not. Such nodes are in no snapshot. */
  readonly node: Node | undefined;
  /** Pods on the node by `namespace/name`, assumed ones included. */
  readonly pods: ReadonlyMap<string, PodInfo>;
  /** Those of its pods with inter-pod terms, with required anti-affinity, and with host ports. */
  readonly affinityPods: ReadonlySet<PodInfo>;
  readonly antiAffinityPods: ReadonlySet<PodInfo>;
  readonly portPods: ReadonlySet<PodInfo>;
  readonly table: NodeColumns;
}

/** Columns by node slot. CPU in milli-cores, memory and storage in bytes: exact in a double up to 2^53. */
export interface NodeColumns {
  readonly allocatableMilliCpu: Float64Array;
  readonly allocatableMemory: Float64Array;
  readonly allocatableStorage: Float64Array;
  readonly allocatablePods: Float64Array;
  readonly requestedMilliCpu: Float64Array;
  readonly requestedMemory: Float64Array;
  readonly requestedStorage: Float64Array;
  readonly podCount: Float64Array;
  readonly nonZeroMilliCpu: Float64Array;
  readonly nonZeroMemory: Float64Array;
  /** Extended resources, rare, by slot and name. */
  readonly scalar: readonly (ScalarResources | undefined)[];
}

export interface ScalarResources {
  readonly allocatable: Map<string, number>;
  readonly requested: Map<string, number>;
}

/** The nodes one attempt looks at, in a stable order. Valid until the next change of the table. */
export interface Snapshot {
  readonly nodes: readonly NodeInfo[];
  readonly columns: NodeColumns;
  /** Container images on the nodes, by full name. */
  readonly images: ReadonlyMap<string, ImageState>;
  /** How many nodes have taints, and how many are cordoned: with none, nobody needs to look for them. */
  readonly taintedCount: number;
  readonly cordonedCount: number;
  readonly nodesWithAffinity: ReadonlySet<NodeInfo>;
  readonly nodesWithAntiAffinity: ReadonlySet<NodeInfo>;
  readonly nominator: Nominator;
  get(name: string): NodeInfo | undefined;
  topology(key: string): Topology;
  /** By slot, how many pods of the namespace the selector means; terminating ones do not count. Kept up to date. */
  matching(namespace: string, selector: Selector): Uint32Array;
  /** How many pods on nodes use the claim, given as `namespace/name`. */
  claimUsers(key: string): number;
  /** For asking "what if": who places or takes away a pod here undoes it before anybody else reads. */
  addPod(nodeName: string, pod: PodInfo): void;
  removePod(nodeName: string, key: string): void;
}

interface MutableNodeInfo extends NodeInfo {
  node: Node | undefined;
  readonly pods: Map<string, PodInfo>;
  readonly affinityPods: Set<PodInfo>;
  readonly antiAffinityPods: Set<PodInfo>;
  readonly portPods: Set<PodInfo>;
}

const columnNames = [
  "allocatableMilliCpu",
  "allocatableMemory",
  "allocatableStorage",
  "allocatablePods",
  "requestedMilliCpu",
  "requestedMemory",
  "requestedStorage",
  "podCount",
  "nonZeroMilliCpu",
  "nonZeroMemory",
] as const;

type Columns = { -readonly [K in (typeof columnNames)[number]]: Float64Array } & {
  readonly scalar: (ScalarResources | undefined)[];
};

/** Nodes and the pods on them. Slots of removed nodes are used again. */
export class NodeTable implements Snapshot {
  readonly #columns: Columns;
  readonly #byName = new Map<string, MutableNodeInfo>();
  readonly #imageTable = new ImageTable();
  readonly #topologies = new TopologyIndex();
  readonly #matches = new MatchIndex();
  readonly #claimUsers = new Map<string, number>();
  readonly nodesWithAffinity = new Set<NodeInfo>();
  readonly nodesWithAntiAffinity = new Set<NodeInfo>();
  readonly nominator = new Nominator();
  taintedCount = 0;
  cordonedCount = 0;
  #freeSlots: number[] = [];
  #capacity = 64;
  #ordered: readonly NodeInfo[] | undefined;

  constructor() {
    const columns: Partial<Columns> = { scalar: [] };
    for (const name of columnNames) columns[name] = new Float64Array(this.#capacity);
    this.#columns = columns as Columns;
    for (let slot = this.#capacity - 1; slot >= 0; slot--) this.#freeSlots.push(slot);
  }

  get columns(): NodeColumns {
    return this.#columns;
  }

  get images(): ReadonlyMap<string, ImageState> {
    return this.#imageTable.byName;
  }

  topology(key: string): Topology {
    return this.#topologies.get(key, this.nodes, this.#capacity);
  }

  matching(namespace: string, selector: Selector): Uint32Array {
    return this.#matches.get(namespace, selector, this.#byName.values(), this.#capacity);
  }

  claimUsers(key: string): number {
    return this.#claimUsers.get(key) ?? 0;
  }

  get nodes(): readonly NodeInfo[] {
    this.#ordered ??= [...this.#byName.values()].filter((n) => n.node !== undefined);
    return this.#ordered;
  }

  get(name: string): NodeInfo | undefined {
    const info = this.#byName.get(name);
    return info?.node ? info : undefined;
  }

  setNode(node: Node): void {
    const info = this.#entry(node.metadata.name);
    this.#countNode(info.node, node);
    this.#imageTable.set(info.slot, info.node?.status.images, node.status.images);
    if (!info.node) this.#ordered = undefined;
    if (!sameLabels(info.node?.metadata.labels, node.metadata.labels)) this.#topologies.clear();
    info.node = node;
    const allocatable = resourceAmounts(node.status.allocatable);
    const { slot } = info;
    const c = this.#columns;
    c.allocatableMilliCpu[slot] = allocatable.get("cpu") ?? 0;
    c.allocatableMemory[slot] = allocatable.get("memory") ?? 0;
    c.allocatableStorage[slot] = allocatable.get("ephemeral-storage") ?? 0;
    c.allocatablePods[slot] = allocatable.get("pods") ?? 0;
    const scalar = this.#scalar(slot, false);
    scalar?.allocatable.clear();
    for (const [name, amount] of allocatable) {
      if (isScalar(name)) this.#scalar(slot, true)?.allocatable.set(name, amount);
    }
  }

  /** Pods still known on it keep their numbers until they are removed too. */
  removeNode(name: string): void {
    const info = this.#byName.get(name);
    if (!info) return;
    this.#countNode(info.node, undefined);
    this.#imageTable.set(info.slot, info.node?.status.images, undefined);
    info.node = undefined;
    this.#ordered = undefined;
    this.#topologies.clear();
    this.#releaseIfEmpty(info);
  }

  addPod(nodeName: string, pod: PodInfo): void {
    const info = this.#entry(nodeName);
    const present = info.pods.get(pod.key);
    if (present) this.#drop(info, present);
    info.pods.set(pod.key, pod);
    this.#count(info.slot, pod, 1);
    for (const claim of pod.claimKeys) this.#claimUsers.set(claim, this.claimUsers(claim) + 1);
    if (pod.hostPorts.length > 0) info.portPods.add(pod);
    if (!pod.affinity) return;
    info.affinityPods.add(pod);
    this.nodesWithAffinity.add(info);
    if (pod.affinity.requiredAnti.length === 0) return;
    info.antiAffinityPods.add(pod);
    this.nodesWithAntiAffinity.add(info);
  }

  removePod(nodeName: string, key: string): void {
    const info = this.#byName.get(nodeName);
    const pod = info?.pods.get(key);
    if (!info || !pod) return;
    info.pods.delete(key);
    this.#drop(info, pod);
    this.#releaseIfEmpty(info);
  }

  #drop(info: MutableNodeInfo, pod: PodInfo): void {
    this.#count(info.slot, pod, -1);
    for (const claim of pod.claimKeys) {
      const left = this.claimUsers(claim) - 1;
      if (left > 0) this.#claimUsers.set(claim, left);
      else this.#claimUsers.delete(claim);
    }
    info.portPods.delete(pod);
    if (info.affinityPods.delete(pod) && info.affinityPods.size === 0) this.nodesWithAffinity.delete(info);
    if (info.antiAffinityPods.delete(pod) && info.antiAffinityPods.size === 0) this.nodesWithAntiAffinity.delete(info);
  }

  #countNode(previous: Node | undefined, current: Node | undefined): void {
    this.taintedCount += Number(isTainted(current)) - Number(isTainted(previous));
    this.cordonedCount += Number(isCordoned(current)) - Number(isCordoned(previous));
  }

  #count(slot: number, pod: PodInfo, sign: 1 | -1): void {
    this.#matches.count(slot, pod.pod, sign);
    const c = this.#columns;
    bump(c.podCount, slot, sign);
    bump(c.nonZeroMilliCpu, slot, sign * pod.nonZeroMilliCpu);
    bump(c.nonZeroMemory, slot, sign * pod.nonZeroMemoryBytes);
    bump(c.requestedMilliCpu, slot, sign * pod.milliCpu);
    bump(c.requestedMemory, slot, sign * pod.memoryBytes);
    bump(c.requestedStorage, slot, sign * pod.storageBytes);
    for (const [name, amount] of pod.scalars) {
      const requested = this.#scalar(slot, true)?.requested;
      requested?.set(name, (requested.get(name) ?? 0) + sign * amount);
    }
  }

  #scalar(slot: number, create: boolean): ScalarResources | undefined {
    const found = this.#columns.scalar[slot];
    if (found || !create) return found;
    return (this.#columns.scalar[slot] = { allocatable: new Map(), requested: new Map() });
  }

  #entry(name: string): MutableNodeInfo {
    const found = this.#byName.get(name);
    if (found) return found;
    const info: MutableNodeInfo = {
      slot: this.#takeSlot(),
      name,
      node: undefined,
      pods: new Map(),
      affinityPods: new Set(),
      antiAffinityPods: new Set(),
      portPods: new Set(),
      table: this.#columns,
    };
    this.#byName.set(name, info);
    return info;
  }

  #takeSlot(): number {
    const slot = this.#freeSlots.pop();
    if (slot !== undefined) return slot;
    const grown = this.#capacity * 2;
    this.#topologies.clear();
    this.#matches.clear();
    for (const name of columnNames) {
      const column = new Float64Array(grown);
      column.set(this.#columns[name]);
      this.#columns[name] = column;
    }
    for (let free = grown - 1; free > this.#capacity; free--) this.#freeSlots.push(free);
    const next = this.#capacity;
    this.#capacity = grown;
    return next;
  }

  #releaseIfEmpty(info: MutableNodeInfo): void {
    if (info.node || info.pods.size > 0) return;
    this.#byName.delete(info.name);
    for (const name of columnNames) this.#columns[name][info.slot] = 0;
    this.#columns.scalar[info.slot] = undefined;
    this.#freeSlots.push(info.slot);
  }
}

function bump(column: Float64Array, slot: number, amount: number): void {
  column[slot] = (column[slot] ?? 0) + amount;
}

function sameLabels(a: Labels | undefined, b: Labels | undefined): boolean {
  if (!a || !b) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

function isTainted(node: Node | undefined): boolean {
  return (node?.spec.taints?.length ?? 0) > 0;
}

function isCordoned(node: Node | undefined): boolean {
  return node?.spec.unschedulable === true;
}
