import type { Mutable } from "../../../../apimachinery/resource-type.ts";
import type { Pod, PodCondition } from "../../../../api/core/v1/types.gen.ts";

/** Adds or replaces the condition of that type; the transition time moves only with the status. */
export function setPodCondition(pod: Mutable<Pod>, condition: Mutable<PodCondition>): void {
  const conditions = pod.status.conditions ?? [];
  const index = conditions.findIndex((each) => each.type === condition.type);
  const before = conditions[index];
  const next: Mutable<PodCondition> =
    before?.status === condition.status && before.lastTransitionTime
      ? { ...condition, lastTransitionTime: before.lastTransitionTime }
      : condition;
  pod.status.conditions = before ? conditions.with(index, next) : [...conditions, next];
}
