import type { Pod } from "../../api/core/v1/types.gen.ts";
import type { NodeInfo, Snapshot } from "../cache/node-table.ts";
import type { PodInfo } from "../cache/pod-info.ts";
import type { EnabledPlugin } from "../plugins/registry.ts";
import type { Diagnosis } from "./diagnosis.ts";
import type {
  ClusterEvent,
  CycleState,
  FilterRunner,
  Plugin,
  PostFilterResult,
  Rejection,
  Status,
} from "./interface.ts";

/** Runs one profile's plugins at each extension point. Only plugins that implement a point are called there. */
export class Framework implements FilterRunner {
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

  /** The nodes that pass, and why the others do not. A nominated node that passes is the only one looked at. */
  findFeasible(
    state: CycleState,
    pod: PodInfo,
    snapshot: Snapshot,
  ): { readonly feasible: readonly NodeInfo[]; readonly diagnosis: Diagnosis } {
    const nodeCount = snapshot.nodes.length;
    const byNode = new Map<string, Status>();
    const { refused, nodes, absent } = this.#preFilter(state, pod, snapshot);
    const diagnosis: Diagnosis = { nodeCount, byNode, absent, preFilter: refused, postFilter: "" };
    if (refused) return { feasible: [], diagnosis };
    const nominated = snapshot.nominator.size === 0 ? undefined : snapshot.nominator.nodeOf(pod.key);
    const nominatedNode = nominated === undefined ? undefined : snapshot.get(nominated);
    if (nominatedNode && nodes.includes(nominatedNode)) {
      if (!this.filterWithNominated(state, pod, nominatedNode, snapshot)) {
        return { feasible: [nominatedNode], diagnosis };
      }
    }
    const feasible: NodeInfo[] = [];
    for (const node of nodes) {
      const status = this.filterWithNominated(state, pod, node, snapshot);
      if (status) byNode.set(node.name, status);
      else feasible.push(node);
    }
    return { feasible, diagnosis };
  }

  /**
   * Nominated pods that are at least as important count as if they were on the node. The pod must fit without them, too:
   * they may never come, and then it must not lean on them (by affinity, say).
   */
  filterWithNominated(state: CycleState, pod: PodInfo, node: NodeInfo, snapshot: Snapshot): Status | undefined {
    if (snapshot.nominator.size > 0) {
      const others = snapshot.nominator
        .onNode(node.name)
        .filter((other) => other.priority >= pod.priority && other.key !== pod.key && !node.pods.has(other.key));
      if (others.length > 0) {
        for (const other of others) this.simulateAdd(state, pod, other, node, snapshot);
        const status = this.#filter(state, pod, node);
        for (const other of others) this.simulateRemove(state, pod, other, node, snapshot);
        if (status) return status;
      }
    }
    return this.#filter(state, pod, node);
  }

  simulateAdd(state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo, snapshot: Snapshot): void {
    snapshot.addPod(node.name, other);
    for (const plugin of state.filters) plugin.addPod?.(state, pod, other, node);
  }

  simulateRemove(state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo, snapshot: Snapshot): void {
    snapshot.removePod(node.name, other.key);
    for (const plugin of state.filters) plugin.removePod?.(state, pod, other, node);
  }

  /** The weighted sum of all scores, by position in `nodes`. */
  score(state: CycleState, pod: PodInfo, nodes: readonly NodeInfo[], snapshot: Snapshot): Float64Array {
    const total = new Float64Array(nodes.length);
    const scores = new Float64Array(nodes.length);
    for (const { plugin, weight } of this.#scorers) {
      if (plugin.preScore?.(state, pod, nodes, snapshot)?.code === "skip") continue;
      let i = 0;
      for (const node of nodes) scores[i++] = plugin.score?.(state, pod, node) ?? 0;
      plugin.normalizeScore?.(state, pod, scores, nodes);
      for (let k = 0; k < total.length; k++) total[k] = (total[k] ?? 0) + weight * (scores[k] ?? 0);
    }
    return total;
  }

  /** The first plugin that makes room decides; otherwise what all of them say. */
  postFilter(rejection: Rejection): PostFilterResult {
    const messages: string[] = [];
    let last: PostFilterResult = {};
    for (const { plugin } of this.#plugins) {
      const result = plugin.postFilter?.(rejection);
      if (!result) continue;
      if (result.nominate) return result;
      if (result.message) messages.push(result.message);
      last = { ...last, ...result };
    }
    return { ...last, message: messages.join(", ") };
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

  /** Permit and PreBind. No promise when no plugin has to wait. */
  prepareBinding(
    state: CycleState,
    pod: PodInfo,
    nodeName: string,
    signal: AbortSignal,
  ): Promise<Status | undefined> | undefined {
    const points = (["permit", "preBind"] as const).flatMap((point) =>
      this.#plugins.map(({ plugin }) => ({ plugin, point })),
    );
    const rest = points.values();
    const next = (): Promise<Status | undefined> | undefined => {
      for (const { plugin, point } of rest) {
        const pending = plugin[point]?.(state, pod, nodeName, signal);
        if (pending) return pending.then((status) => status ?? next());
      }
      return undefined;
    };
    return next();
  }

  /** Bind and PostBind. Rejects when the binding fails; a status is a plugin's refusal. */
  async bind(state: CycleState, pod: PodInfo, nodeName: string, signal: AbortSignal): Promise<Status | undefined> {
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

  /** Asks every plugin what the pod needs, once, so that those it does not concern cost nothing per node. */
  #preFilter(state: CycleState, pod: PodInfo, snapshot: Snapshot): Candidates {
    const filters = [...this.#filters];
    let names: ReadonlySet<string> | undefined;
    const restrictedBy: string[] = [];
    for (const { plugin } of this.#plugins) {
      const answer = plugin.preFilter?.(state, pod, snapshot);
      if (!answer) continue;
      if ("nodeNames" in answer) {
        const before = names;
        names = before ? new Set([...answer.nodeNames].filter((name) => before.has(name))) : answer.nodeNames;
        restrictedBy.push(plugin.name);
      } else if (answer.code === "skip") {
        if (plugin.filter) filters.splice(filters.indexOf(plugin), 1);
      } else return { refused: answer, nodes: [], absent: undefined };
    }
    state.filters = filters;
    if (!names) return { refused: undefined, nodes: snapshot.nodes, absent: undefined };
    const absent: Status = {
      code: "unresolvable",
      plugin: restrictedBy.join(" "),
      reason: `node(s) didn't satisfy plugin(s) [${restrictedBy.join(" ")}]`,
    };
    const nodes = [...names].flatMap((name) => snapshot.get(name) ?? []);
    return { refused: undefined, nodes, absent };
  }

  #filter(state: CycleState, pod: PodInfo, node: NodeInfo): Status | undefined {
    for (const plugin of state.filters) {
      const status = plugin.filter?.(state, pod, node);
      if (status) return status;
    }
    return undefined;
  }
}

/** What is left to look at after PreFilter. */
interface Candidates {
  readonly refused: Status | undefined;
  readonly nodes: readonly NodeInfo[];
  /** Of the nodes left out. */
  readonly absent: Status | undefined;
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
