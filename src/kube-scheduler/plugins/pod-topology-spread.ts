import type { Node } from "../../api/core/v1/types.gen.ts";
import type { NodeInfo, Snapshot } from "../cache/node-table.ts";
import type { PodInfo } from "../cache/pod-info.ts";
import type { SchedulerListers } from "../framework/listers.ts";
import { onEvent, scoreMax, skip, type Plugin, type StateKey, type Status } from "../framework/interface.ts";
import { DomainCounts } from "./domain-counts.ts";
import {
  countMatching,
  countsFor,
  defaultSpreadConstraints,
  hasAllTopologies,
  hostnameLabel,
  spreadConstraints,
  type SpreadConstraint,
} from "./spread-constraints.ts";
import { labelOf } from "./topology-counts.ts";

const name = "PodTopologySpread";

const mismatch: Status = {
  code: "unschedulable",
  plugin: name,
  reason: "node(s) didn't match pod topology spread constraints",
};
const missingLabel: Status = {
  code: "unresolvable",
  plugin: name,
  reason: "node(s) didn't match pod topology spread constraints (missing required label)",
};

/** A demand (DoNotSchedule) with its pods counted by domain. */
interface Demand {
  readonly constraint: SpreadConstraint;
  readonly counts: DomainCounts;
  /** 1 when the pod itself would be counted. */
  readonly self: number;
}

/** A wish (ScheduleAnyway), with the weight that evens out topologies of few and of many domains. */
interface Wish {
  readonly constraint: SpreadConstraint;
  readonly counts: DomainCounts;
  readonly weight: number;
}

interface Wishes {
  readonly wishes: readonly Wish[];
  /** Feasible nodes that lack a topology: no score. */
  readonly ignored: ReadonlySet<NodeInfo>;
}

const demandsKey: StateKey<readonly Demand[]> = { name };
const wishesKey: StateKey<Wishes> = { name: `${name}/score` };

/** Spreads like pods over zones, hosts or any other topology: demands filter, wishes score. */
export function podTopologySpread(listers: SchedulerListers): Plugin {
  return {
    name,
    eventsToRegister: [
      onEvent("AssignedPod", ["add", "update", "delete"], (pod, { previous, current }) => {
        const { namespace } = pod.metadata;
        return spreadConstraints(pod, "DoNotSchedule").some(({ selector }) => {
          const counted = previous ? countsFor(previous, selector, namespace) : undefined;
          const matches = current.metadata.namespace === namespace && selector.matches(current.metadata.labels);
          return counted === undefined ? matches : counted !== countsFor(current, selector, namespace);
        });
      }),
      onEvent("Node", ["add", "update", "delete"], (pod, { previous, current }) => {
        const demands = spreadConstraints(pod, "DoNotSchedule");
        const relevant = (node: Node | undefined): boolean => node !== undefined && hasAllTopologies(node, demands);
        return relevant(previous) || relevant(current);
      }),
    ],

    preFilter(state, info, snapshot) {
      const constraints = spreadConstraints(info.pod, "DoNotSchedule");
      if (constraints.length === 0) return skip;
      state.set(demandsKey, countDemands(info, constraints, snapshot));
      return undefined;
    },
    addPod: (state, info, other, node) => update(state.get(demandsKey), info, other, node, 1),
    removePod: (state, info, other, node) => update(state.get(demandsKey), info, other, node, -1),

    filter(state, _info, node) {
      for (const { constraint, counts, self } of state.get(demandsKey) ?? []) {
        const domain = labelOf(node, constraint.topologyKey);
        if (domain === undefined) return missingLabel;
        const min = counts.size < constraint.minDomains ? 0 : counts.min;
        if ((counts.of(domain) ?? 0) + self - min > constraint.maxSkew) return mismatch;
      }
      return undefined;
    },

    preScore(state, info, nodes, snapshot) {
      const { pod } = info;
      const hasOwn = (pod.spec.topologySpreadConstraints?.length ?? 0) > 0;
      const constraints = hasOwn ? spreadConstraints(pod, "ScheduleAnyway") : defaultSpreadConstraints(pod, listers);
      if (constraints.length === 0) return skip;
      // The defaults also work where nodes have no zones.
      state.set(wishesKey, countWishes(info, constraints, nodes, snapshot, hasOwn));
      return undefined;
    },
    score(state, { pod }, node) {
      const { wishes, ignored } = state.get(wishesKey) ?? { wishes: [], ignored: new Set() };
      if (ignored.has(node)) return 0;
      let score = 0;
      for (const { constraint, counts, weight } of wishes) {
        const domain = labelOf(node, constraint.topologyKey);
        if (domain === undefined) continue;
        const count =
          constraint.topologyKey === hostnameLabel
            ? countMatching(node, constraint.selector, pod.metadata.namespace)
            : (counts.of(domain) ?? 0);
        // A larger maxSkew makes small differences matter less.
        score += count * weight + (constraint.maxSkew - 1);
      }
      return Math.round(score);
    },
    normalizeScore(state, _info, scores, nodes) {
      normalize(scores, nodes, state.get(wishesKey)?.ignored ?? new Set());
    },
  };
}

