import type { CustomResourceDefinition } from "../../api/apiextensions/v1/types.gen.ts";
import type { Mutable } from "../../apimachinery/resource-type.ts";
import { formatTime } from "../../apimachinery/time.ts";

/** Waits for the instances of a definition that is deleted. */
export const cleanupFinalizer = "customresourcecleanup.apiextensions.k8s.io";

export type ConditionType = "NamesAccepted" | "Established" | "Terminating" | "KubernetesAPIApprovalPolicyConformant";

export interface Condition {
  readonly type: ConditionType;
  readonly isTrue: boolean;
  readonly reason: string;
  readonly message: string;
}

export function hasCondition(definition: CustomResourceDefinition, type: ConditionType): boolean {
  return definition.status.conditions?.some((each) => each.type === type && each.status === "True") ?? false;
}

/** Sets a condition in place; its time is that of its last change of status. */
export function setCondition(definition: Mutable<CustomResourceDefinition>, condition: Condition, nowMs: number): void {
  const { type, isTrue, reason, message } = condition;
  const status = isTrue ? "True" : "False";
  const conditions = definition.status.conditions ?? [];
  const before = conditions.find((each) => each.type === type);
  if (before?.status === status && before.reason === reason && before.message === message) return;
  const lastTransitionTime =
    before?.status === status && before.lastTransitionTime !== undefined
      ? before.lastTransitionTime
      : formatTime(nowMs);
  const { generation } = definition.metadata;
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  const next = { type, status, lastTransitionTime, reason, message, ...observed };
  definition.status.conditions = before
    ? conditions.map((each) => (each.type === type ? next : each))
    : [...conditions, next];
}
