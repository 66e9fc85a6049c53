import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from "../../api/core/v1/types.gen.ts";
import type { CSIDriver, CSINode, CSIStorageCapacity, StorageClass } from "../../api/storage/v1/types.gen.ts";
import type { NodeInfo, Snapshot } from "../cache/node-table.ts";
import type { PodInfo } from "../cache/pod-info.ts";
import type { Diagnosis } from "./diagnosis.ts";

/**
 * What a plugin says of a pod or of a pod on a node; no status at all means success.
 * - `unschedulable`: not now; another state of the cluster may change it.
 * - `unresolvable`: not now, and evicting pods would not change it.
 * - `skip`: this plugin has nothing to say about this pod (PreFilter, PreScore), or leaves binding to the next (Bind).
 * - `wait`: Permit holds the pod back.
 */
export interface Status {
  readonly code: "unschedulable" | "unresolvable" | "skip" | "wait" | "error";
  /** The plugin that said so. */
  readonly plugin: string;
  readonly reason: string;
}

/** What one scheduling attempt's plugins hand to each other, and which filters concern its pod. */
export class CycleState {
  readonly #data = new Map<string, unknown>();
  /** Set by the framework: the filter plugins that PreFilter did not skip. */
  filters: readonly Plugin[] = [];

  set<T>(key: StateKey<T>, value: T): void {
    this.#data.set(key.name, value);
  }

  get<T>(key: StateKey<T>): T | undefined {
    // Only `set` with the same typed key writes the entry.
    return this.#data.get(key.name) as T | undefined;
  }
}

/** A typed name in a CycleState. */
export interface StateKey<T> {
  readonly name: string;
  readonly valueType?: T;
}

/** The kinds whose changes may make a rejected pod schedulable. */
export interface EventObjects {
  readonly Node: Node;
  readonly AssignedPod: Pod;
  readonly PersistentVolumeClaim: PersistentVolumeClaim;
  readonly PersistentVolume: PersistentVolume;
  readonly StorageClass: StorageClass;
  readonly CSINode: CSINode;
  readonly CSIDriver: CSIDriver;
  readonly CSIStorageCapacity: CSIStorageCapacity;
}

type EventResource = keyof EventObjects;
export type EventAction = "add" | "update" | "delete";

/** A change in the cluster. Of a deletion, `current` is the last state. */
export type ClusterEvent = {
  [R in EventResource]: {
    readonly resource: R;
    readonly action: EventAction;
    readonly previous: EventObjects[R] | undefined;
    readonly current: EventObjects[R];
  };
}[EventResource];

/** Says which events may help a pod the plugin rejected; `hint` narrows it down to the very object. */
export interface EventToRegister {
  readonly resource: EventResource;
  readonly actions: readonly EventAction[];
  /** True: queue the pod again. Absent means always. */
  readonly hint?: (pod: Pod, event: ClusterEvent) => boolean;
}

/** An EventToRegister whose hint sees the objects of that resource. */
export function onEvent<R extends EventResource>(
  resource: R,
  actions: readonly EventAction[],
  hint?: (pod: Pod, event: Extract<ClusterEvent, { readonly resource: R }>) => boolean,
): EventToRegister {
  if (!hint) return { resource, actions };
  // The framework calls a hint only with events of the registered resource.
  return { resource, actions, hint: (pod, event) => hint(pod, event as Extract<ClusterEvent, { resource: R }>) };
}

/** Restricts the pod to some nodes, so that the others need not be looked at. */
export interface PreFilterResult {
  readonly nodeNames: ReadonlySet<string>;
}

/** What making room for a pod came to. */
export interface PostFilterResult {
  /** The node where room is being made; empty when an earlier nomination is void; absent when it stays as it is. */
  readonly nominate?: string;
  /** For the pod's message, when there is no room to make. */
  readonly message?: string;
  /** The writes that make the room. They must not hold up the next decision. */
  readonly prepare?: (signal: AbortSignal) => Promise<void>;
}

