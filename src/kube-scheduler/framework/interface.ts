import type { Node, Pod } from "../../api/core/v1/types.gen.ts";
import type { NodeInfo, Snapshot } from "../cache/node-table.ts";
import type { PodInfo } from "../cache/pod-info.ts";

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

/** What one scheduling attempt's plugins hand to each other, by plugin name. */
export class CycleState {
  readonly #data = new Map<string, unknown>();

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

/** A change in the cluster that may make a rejected pod schedulable. */
export type ClusterEvent =
  | {
      readonly resource: "Node";
      readonly action: NodeAction;
      readonly previous: Node | undefined;
      readonly current: Node;
    }
  | {
      readonly resource: "AssignedPod";
      readonly action: "add" | "update" | "delete";
      readonly previous: Pod | undefined;
      readonly current: Pod;
    };

export type NodeAction = "add" | "update" | "delete";

/** Says which events may help a pod the plugin rejected; `hint` narrows it down to the very object. */
export interface EventToRegister {
  readonly resource: ClusterEvent["resource"];
  readonly actions: readonly ("add" | "update" | "delete")[];
  /** True: queue the pod again. Absent means always. */
  readonly hint?: (pod: Pod, event: ClusterEvent) => boolean;
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
  preFilter?(state: CycleState, pod: PodInfo, snapshot: Snapshot): Status | undefined;
  filter?(state: CycleState, pod: PodInfo, node: NodeInfo): Status | undefined;
  /** Called when no node passed; resolves to a node nominated by making room, if any. */
  postFilter?(state: CycleState, pod: PodInfo, snapshot: Snapshot): Promise<string | undefined>;
  preScore?(state: CycleState, pod: PodInfo, nodes: readonly NodeInfo[]): Status | undefined;
  /** Higher is better; any range when normalizeScore is there, else 0–100. */
  score?(state: CycleState, pod: PodInfo, node: NodeInfo): number;
  /** Brings the scores to 0–100 in place. */
  normalizeScore?(state: CycleState, pod: PodInfo, scores: Float64Array): void;
  reserve?(state: CycleState, pod: PodInfo, nodeName: string): Status | undefined;
  unreserve?(state: CycleState, pod: PodInfo, nodeName: string): void;
  permit?(state: CycleState, pod: PodInfo, nodeName: string, signal: AbortSignal): Promise<Status | undefined>;
  preBind?(state: CycleState, pod: PodInfo, nodeName: string, signal: AbortSignal): Promise<Status | undefined>;
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
