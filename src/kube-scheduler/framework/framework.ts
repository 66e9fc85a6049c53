import type { Pod } from "../../api/core/v1/types.gen.ts";
import type { NodeInfo, Snapshot } from "../cache/node-table.ts";
import type { PodInfo } from "../cache/pod-info.ts";
import type { EnabledPlugin } from "../plugins/registry.ts";
import type { ClusterEvent, CycleState, Plugin, Status } from "./interface.ts";

/** Why each node was refused; kept of a pod's last attempt so that the scheduler can explain itself. */
export interface Diagnosis {
  readonly nodeCount: number;
  /** By node name; only what refused the node first. */
  readonly byNode: ReadonlyMap<string, Status>;
  /** A refusal of the pod as such, by PreFilter. */
  readonly preFilter: Status | undefined;
}

/** Runs one profile's plugins at each extension point. Only plugins that implement a point are called there. */
export class Framework {
  readonly #plugins: readonly EnabledPlugin[];
  readonly #filters: readonly Plugin[];
  readonly #scorers: readonly EnabledPlugin[];
  readonly #sort: (a: PodInfo, b: PodInfo) => boolean;

  constructor(plugins: readonly EnabledPlugin[]) {
    this.#plugins = plugins;
    this.#filters = plugins.map((p) => p.plugin).filter((p) => "filter" in p);
    this.#scorers = plugins.filter((p) => "score" in p.plugin && p.weight > 0);
    const sort = plugins.find((p) => "lessThan" in p.plugin)?.plugin;
    if (!sort) throw new Error("a profile needs a queue sort plugin");
    this.#sort = (a, b) => sort.lessThan?.(a, b) ?? false;
  }

  lessThan(a: PodInfo, b: PodInfo): boolean {
    return this.#sort(a, b);
  }

  preEnqueue(pod: Pod): Status | undefined {
    return firstOf(this.#plugins, ({ plugin }) => plugin.preEnqueue?.(pod));
  }

  /** Whether the event may make the pod, which these plugins rejected, schedulable. */
  mayHelp(pod: Pod, rejectedBy: ReadonlySet<string>, event: ClusterEvent): boolean {
    // A pod that failed for another reason than a plugin's (an error) waits for its back-off alone.
    return this.#plugins.some(
      ({ plugin }) =>
        rejectedBy.has(plugin.name) &&
        (plugin.eventsToRegister ?? []).some(
          (e) =>
            e.resource === event.resource &&
            e.actions.includes(event.action) &&
            (e.hint === undefined || e.hint(pod, event)),
        ),
    );
  }

  /** The nodes that pass, and why the others do not. */
  findFeasible(
    state: CycleState,
    pod: PodInfo,
    snapshot: Snapshot,
  ): { readonly feasible: readonly NodeInfo[]; readonly diagnosis: Diagnosis } {
    const nodeCount = snapshot.nodes.length;
    const byNode = new Map<string, Status>();
    for (const { plugin } of this.#plugins) {
      const status = plugin.preFilter?.(state, pod, snapshot);
      if (status && status.code !== "skip") {
        return { feasible: [], diagnosis: { nodeCount, byNode, preFilter: status } };
      }
    }
    const feasible: NodeInfo[] = [];
    for (const node of snapshot.nodes) {
      const status = this.#filter(state, pod, node);
      if (status) byNode.set(node.name, status);
      else feasible.push(node);
    }
    return { feasible, diagnosis: { nodeCount, byNode, preFilter: undefined } };
  }

  /** The weighted sum of all scores, by position in `nodes`. */
  score(state: CycleState, pod: PodInfo, nodes: readonly NodeInfo[]): Float64Array {
    const total = new Float64Array(nodes.length);
    const scores = new Float64Array(nodes.length);
    for (const { plugin, weight } of this.#scorers) {
      if (plugin.preScore?.(state, pod, nodes)?.code === "skip") continue;
      for (const [i, node] of nodes.entries()) scores[i] = plugin.score?.(state, pod, node) ?? 0;
      plugin.normalizeScore?.(state, pod, scores);
      for (let i = 0; i < total.length; i++) total[i] = (total[i] ?? 0) + weight * (scores[i] ?? 0);
    }
    return total;
  }

  async postFilter(state: CycleState, pod: PodInfo, snapshot: Snapshot): Promise<string | undefined> {
    for (const { plugin } of this.#plugins) {
      const nominated = await plugin.postFilter?.(state, pod, snapshot);
      if (nominated !== undefined) return nominated;
    }
    return undefined;
  }

  /** On a refusal, what was reserved is given back. */
  reserve(state: CycleState, pod: PodInfo, nodeName: string): Status | undefined {
    const status = firstOf(this.#plugins, ({ plugin }) => plugin.reserve?.(state, pod, nodeName));
    if (status) this.unreserve(state, pod, nodeName);
    return status;
  }

  unreserve(state: CycleState, pod: PodInfo, nodeName: string): void {
    for (const { plugin } of this.#plugins.toReversed()) plugin.unreserve?.(state, pod, nodeName);
  }

  /** Permit, PreBind, Bind and PostBind. Rejects when the binding fails; a status is a plugin's refusal. */
  async bind(state: CycleState, pod: PodInfo, nodeName: string, signal: AbortSignal): Promise<Status | undefined> {
    for (const point of ["permit", "preBind"] as const) {
      for (const { plugin } of this.#plugins) {
        const status = await plugin[point]?.(state, pod, nodeName, signal);
        if (status) return status;
      }
    }
    for (const { plugin } of this.#plugins) {
      if (!plugin.bind) continue;
      const status = await plugin.bind(state, pod, nodeName, signal);
      if (status?.code === "skip") continue;
      if (status) return status;
      for (const p of this.#plugins) p.plugin.postBind?.(state, pod, nodeName);
      return undefined;
    }
    throw new Error("no plugin bound the pod");
  }

  #filter(state: CycleState, pod: PodInfo, node: NodeInfo): Status | undefined {
    for (const plugin of this.#filters) {
      const status = plugin.filter?.(state, pod, node);
      if (status) return status;
    }
    return undefined;
  }
}

function firstOf(
  plugins: readonly EnabledPlugin[],
  call: (p: EnabledPlugin) => Status | undefined,
): Status | undefined {
  for (const plugin of plugins) {
    const status = call(plugin);
    if (status) return status;
  }
  return undefined;
}
