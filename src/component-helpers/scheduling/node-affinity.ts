import type { Node, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm } from "../../api/core/v1/types.gen.ts";
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

function isEmptyTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm): boolean {
  return matchExpressions.length === 0 && matchFields.length === 0;
}

function requirements(list: NodeSelectorTerm["matchExpressions"]): readonly Requirement[] {
  return (list ?? []).map(({ key, operator, values }) => newRequirement(key, operators[operator], values ?? []));
}
