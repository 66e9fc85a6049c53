import type { Node, Pod } from "../../api/core/v1/types.gen.ts";
import { Selector } from "../../apimachinery/labels/selector.ts";
import type { Labels } from "../../component-helpers/label-selector.ts";
import type { NodeInfo } from "../cache/node-table.ts";
import {
  podAffinityTerms,
  termMatches,
  type AffinityTerm,
  type PodAffinityTerms,
} from "../cache/pod-affinity-terms.ts";
import type { PodInfo } from "../cache/pod-info.ts";
import type { SchedulerListers } from "../framework/listers.ts";
import { onEvent, scoreMax, skip, type Plugin, type StateKey, type Status } from "../framework/interface.ts";
import { TopologyCounts } from "./topology-counts.ts";

const name = "InterPodAffinity";
// What a required term of a pod that is already there adds to the score (upstream's hardPodAffinityWeight).
const requiredTermWeight = 1;

/** What the filter counts; kept right while pods are placed and taken away in "what if" questions. */
interface AffinityCounts {
  readonly terms: PodAffinityTerms;
  readonly namespaceLabels: Labels | undefined;
  /** Pods that are there and must not be with this one. */
  readonly existingAnti: TopologyCounts;
  /** Pods that all of this pod's required terms mean. */
  readonly affinity: TopologyCounts;
  /** Pods that one of its anti-affinity terms means. */
  readonly anti: TopologyCounts;
}

const countsKey: StateKey<AffinityCounts> = { name };
const scoreKey: StateKey<TopologyCounts> = { name: `${name}/score` };

const noAffinity = unfit("unresolvable", "node(s) didn't match pod affinity rules");
const repels = unfit("unschedulable", "node(s) didn't match pod anti-affinity rules");
const isRepelled = unfit("unschedulable", "node(s) didn't satisfy existing pods anti-affinity rules");

const noTerms: PodAffinityTerms = { required: [], requiredAnti: [], preferred: [], preferredAnti: [] };

/** Keeps pods together or apart by topology: required terms filter, preferred ones score, and both bind the pods already there. */
export function interPodAffinity(listers: SchedulerListers): Plugin {
  const labelsOf = (namespace: string): Labels | undefined =>
    listers.namespaces.get(undefined, namespace)?.metadata.labels;
  const termsOf = (terms: PodAffinityTerms | undefined): PodAffinityTerms =>
    terms ? withNamespacesResolved(terms, listers) : noTerms;

  return {
    name,
    eventsToRegister: [
      onEvent("AssignedPod", ["add", "update", "delete"], (pod, { action, previous, current }) => {
        if (action === "update" && sameLabels(previous, current)) return false;
        return podMayHelp(
          pod,
          termsOf(podAffinityTerms(pod)),
          labelsOf,
          action === "delete" ? current : previous,
          current,
        );
      }),
      onEvent("Node", ["add", "update"], (pod, { previous, current }) => {
        const terms = podAffinityTerms(pod);
        // Refused because of another pod's anti-affinity: any topology may be free of it.
        if (!terms || terms.required.length + terms.requiredAnti.length === 0) return true;
        return [...terms.required, ...terms.requiredAnti].some(({ topologyKey }) =>
          labelChanged(topologyKey, previous, current),
        );
      }),
    ],

    preFilter(state, info, snapshot) {
      const terms = termsOf(info.affinity);
      const namespaceLabels = labelsOf(info.pod.metadata.namespace);
      const counts: AffinityCounts = {
        terms,
        namespaceLabels,
        existingAnti: new TopologyCounts(snapshot),
        affinity: new TopologyCounts(snapshot),
        anti: new TopologyCounts(snapshot),
      };
      for (const node of snapshot.nodesWithAntiAffinity) {
        if (!node.node) continue;
        for (const other of node.antiAffinityPods) countExistingAnti(counts, info, other, node, 1);
      }
      const hasOwn = terms.required.length + terms.requiredAnti.length > 0;
      if (!hasOwn && counts.existingAnti.isEmpty) return skip;
      if (hasOwn) {
        for (const node of snapshot.nodes) for (const other of node.pods.values()) countOwn(counts, other, node, 1);
      }
      state.set(countsKey, counts);
      return undefined;
    },

    addPod: (state, info, other, node) => update(state.get(countsKey), info, other, node, 1),
    removePod: (state, info, other, node) => update(state.get(countsKey), info, other, node, -1),

    filter(state, info, node) {
      const counts = state.get(countsKey);
      if (!counts) return undefined;
      if (!satisfiesAffinity(counts, info.pod, node)) return noAffinity;
      if (counts.terms.requiredAnti.some((term) => counts.anti.of(term.topologyKey, node) > 0)) return repels;
      return counts.existingAnti.hasAny(node) ? isRepelled : undefined;
    },

    preScore(state, info, _nodes, snapshot) {
      const terms = termsOf(info.affinity);
      const hasOwn = terms.preferred.length + terms.preferredAnti.length > 0;
      if (!hasOwn && snapshot.nodesWithAffinity.size === 0) return skip;
      const namespaceLabels = labelsOf(info.pod.metadata.namespace);
      const scores = new TopologyCounts(snapshot);
      for (const node of hasOwn ? snapshot.nodes : snapshot.nodesWithAffinity) {
        if (!node.node) continue;
        for (const other of hasOwn ? node.pods.values() : node.affinityPods) {
          if (hasOwn) weighOwn(scores, terms, other.pod, node, labelsOf);
          if (other.affinity) weighExisting(scores, other.affinity, info.pod, node, namespaceLabels);
        }
      }
      if (scores.isEmpty) return skip;
      state.set(scoreKey, scores);
      return undefined;
    },
    score: (state, _info, node) => state.get(scoreKey)?.sum(node) ?? 0,
    normalizeScore: (_state, _info, scores) => normalizeByRange(scores),
  };

  function update(
    counts: AffinityCounts | undefined,
    info: PodInfo,
    other: PodInfo,
    node: NodeInfo,
    sign: 1 | -1,
  ): void {
    if (!counts) return;
    countExistingAnti(counts, info, other, node, sign);
    countOwn(counts, other, node, sign);
  }
}