function countDemands(
  { pod }: PodInfo,
  constraints: readonly SpreadConstraint[],
  snapshot: Snapshot,
): readonly Demand[] {
  const { namespace, labels } = pod.metadata;
  const demands = constraints.map((constraint): Demand => ({
    constraint,
    counts: new DomainCounts(),
    self: constraint.selector.matches(labels) ? 1 : 0,
  }));
  for (const info of snapshot.nodes) {
    if (!info.node || !hasAllTopologies(info.node, constraints)) continue;
    for (const { constraint, counts } of demands) {
      const domain = labelOf(info, constraint.topologyKey);
      if (domain === undefined || !constraint.includes(info.node)) continue;
      counts.add(domain, countMatching(info, constraint.selector, namespace));
    }
  }
  return demands;
}

function update(
  demands: readonly Demand[] | undefined,
  { pod }: PodInfo,
  other: PodInfo,
  node: NodeInfo,
  sign: 1 | -1,
): void {
  const constraints = demands?.map((d) => d.constraint) ?? [];
  if (!demands || !node.node || !hasAllTopologies(node.node, constraints)) return;
  for (const { constraint, counts } of demands) {
    if (!constraint.includes(node.node)) continue;
    const domain = labelOf(node, constraint.topologyKey);
    if (domain !== undefined && countsFor(other.pod, constraint.selector, pod.metadata.namespace)) {
      counts.add(domain, sign);
    }
  }
}

function countWishes(
  { pod }: PodInfo,
  constraints: readonly SpreadConstraint[],
  feasible: readonly NodeInfo[],
  snapshot: Snapshot,
  requireAllTopologies: boolean,
): Wishes {
  const ignored = new Set<NodeInfo>();
  const counts = constraints.map(() => new DomainCounts());
  const zonal = constraints.map((c) => c.topologyKey !== hostnameLabel);
  for (const info of feasible) {
    if (requireAllTopologies && info.node && !hasAllTopologies(info.node, constraints)) {
      ignored.add(info);
      continue;
    }
    for (let i = 0; i < constraints.length; i++) {
      // Each host is a domain of its own; its pods are counted when it is scored.
      const domain = zonal[i] ? labelOf(info, constraints[i]?.topologyKey ?? "") : undefined;
      if (domain !== undefined && counts[i]?.of(domain) === undefined) counts[i]?.add(domain, 0);
    }
  }
  const wishes = constraints.map((constraint, i): Wish => {
    const ofConstraint = counts[i] ?? new DomainCounts();
    const size = zonal[i] ? ofConstraint.size : feasible.length - ignored.size;
    return { constraint, counts: ofConstraint, weight: Math.log(size + 2) };
  });
  const zonalWishes = wishes.filter((_, i) => zonal[i]);
  if (zonalWishes.length === 0) return { wishes, ignored };
  for (const info of snapshot.nodes) {
    if (!info.node || (requireAllTopologies && !hasAllTopologies(info.node, constraints))) continue;
    for (const { constraint, counts: ofConstraint } of zonalWishes) {
      const domain = labelOf(info, constraint.topologyKey);
      // Domains without a feasible node are of no interest.
      if (domain === undefined || ofConstraint.of(domain) === undefined || !constraint.includes(info.node)) continue;
      ofConstraint.add(domain, countMatching(info, constraint.selector, pod.metadata.namespace));
    }
  }
  return { wishes, ignored };
}

/** The less crowded, the closer to 100. */
function normalize(scores: Float64Array, nodes: readonly NodeInfo[], ignored: ReadonlySet<NodeInfo>): void {
  let min = Number.POSITIVE_INFINITY;
  let max = 0;
  for (let i = 0; i < scores.length; i++) {
    const node = nodes[i];
    if (node && ignored.has(node)) continue;
    const score = scores[i] ?? 0;
    if (score < min) min = score;
    if (score > max) max = score;
  }
  for (let i = 0; i < scores.length; i++) {
    const node = nodes[i];
    if (node && ignored.has(node)) scores[i] = 0;
    else if (max === 0) scores[i] = scoreMax;
    else scores[i] = Math.floor((scoreMax * (max + min - (scores[i] ?? 0))) / max);
  }
}
