import type { Pod, PodAffinityTerm, WeightedPodAffinityTerm } from "../../api/core/v1/types.gen.ts";
import { newRequirement, SelectorError } from "../../apimachinery/labels/requirement.ts";
import { selectorFromLabelSelector, Selector } from "../../apimachinery/labels/selector.ts";
import type { Labels } from "../../component-helpers/label-selector.ts";

/** One affinity or anti-affinity term, read once. */
export interface AffinityTerm {
  readonly topologyKey: string;
  readonly selector: Selector;
  readonly namespaces: ReadonlySet<string>;
  /** Selects further namespaces by their labels. */
  readonly namespaceSelector: Selector;
  /** Of a preferred term; 0 of a required one. */
  readonly weight: number;
}

/** The inter-pod terms of one pod. */
export interface PodAffinityTerms {
  readonly required: readonly AffinityTerm[];
  readonly requiredAnti: readonly AffinityTerm[];
  readonly preferred: readonly AffinityTerm[];
  readonly preferredAnti: readonly AffinityTerm[];
}

/** Undefined when the pod has no inter-pod terms. */
export function podAffinityTerms(pod: Pod): PodAffinityTerms | undefined {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  if (!podAffinity && !podAntiAffinity) return undefined;
  const required = (terms: readonly PodAffinityTerm[] = []) => terms.map((t) => affinityTerm(pod, t, 0));
  const preferred = (terms: readonly WeightedPodAffinityTerm[] = []) =>
    terms.filter((t) => t.weight !== 0).map((t) => affinityTerm(pod, t.podAffinityTerm, t.weight));
  const terms: PodAffinityTerms = {
    required: required(podAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    requiredAnti: required(podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    preferred: preferred(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution),
    preferredAnti: preferred(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution),
  };
  return Object.values(terms).some((list: readonly AffinityTerm[]) => list.length > 0) ? terms : undefined;
}

/** Whether the term means `pod`, whose namespace has these labels. */
export function termMatches(term: AffinityTerm, pod: Pod, namespaceLabels: Labels | undefined): boolean {
  const { namespace, labels } = pod.metadata;
  if (!term.namespaces.has(namespace) && !term.namespaceSelector.matches(namespaceLabels)) return false;
  return term.selector.matches(labels);
}

function affinityTerm(pod: Pod, term: PodAffinityTerm, weight: number): AffinityTerm {
  const { namespaces = [], namespaceSelector } = term;
  const ownNamespace = namespaces.length === 0 && !namespaceSelector ? [pod.metadata.namespace] : namespaces;
  return {
    topologyKey: term.topologyKey,
    selector: withLabelKeys(selectorOrNothing(term.labelSelector), pod, term),
    namespaces: new Set(ownNamespace),
    namespaceSelector: selectorOrNothing(namespaceSelector),
    weight,
  };
}

/**
 * The keys' values are taken from the pod itself. The API server has already put them into the selector of pods created
 * with a current version; saying it again changes nothing.
 */
function withLabelKeys(selector: Selector, pod: Pod, term: PodAffinityTerm): Selector {
  const labels = pod.metadata.labels ?? {};
  const requirement = (key: string, operator: "in" | "notin") => {
    const value = labels[key];
    return value === undefined ? [] : [newRequirement(key, operator, [value])];
  };
  return selector.add(
    ...(term.matchLabelKeys ?? []).flatMap((key) => requirement(key, "in")),
    ...(term.mismatchLabelKeys ?? []).flatMap((key) => requirement(key, "notin")),
  );
}

/** Validation keeps invalid selectors out; one that got in selects nothing. */
export function selectorOrNothing(selector: PodAffinityTerm["labelSelector"]): Selector {
  try {
    return selectorFromLabelSelector(selector);
  } catch (error) {
    if (error instanceof SelectorError) return Selector.nothing;
    throw error;
  }
}