/** Tries a pod on a node, for plugins that ask "what if". */
export interface FilterRunner {
  /** All filters, with the nominated pods of at least the pod's priority counted. */
  filterWithNominated(state: CycleState, pod: PodInfo, node: NodeInfo, snapshot: Snapshot): Status | undefined;
  /** Places or takes away another pod, in the snapshot and in what PreFilter computed. */
  simulateAdd(state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo, snapshot: Snapshot): void;
  simulateRemove(state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo, snapshot: Snapshot): void;
}

/** A pod that found no node, and why. */
export interface Rejection {
  readonly state: CycleState;
  readonly pod: PodInfo;
  readonly snapshot: Snapshot;
  readonly diagnosis: Diagnosis;
  readonly filters: FilterRunner;
}

/**
 * A plugin implements the extension points it needs, in upstream's order: preEnqueue, lessThan (queue sort), preFilter,
 * filter, postFilter, preScore, score, normalizeScore, reserve/unreserve, permit, preBind, bind, postBind.
 */
export interface Plugin {
  readonly name: string;
  readonly eventsToRegister?: readonly EventToRegister[];
  preEnqueue?(pod: Pod): Status | undefined;
  lessThan?(a: PodInfo, b: PodInfo): boolean;
  /** May refuse the pod, skip this plugin's filter for it, or restrict it to some nodes. */
  preFilter?(state: CycleState, pod: PodInfo, snapshot: Snapshot): Status | PreFilterResult | undefined;
  /** Corrects what preFilter computed for `pod` when `other` is placed on the node or taken away from it. */
  addPod?(state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo): void;
  removePod?(state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo): void;
  filter?(state: CycleState, pod: PodInfo, node: NodeInfo): Status | undefined;
  /** Called when no node passed. Decides only; its writes come in `prepare`. */
  postFilter?(rejection: Rejection): PostFilterResult | undefined;
  /** `nodes` are those that passed; the snapshot has all. */
  preScore?(state: CycleState, pod: PodInfo, nodes: readonly NodeInfo[], snapshot: Snapshot): Status | undefined;
  /** Higher is better; any range when normalizeScore is there, else 0–100. */
  score?(state: CycleState, pod: PodInfo, node: NodeInfo): number;
  /** Brings the scores, by position in `nodes`, to 0–100 in place. */
  normalizeScore?(state: CycleState, pod: PodInfo, scores: Float64Array, nodes: readonly NodeInfo[]): void;
  reserve?(state: CycleState, pod: PodInfo, nodeName: string): Status | undefined;
  unreserve?(state: CycleState, pod: PodInfo, nodeName: string): void;
  permit?(
    state: CycleState,
    pod: PodInfo,
    nodeName: string,
    signal: AbortSignal,
  ): Promise<Status | undefined> | undefined;
  /** May wait for a long time; returns no promise when there is nothing to do. */
  preBind?(
    state: CycleState,
    pod: PodInfo,
    nodeName: string,
    signal: AbortSignal,
  ): Promise<Status | undefined> | undefined;
  bind?(state: CycleState, pod: PodInfo, nodeName: string, signal: AbortSignal): Promise<Status | undefined>;
  postBind?(state: CycleState, pod: PodInfo, nodeName: string): void;
}

export const scoreMax = 100;

/** Scales scores so that the largest becomes 100; `reverse` turns "less is better" into "more is better". */
export function normalizeByMax(scores: Float64Array, reverse: boolean): void {
  let max = 0;
  for (const score of scores) if (score > max) max = score;
  for (let i = 0; i < scores.length; i++) {
    const scaled = max === 0 ? 0 : Math.floor(((scores[i] ?? 0) * scoreMax) / max);
    scores[i] = reverse ? scoreMax - scaled : scaled;
  }
}

/** The answer of a plugin that has nothing to say about a pod. */
export const skip: Status = { code: "skip", plugin: "", reason: "" };
