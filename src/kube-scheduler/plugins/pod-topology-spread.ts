import type { Node } from "../../api/core/v1/types.gen.ts";
import type { NodeInfo, Snapshot } from "../cache/node-table.ts";
import { isCounted } from "../cache/match-index.ts";
import type { PodInfo } from "../cache/pod-info.ts";
import type { SchedulerListers } from "../framework/listers.ts";
import { onEvent, scoreMax, skip, type Plugin, type StateKey, type Status } from "../framework/interface.ts";
import { DomainCounts } from "./domain-counts.ts";
import {
  defaultSpreadConstraints,
  hasAllTopologies,
  hostnameLabel,
  spreadConstraints,
  type SpreadConstraint,
} from "./spread-constraints.ts";

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
  /** Where each host is a domain of its own: matching pods by slot. */
  readonly byHost: Uint32Array | undefined;
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
          const counted = previous ? isCounted(previous, selector, namespace) : undefined;
          const matches = current.metadata.namespace === namespace && selector.matches(current.metadata.labels);
          return counted === undefined ? matches : counted !== isCounted(current, selector, namespace);
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
        const domain = counts.domainOf(node.slot);
        if (domain < 0) return missingLabel;
        const min = counts.size < constraint.minDomains ? 0 : counts.min;
        if (counts.of(domain) + self - min > constraint.maxSkew) return mismatch;
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
    score(state, _info, node) {
      const { wishes, ignored } = state.get(wishesKey) ?? { wishes: [], ignored: new Set() };
      if (ignored.has(node)) return 0;
      let score = 0;
      for (const { constraint, counts, weight, byHost } of wishes) {
        const domain = counts.domainOf(node.slot);
        if (domain < 0) continue;
        const count = byHost ? (byHost[node.slot] ?? 0) : counts.of(domain);
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
  const demands = constraints.map((constraint) => ({
    constraint,
    counts: new DomainCounts(snapshot.topology(constraint.topologyKey)),
    self: constraint.selector.matches(labels) ? 1 : 0,
    bySlot: snapshot.matching(namespace, constraint.selector),
  }));
  for (const { node, slot } of snapshot.nodes) {
    // A node that lacks one topology counts for none.
    if (!node || demands.some(({ counts }) => counts.domainOf(slot) < 0)) continue;
    for (const { constraint, counts, bySlot } of demands) {
      if (constraint.includes(node)) counts.add(counts.domainOf(slot), bySlot[slot] ?? 0);
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
  if (!demands || !node.node || demands.some(({ counts }) => counts.domainOf(node.slot) < 0)) return;
  for (const { constraint, counts } of demands) {
    if (constraint.includes(node.node) && isCounted(other.pod, constraint.selector, pod.metadata.namespace)) {
      counts.add(counts.domainOf(node.slot), sign);
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
  const all = constraints.map((constraint) => ({
    constraint,
    counts: new DomainCounts(snapshot.topology(constraint.topologyKey)),
    bySlot: snapshot.matching(pod.metadata.namespace, constraint.selector),
    isHost: constraint.topologyKey === hostnameLabel,
  }));
  // Each host is a domain of its own; its pods are looked up when it is scored.
  const zonal = all.filter(({ isHost }) => !isHost);
  const isLacking = (slot: number): boolean =>
    requireAllTopologies && all.some(({ counts }) => counts.domainOf(slot) < 0);
  for (const info of feasible) {
    if (isLacking(info.slot)) {
      ignored.add(info);
      continue;
    }
    for (const { counts } of zonal) {
      const domain = counts.domainOf(info.slot);
      if (domain >= 0 && !counts.has(domain)) counts.add(domain, 0);
    }
  }
  const wishes = all.map(({ constraint, counts, bySlot, isHost }): Wish => {
    const size = isHost ? feasible.length - ignored.size : counts.size;
    return { constraint, counts, weight: Math.log(size + 2), byHost: isHost ? bySlot : undefined };
  });
  if (zonal.length === 0) return { wishes, ignored };
  for (const { node, slot } of snapshot.nodes) {
    if (!node || isLacking(slot)) continue;
    for (const { constraint, counts, bySlot } of zonal) {
      const domain = counts.domainOf(slot);
      // Domains without a feasible node are of no interest.
      if (domain >= 0 && counts.has(domain) && constraint.includes(node)) counts.add(domain, bySlot[slot] ?? 0);
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
