import type {
  PodFailurePolicy,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyRule,
} from "../../api/batch/v1/types.gen.ts";
import type { ContainerStatus, Pod } from "../../api/core/v1/types.gen.ts";

/** What the policy says about a failed pod. */
export interface FailureVerdict {
  readonly action?: PodFailurePolicyRule["action"];
  /** Whether the failure counts towards the backoff limits. */
  readonly isCounted: boolean;
  /** For FailJob: why, as told in the job's condition. */
  readonly message?: string;
}

/** The first rule that matches decides; a failure no rule matches is counted. */
export function matchFailurePolicy(policy: PodFailurePolicy | undefined, pod: Pod): FailureVerdict {
  for (const [index, rule] of (policy?.rules ?? []).entries()) {
    const what = rule.onExitCodes ? exitCodeMatch(rule.onExitCodes, pod) : conditionMatch(rule, pod);
    if (what === undefined) continue;
    const message = `${what} matching ${rule.action} rule at index ${index}`;
    return {
      action: rule.action,
      isCounted: rule.action !== "Ignore",
      ...(rule.action === "FailJob" ? { message } : {}),
    };
  }
  return { isCounted: true };
}

function exitCodeMatch(requirement: PodFailurePolicyOnExitCodesRequirement, pod: Pod): string | undefined {
  const { containerName, operator, values } = requirement;
  const statuses: readonly ContainerStatus[] = [
    ...(pod.status.containerStatuses ?? []),
    ...(pod.status.initContainerStatuses ?? []),
  ];
  for (const { name, state } of statuses) {
    const exitCode = state?.terminated?.exitCode ?? 0;
    // Exit code 0 is success, and matches not even NotIn.
    if (exitCode === 0 || (containerName !== undefined && containerName !== name)) continue;
    if (values.includes(exitCode) !== (operator === "In")) continue;
    return `Container ${name} for pod ${podName(pod)} failed with exit code ${exitCode}`;
  }
  return undefined;
}

function conditionMatch(rule: PodFailurePolicyRule, pod: Pod): string | undefined {
  for (const pattern of rule.onPodConditions ?? []) {
    const found = pod.status.conditions?.find((c) => c.type === pattern.type);
    if (found && found.status === pattern.status) return `Pod ${podName(pod)} has condition ${pattern.type}`;
  }
  return undefined;
}

function podName(pod: Pod): string {
  return `${pod.metadata.namespace}/${pod.metadata.name}`;
}
