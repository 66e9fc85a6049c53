import type { ReplicaSetCondition, ReplicaSetStatus } from "../../api/apps/v1/types.gen.ts";
import type { LabelSelector } from "../../apimachinery/meta/v1/types.gen.ts";
import type { Pod } from "../../api/core/v1/types.gen.ts";
import { errorText } from "../../component-base/logger.ts";
import { labelMatcher } from "../../component-helpers/label-selector.ts";
import { availableInMs, isPodReady, isPodTerminating } from "../../component-helpers/pod.ts";
import { formatTime } from "../../component-helpers/time.ts";
import type { ReplicaOwner } from "./replica-controller.ts";

/** What one reconciliation found and did. */
export interface ReplicaSetOutcome {
  /** Claimed active pods. */
  readonly active: readonly Pod[];
  /** All pods it controls. */
  readonly controlled: readonly Pod[];
  /** Why replicas could not be created or deleted. */
  readonly error?: unknown;
}

export function replicaSetStatus(
  rs: ReplicaOwner,
  selector: LabelSelector | null | undefined,
  outcome: ReplicaSetOutcome,
  nowMs: number,
): ReplicaSetStatus {
  const { active, controlled } = outcome;
  const hasTemplateLabels = labelMatcher({ matchLabels: rs.spec.template?.metadata.labels ?? {} });
  const matches = labelMatcher(selector);
  const minReadySeconds = rs.spec.minReadySeconds ?? 0;
  const count = (pods: readonly Pod[], fits: (pod: Pod) => boolean): number => pods.filter(fits).length;
  const fullyLabeledReplicas = count(active, (p) => hasTemplateLabels(p.metadata.labels));
  const readyReplicas = count(active, isPodReady);
  const availableReplicas = count(active, (p) => availableInMs(p, minReadySeconds, nowMs) === 0);
  const terminatingReplicas = count(controlled, (p) => isPodTerminating(p) && matches(p.metadata.labels));
  const conditions = replicaSetConditions(rs, outcome, nowMs);
  return {
    replicas: active.length,
    ...(fullyLabeledReplicas ? { fullyLabeledReplicas } : {}),
    ...(readyReplicas ? { readyReplicas } : {}),
    ...(availableReplicas ? { availableReplicas } : {}),
    terminatingReplicas,
    observedGeneration: rs.metadata.generation ?? 0,
    ...(conditions.length > 0 ? { conditions } : {}),
  };
}

function replicaSetConditions(
  rs: ReplicaOwner,
  outcome: ReplicaSetOutcome,
  nowMs: number,
): readonly ReplicaSetCondition[] {
  const others = (rs.status.conditions ?? []).filter((c) => c.type !== "ReplicaFailure");
  const current = rs.status.conditions?.find((c) => c.type === "ReplicaFailure");
  if (outcome.error === undefined) return others;
  const reason = outcome.active.length < (rs.spec.replicas ?? 1) ? "FailedCreate" : "FailedDelete";
  if (current?.status === "True" && current.reason === reason) return rs.status.conditions ?? [];
  return [
    ...others,
    {
      type: "ReplicaFailure",
      status: "True",
      lastTransitionTime: formatTime(nowMs),
      reason,
      message: errorText(outcome.error),
    },
  ];
}
