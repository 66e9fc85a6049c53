import type { Mutable } from "../../../../apimachinery/resource-type.ts";
import type { Pod, PodCondition } from "../../../../api/core/v1/types.gen.ts";

/** As the conditions of clients are decoded: times are always told, and types do not know those that are null. */
export const noProbe = { lastProbeTime: null as unknown as string };

/** Adds or replaces the condition of that type; the transition time moves only with the status. */
export function setPodCondition(pod: Mutable<Pod>, given: Mutable<PodCondition>): void {
  const condition = { ...noProbe, ...given };
  const conditions = pod.status.conditions ?? [];
  const index = conditions.findIndex((each) => each.type === condition.type);
  const before = conditions[index];
  const next: Mutable<PodCondition> =
    before?.status === condition.status && before.lastTransitionTime
      ? { ...condition, lastTransitionTime: before.lastTransitionTime }
      : condition;
  pod.status.conditions = before ? conditions.with(index, next) : [...conditions, next];
}
