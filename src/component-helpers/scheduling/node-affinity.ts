import type {
  Node,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  Pod,
} from "../../api/core/v1/types.gen.ts";
import {
  newRequirement,
  requirementMatches,
  SelectorError,
  type Requirement,
  type SelectorOperator,
} from "../../apimachinery/labels/requirement.ts";

/** A condition on nodes. */
export type NodePredicate = (node: Node) => boolean;

const operators: Readonly<Record<NodeSelectorRequirement["operator"], SelectorOperator>> = {
  In: "in",
  NotIn: "notin",
  Exists: "exists",
  DoesNotExist: "!",
  Gt: "gt",
  Lt: "lt",
};

/** A node selector as a predicate: one of its terms must hold. No terms select nothing. */
export function nodeSelectorMatcher(selector: NodeSelector): NodePredicate {
  const terms = selector.nodeSelectorTerms.map(nodeSelectorTermMatcher);
  return (node) => terms.some((term) => term(node));
}

/**
 * All expressions over labels and fields of the term must hold. An empty term selects nothing, and so does an invalid one,
 * which validation keeps out. The only field is `metadata.name`.
 */
export function nodeSelectorTermMatcher(term: NodeSelectorTerm): NodePredicate {
  if (isEmptyTerm(term)) return () => false;
  try {
    const labels = requirements(term.matchExpressions);
    const fields = requirements(term.matchFields);
    return ({ metadata }) =>
      labels.every((r) => requirementMatches(r, metadata.labels ?? {})) &&
      fields.every((r) => requirementMatches(r, { "metadata.name": metadata.name }));
  } catch (error) {
    if (error instanceof SelectorError) return () => false;
    throw error;
  }
}

/** What the pod demands of its node by `nodeSelector` and required node affinity, or undefined when it demands nothing. */
export function requiredNodeAffinity(pod: Pick<Pod, "spec">): NodePredicate | undefined {
  const { nodeSelector = {}, affinity } = pod.spec;
  const labels = Object.entries(nodeSelector);
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (labels.length === 0 && !required) return undefined;
  const matchesAffinity = required ? nodeSelectorMatcher(required) : () => true;
  return (node) => labels.every(([key, value]) => labelOf(node, key) === value) && matchesAffinity(node);
}

/** The nodes the pod's required affinity names by `metadata.name`, or undefined when it leaves other nodes open. */
export function requiredNodeNames(pod: Pick<Pod, "spec">): ReadonlySet<string> | undefined {
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (!required || required.nodeSelectorTerms.length === 0) return undefined;
  const names = new Set<string>();
  for (const term of required.nodeSelectorTerms) {
    let ofTerm: ReadonlySet<string> | undefined;
    for (const { key, operator, values = [] } of term.matchFields ?? []) {
      if (key !== "metadata.name" || operator !== "In") continue;
      const before = ofTerm;
      ofTerm = new Set(before ? values.filter((value) => before.has(value)) : values);
    }
    // This term says nothing about names, so every node may satisfy it.
    if (!ofTerm) return undefined;
    for (const name of ofTerm) names.add(name);
  }
  return names;
}

/** The sum of the weights of the pod's preferred terms that a node satisfies, or undefined when it prefers nothing. */
export function preferredNodeWeight(pod: Pick<Pod, "spec">): ((node: Node) => number) | undefined {
  const preferred = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const terms = preferred
    .filter((t) => t.weight !== 0 && !isEmptyTerm(t.preference))
    .map((t) => ({ weight: t.weight, matches: nodeSelectorTermMatcher(t.preference) }));
  if (terms.length === 0) return undefined;
  return (node) => terms.reduce((sum, { weight, matches }) => (matches(node) ? sum + weight : sum), 0);
}

function labelOf({ metadata: { labels } }: Node, key: string): string | undefined {
  return labels && Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function isEmptyTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm): boolean {
  return matchExpressions.length === 0 && matchFields.length === 0;
}

function requirements(list: NodeSelectorTerm["matchExpressions"]): readonly Requirement[] {
  return (list ?? []).map(({ key, operator, values }) => newRequirement(key, operators[operator], values ?? []));
}
