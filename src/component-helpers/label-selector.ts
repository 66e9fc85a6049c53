import type { LabelSelector, LabelSelectorRequirement } from "../apimachinery/meta/v1/types.gen.ts";

export type Labels = Readonly<Record<string, string>>;

/** A LabelSelector as a predicate. A null selector selects nothing, an empty one everything. */
export function labelMatcher(selector: LabelSelector | null | undefined): (labels: Labels | undefined) => boolean {
  if (!selector) return () => false;
  const equal = Object.entries(selector.matchLabels ?? {});
  const requirements = selector.matchExpressions ?? [];
  return (labels = {}) =>
    equal.every(([key, value]) => labels[key] === value) && requirements.every((r) => isMet(r, labels));
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

function isMet({ key, operator, values = [] }: LabelSelectorRequirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    default:
      // Validation lets no other operator in; one that is unknown selects nothing.
      return false;
  }
}
