import type {
  ControllerRevision,
  DaemonSet,
  Deployment,
  ReplicaSet,
  StatefulSet,
} from "../../api/apps/v1/types.gen.ts";
import type { CronJob, Job } from "../../api/batch/v1/types.gen.ts";
import type { PodTemplate, ReplicationController } from "../../api/core/v1/types.gen.ts";
import type { PodDisruptionBudget } from "../../api/policy/v1/types.gen.ts";
import { formatLabelSelector } from "../../apimachinery/labels/selector.ts";
import { humanDuration } from "../../apiserver/endpoints/human-duration.ts";
import { age } from "./age.ts";
import { containerCells, formatBool, formatLabels, none } from "./format.ts";

export function deploymentCells({ metadata, spec, status }: Deployment, nowMs: number): readonly unknown[] {
  return [
    metadata.name,
    `${status.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
    status.updatedReplicas ?? 0,
    status.availableReplicas ?? 0,
    age(metadata.creationTimestamp, nowMs),
    ...containerCells(spec.template.spec.containers),
    formatLabelSelector(spec.selector ?? undefined),
  ];
}

export function replicaSetCells({ metadata, spec, status }: ReplicaSet, nowMs: number): readonly unknown[] {
  return [
    metadata.name,
    spec.replicas ?? 0,
    status.replicas,
    status.readyReplicas ?? 0,
    age(metadata.creationTimestamp, nowMs),
    ...containerCells(spec.template.spec.containers),
    formatLabelSelector(spec.selector ?? undefined),
  ];
}

export function replicationControllerCells(
  { metadata, spec, status }: ReplicationController,
  nowMs: number,
): readonly unknown[] {
  return [
    metadata.name,
    spec.replicas ?? 0,
    status.replicas,
    status.readyReplicas ?? 0,
    age(metadata.creationTimestamp, nowMs),
    ...containerCells(spec.template?.spec.containers ?? []),
    formatLabels(spec.selector),
  ];
}

export function daemonSetCells({ metadata, spec, status }: DaemonSet, nowMs: number): readonly unknown[] {
  return [
    metadata.name,
    status.desiredNumberScheduled,
    status.currentNumberScheduled,
    status.numberReady,
    status.updatedNumberScheduled ?? 0,
    status.numberAvailable ?? 0,
    formatLabels(spec.template.spec.nodeSelector),
    age(metadata.creationTimestamp, nowMs),
    ...containerCells(spec.template.spec.containers),
    formatLabelSelector(spec.selector ?? undefined),
  ];
}

export function statefulSetCells({ metadata, spec, status }: StatefulSet, nowMs: number): readonly unknown[] {
  return [
    metadata.name,
    `${status.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
    age(metadata.creationTimestamp, nowMs),
    ...containerCells(spec.template.spec.containers),
  ];
}

export function jobCells({ metadata, spec, status }: Job, nowMs: number): readonly unknown[] {
  const succeeded = status.succeeded ?? 0;
  const parallelism = spec.parallelism ?? 0;
  const completions =
    spec.completions !== undefined
      ? `${succeeded}/${spec.completions}`
      : `${succeeded}/1${parallelism > 1 ? ` of ${parallelism}` : ""}`;
  const endMs = status.completionTime ? Date.parse(status.completionTime) : nowMs;
  return [
    metadata.name,
    jobStatus({ metadata, status }),
    completions,
    status.startTime ? humanDuration(endMs - Date.parse(status.startTime)) : "",
    age(metadata.creationTimestamp, nowMs),
    ...containerCells(spec.template.spec.containers),
    formatLabelSelector(spec.selector ?? undefined),
  ];
}

function jobStatus({ metadata, status }: Pick<Job, "metadata" | "status">): string {
  const isTrue = (type: string): boolean =>
    status.conditions?.some((c) => c.type === type && c.status === "True") ?? false;
  if (isTrue("Complete")) return "Complete";
  if (isTrue("Failed")) return "Failed";
  if (metadata.deletionTimestamp) return "Terminating";
  return ["Suspended", "FailureTarget", "SuccessCriteriaMet"].find(isTrue) ?? "Running";
}

export function cronJobCells({ metadata, spec, status }: CronJob, nowMs: number): readonly unknown[] {
  return [
    metadata.name,
    spec.schedule,
    spec.timeZone ?? none,
    formatBool(spec.suspend),
    status.active?.length ?? 0,
    status.lastScheduleTime ? age(status.lastScheduleTime, nowMs) : none,
    age(metadata.creationTimestamp, nowMs),
    ...containerCells(spec.jobTemplate.spec.template.spec.containers),
    formatLabelSelector(spec.jobTemplate.spec.selector),
  ];
}

export function podTemplateCells({ metadata, template }: PodTemplate): readonly unknown[] {
  return [metadata.name, ...containerCells(template.spec.containers), formatLabels(template.metadata.labels)];
}

export function podDisruptionBudgetCells(
  { metadata, spec, status }: PodDisruptionBudget,
  nowMs: number,
): readonly unknown[] {
  return [
    metadata.name,
    String(spec.minAvailable ?? "N/A"),
    String(spec.maxUnavailable ?? "N/A"),
    status.disruptionsAllowed,
    age(metadata.creationTimestamp, nowMs),
  ];
}

export function controllerRevisionCells({ metadata, revision }: ControllerRevision, nowMs: number): readonly unknown[] {
  const owner = metadata.ownerReferences?.find((reference) => reference.controller);
  const group = owner?.apiVersion.includes("/") ? `.${owner.apiVersion.split("/")[0]}` : "";
  return [
    metadata.name,
    owner ? `${owner.kind.toLowerCase()}${group}/${owner.name}` : none,
    revision,
    age(metadata.creationTimestamp, nowMs),
  ];
}