function countExistingAnti(counts: AffinityCounts, info: PodInfo, other: PodInfo, node: NodeInfo, sign: 1 | -1): void {
  for (const term of other.affinity?.requiredAnti ?? []) {
    if (termMatches(term, info.pod, counts.namespaceLabels)) counts.existingAnti.add(term.topologyKey, node, sign);
  }
}

function countOwn({ terms, affinity, anti }: AffinityCounts, { pod }: PodInfo, node: NodeInfo, sign: 1 | -1): void {
  if (matchesAll(terms.required, pod)) for (const term of terms.required) affinity.add(term.topologyKey, node, sign);
  for (const term of terms.requiredAnti) {
    if (termMatches(term, pod, undefined)) anti.add(term.topologyKey, node, sign);
  }
}

/** The first of a group of pods that want to be together finds none of them: it may go anywhere the topology exists. */
function satisfiesAffinity({ terms, affinity }: AffinityCounts, pod: Pod, node: NodeInfo): boolean {
  let podsExist = true;
  for (const { topologyKey } of terms.required) {
    if (node.node?.metadata.labels?.[topologyKey] === undefined) return false;
    if (affinity.of(topologyKey, node) <= 0) podsExist = false;
  }
  return podsExist || (affinity.isEmpty && matchesAll(terms.required, pod));
}

/** Of no terms: false. Their namespaces are resolved, so that no namespace labels are needed. */
function matchesAll(terms: readonly AffinityTerm[], pod: Pod): boolean {
  return terms.length > 0 && terms.every((term) => termMatches(term, pod, undefined));
}

function weighOwn(
  scores: TopologyCounts,
  { preferred, preferredAnti }: PodAffinityTerms,
  other: Pod,
  node: NodeInfo,
  labelsOf: (namespace: string) => Labels | undefined,
): void {
  const weigh = (term: AffinityTerm, weight: number): void => {
    if (termMatches(term, other, labelsOf(other.metadata.namespace))) scores.add(term.topologyKey, node, weight);
  };
  for (const term of preferred) weigh(term, term.weight);
  for (const term of preferredAnti) weigh(term, -term.weight);
}

/** The wishes of a pod that is already there count as well. */
function weighExisting(
  scores: TopologyCounts,
  terms: PodAffinityTerms,
  pod: Pod,
  node: NodeInfo,
  namespaceLabels: Labels | undefined,
): void {
  const weigh = (term: AffinityTerm, weight: number): void => {
    if (termMatches(term, pod, namespaceLabels)) scores.add(term.topologyKey, node, weight);
  };
  for (const term of terms.required) weigh(term, requiredTermWeight);
  for (const term of terms.preferred) weigh(term, term.weight);
  for (const term of terms.preferredAnti) weigh(term, -term.weight);
}

/** The smallest becomes 0 and the largest 100; all equal become 0. */
function normalizeByRange(scores: Float64Array): void {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const score of scores) {
    if (score < min) min = score;
    if (score > max) max = score;
  }
  const range = max - min;
  for (let i = 0; i < scores.length; i++) {
    scores[i] = range === 0 ? 0 : Math.floor((scoreMax * ((scores[i] ?? 0) - min)) / range);
  }
}

/** Namespace selectors become the namespaces they select now, so that matching a pod needs no look-up. */
function withNamespacesResolved(terms: PodAffinityTerms, listers: SchedulerListers): PodAffinityTerms {
  const resolve = (term: AffinityTerm): AffinityTerm => {
    if (term.namespaceSelector.isNothing) return term;
    const selected = listers.namespaces.list().filter((ns) => term.namespaceSelector.matches(ns.metadata.labels));
    const namespaces = new Set([...term.namespaces, ...selected.map((ns) => ns.metadata.name)]);
    return { ...term, namespaces, namespaceSelector: Selector.nothing };
  };
  return {
    required: terms.required.map(resolve),
    requiredAnti: terms.requiredAnti.map(resolve),
    preferred: terms.preferred.map(resolve),
    preferredAnti: terms.preferredAnti.map(resolve),
  };
}

/** A pod that came as one it must be with, or went as one it must not be with. */
function podMayHelp(
  pod: Pod,
  terms: PodAffinityTerms,
  labelsOf: (namespace: string) => Labels | undefined,
  gone: Pod | undefined,
  current: Pod,
): boolean {
  const came = gone === current ? undefined : current;
  if (came && matchesAll(terms.required, came) && !(gone && matchesAll(terms.required, gone))) return true;
  if (!gone) return false;
  const repelled = (p: Pod): boolean =>
    terms.requiredAnti.some((term) => termMatches(term, p, undefined)) ||
    (podAffinityTerms(p)?.requiredAnti ?? []).some((term) => termMatches(term, pod, labelsOf(pod.metadata.namespace)));
  return repelled(gone);
}

function sameLabels(a: Pod | undefined, b: Pod): boolean {
  return JSON.stringify(a?.metadata.labels) === JSON.stringify(b.metadata.labels);
}

function labelChanged(key: string, previous: Node | undefined, current: Node): boolean {
  return (
    current.metadata.labels?.[key] !== undefined && previous?.metadata.labels?.[key] !== current.metadata.labels[key]
  );
}

function unfit(code: Status["code"], reason: string): Status {
  return { code, plugin: name, reason };
}
