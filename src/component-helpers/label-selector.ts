import { SelectorError } from "../apimachinery/labels/requirement.ts";
import { selectorFromLabelSelector } from "../apimachinery/labels/selector.ts";
import type { LabelSelector } from "../apimachinery/meta/v1/types.gen.ts";

export type Labels = Readonly<Record<string, string>>;

/** A LabelSelector as a predicate. A null selector selects nothing, an empty one everything; an invalid one, which validation keeps out, nothing. */
export function labelMatcher(selector: LabelSelector | null | undefined): (labels: Labels | undefined) => boolean {
  try {
    const parsed = selectorFromLabelSelector(selector ?? undefined);
    return (labels) => parsed.matches(labels);
  } catch (error) {
    if (error instanceof SelectorError) return () => false;
    throw error;
  }
}

/** A Service's selector as a predicate: all pairs must be there; no pairs select nothing. */
export function mapMatcher(selector: Labels | undefined): (labels: Labels | undefined) => boolean {
  const equal = Object.entries(selector ?? {});
  return (labels = {}) => equal.length > 0 && equal.every(([key, value]) => labels[key] === value);
}

export function isEmptySelector(selector: LabelSelector | null | undefined): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {};
  return Object.keys(matchLabels).length === 0 && matchExpressions.length === 0;
}
