import type { ResourceQuota, ScopedResourceSelectorRequirement } from "../../api/core/v1/types.gen.ts";
import type { QuotaEvaluator } from "./evaluator.ts";

/** All that a quota says about which objects it is for. */
export function quotaScopes({ spec }: ResourceQuota): readonly ScopedResourceSelectorRequirement[] {
  const plain = (spec.scopes ?? []).map((scopeName) => ({ scopeName, operator: "Exists" as const }));
  return [...plain, ...(spec.scopeSelector?.matchExpressions ?? [])];
}

/** Whether an object is in every scope of the quota. */
export function isInScopes<T>(quota: ResourceQuota, evaluator: QuotaEvaluator<T>, object: T): boolean {
  return quotaScopes(quota).every((scope) => evaluator.matchesScope(scope, object));
}
