import type {
  HorizontalPodAutoscaler,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from "../../api/autoscaling/v2/types.gen.ts";
import { age } from "./age.ts";
import { none } from "./format.ts";

const metricsShownMax = 2;

export function horizontalPodAutoscalerCells(
  { metadata, spec, status }: HorizontalPodAutoscaler,
  nowMs: number,
): readonly unknown[] {
  return [
    metadata.name,
    `${spec.scaleTargetRef.kind}/${spec.scaleTargetRef.name}`,
    formatMetrics(spec.metrics ?? [], status.currentMetrics ?? []),
    String(spec.minReplicas ?? "<unset>"),
    spec.maxReplicas,
    status.currentReplicas ?? 0,
    age(metadata.creationTimestamp, nowMs),
  ];
}

function formatMetrics(specs: readonly MetricSpec[], statuses: readonly MetricStatus[]): string {
  if (specs.length === 0) return none;
  const texts = specs.map((spec, i) => formatMetric(spec, statuses[i]));
  const shown = texts.slice(0, metricsShownMax).join(", ");
  return texts.length > metricsShownMax ? `${shown} + ${texts.length - metricsShownMax} more...` : shown;
}

function formatMetric(spec: MetricSpec, status: MetricStatus | undefined): string {
  switch (spec.type) {
    case "Resource":
      return `${spec.resource?.name ?? ""}: ${formatTarget(spec.resource?.target, status?.resource?.current)}`;
    case "ContainerResource":
      return `${spec.containerResource?.name ?? ""}: ${formatTarget(spec.containerResource?.target, status?.containerResource?.current)}`;
    case "Pods":
      return formatTarget(spec.pods?.target, status?.pods?.current);
    case "Object":
      return formatTarget(spec.object?.target, status?.object?.current, " (avg)");
    case "External":
      return formatTarget(spec.external?.target, status?.external?.current, " (avg)");
    default:
      return "<unknown type>";
  }
}

function formatTarget(
  target: MetricTarget | undefined,
  current: MetricValueStatus | undefined,
  averageMark = "",
): string {
  if (target?.averageUtilization !== undefined) {
    const now = current?.averageUtilization;
    return `${now === undefined ? "<unknown>" : `${now}%`}/${target.averageUtilization}%`;
  }
  if (target?.averageValue !== undefined) {
    return `${current?.averageValue ?? "<unknown>"}/${target.averageValue}${averageMark}`;
  }
  return `${current?.value ?? "<unknown>"}/${target?.value ?? "<unset>"}`;
}
