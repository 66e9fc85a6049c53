import { parseJson } from "../../../apimachinery/json/parse.ts";
import { stringifyJson } from "../../../apimachinery/json/stringify.ts";
import type { KubeObject, Mutable } from "../../../apimachinery/resource-type.ts";
import type { HorizontalPodAutoscaler as HorizontalPodAutoscalerV2 } from "../v2/types.gen.ts";
import type { HorizontalPodAutoscaler } from "./types.gen.ts";

/**
 * autoscaling/v1 knows one metric, CPU utilisation. What else an autoscaler of v2 says travels in annotations, as texts in the
 * shapes below, and comes back from there. Both functions return new objects.
 */
export const horizontalPodAutoscalerConversion = { toStorage, fromStorage };

const metricsAnnotation = "autoscaling.alpha.kubernetes.io/metrics";
const currentMetricsAnnotation = "autoscaling.alpha.kubernetes.io/current-metrics";
const conditionsAnnotation = "autoscaling.alpha.kubernetes.io/conditions";
const behaviorAnnotation = "autoscaling.alpha.kubernetes.io/behavior";

type JsonObject = Record<string, unknown>;

/** Where each member of a metric of v1 is in v2. */
type Renames = Readonly<Record<string, readonly (readonly [string, string])[]>>;

const sourceRenames: Renames = {
  object: [
    ["target", "describedObject"],
    ["metricName", "metric.name"],
    ["selector", "metric.selector"],
    ["targetValue", "target.value"],
    ["averageValue", "target.averageValue"],
  ],
  pods: [
    ["metricName", "metric.name"],
    ["selector", "metric.selector"],
    ["targetAverageValue", "target.averageValue"],
  ],
  resource: [
    ["name", "name"],
    ["targetAverageUtilization", "target.averageUtilization"],
    ["targetAverageValue", "target.averageValue"],
  ],
  containerResource: [
    ["name", "name"],
    ["container", "container"],
    ["targetAverageUtilization", "target.averageUtilization"],
    ["targetAverageValue", "target.averageValue"],
  ],
  external: [
    ["metricName", "metric.name"],
    ["metricSelector", "metric.selector"],
    ["targetValue", "target.value"],
    ["targetAverageValue", "target.averageValue"],
  ],
};

/** A status says `current` where a source says `target`; the object a metric is about stays the `target` of v1. */
const statusRenames: Renames = Object.fromEntries(
  Object.entries(sourceRenames).map(([type, pairs]) => [
    type,
    pairs.map(([v1, v2]) => [v1.replace(/^target(?=.)/, "current"), v2.replace(/^target\./, "current.")] as const),
  ]),
);

function toStorage(object: KubeObject): Mutable<KubeObject> {
  const { metadata, spec, status } = object as Mutable<HorizontalPodAutoscaler>;
  const { annotations = {}, ...otherMetadata } = metadata;
  const { targetCPUUtilizationPercentage: targetCpu, ...otherSpec } = spec;
  const { currentCPUUtilizationPercentage: currentCpu, ...otherStatus } = status;
  const metrics = [
    ...readList(annotations[metricsAnnotation]).map((metric) => metricToV2(metric, sourceRenames)),
    ...(targetCpu === undefined ? [] : [cpuMetric({ target: { type: "Utilization", averageUtilization: targetCpu } })]),
  ];
  const fromAnnotation = readList(annotations[currentMetricsAnnotation]).map((m) => metricToV2(m, statusRenames));
  const currentMetrics =
    fromAnnotation.length > 0 || currentCpu === undefined
      ? fromAnnotation
      : [cpuMetric({ current: { averageUtilization: currentCpu } })];
  const conditions = readList(annotations[conditionsAnnotation]);
  const behavior = read(annotations[behaviorAnnotation]);
  const kept = withoutOurs(annotations);
  const converted = {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: { ...otherMetadata, ...(Object.keys(kept).length === 0 ? {} : { annotations: kept }) },
    spec: { ...otherSpec, ...listOrNothing("metrics", metrics), ...(isObject(behavior) ? { behavior } : {}) },
    status: {
      ...otherStatus,
      ...listOrNothing("currentMetrics", currentMetrics),
      ...listOrNothing("conditions", conditions),
    },
  };
  return converted;
}

function fromStorage(object: KubeObject): Mutable<KubeObject> {
  const { metadata, spec, status } = object as unknown as Mutable<HorizontalPodAutoscalerV2>;
  const { metrics = [], behavior, ...otherSpec } = spec;
  const { currentMetrics, conditions, ...otherStatus } = status;
  const others = metrics.filter((metric) => cpuUtilizationOf(metric, "target") === undefined);
  const targetCpu = firstDefined(metrics.map((metric) => cpuUtilizationOf(metric, "target")));
  const currentCpu = firstDefined((currentMetrics ?? []).map((metric) => cpuUtilizationOf(metric, "current")));
  const annotations = {
    ...withoutOurs(metadata.annotations ?? {}),
    ...textOrNothing(
      metricsAnnotation,
      others.map((metric) => metricToV1(metric, sourceRenames)),
    ),
    ...textOrNothing(
      currentMetricsAnnotation,
      (currentMetrics ?? []).map((metric) => metricToV1(metric, statusRenames)),
    ),
    ...textOrNothing(conditionsAnnotation, conditions ?? []),
    ...(behavior === undefined ? {} : { [behaviorAnnotation]: stringifyJson(behavior) }),
  };
  const { annotations: _, ...otherMetadata } = metadata;
  return {
    apiVersion: "autoscaling/v1",
    kind: "HorizontalPodAutoscaler",
    metadata: { ...otherMetadata, ...(Object.keys(annotations).length === 0 ? {} : { annotations }) },
    spec: { ...otherSpec, ...(targetCpu === undefined ? {} : { targetCPUUtilizationPercentage: targetCpu }) },
    status: {
      currentReplicas: 0,
      ...otherStatus,
      ...(currentCpu === undefined ? {} : { currentCPUUtilizationPercentage: currentCpu }),
    },
  } as Mutable<KubeObject>;
}

function cpuMetric(measure: object): JsonObject {
  return { type: "Resource", resource: { name: "cpu", ...measure } };
}

function cpuUtilizationOf(metric: object, side: "target" | "current"): number | undefined {
  const { resource } = metric as { resource?: Record<string, unknown> };
  if (resource?.name !== "cpu") return undefined;
  return (resource[side] as { averageUtilization?: number } | undefined)?.averageUtilization;
}

function metricToV2(metric: JsonObject, renames: Renames): JsonObject {
  return mapMetric(
    metric,
    renames,
    ([v1, v2]) => [v1, v2],
    (source) => {
      const { target } = source;
      // What is aimed at tells the kind of the target, which v1 does not say.
      if (isObject(target)) source.target = { type: targetTypeOf(target), ...target };
    },
  );
}

function metricToV1(metric: object, renames: Renames): JsonObject {
  return mapMetric(
    metric as JsonObject,
    renames,
    ([v1, v2]) => [v2, v1],
    () => {},
  );
}

function targetTypeOf(target: JsonObject): string {
  if (target.averageUtilization !== undefined) return "Utilization";
  return target.averageValue === undefined ? "Value" : "AverageValue";
}

function mapMetric(
  metric: JsonObject,
  renames: Renames,
  direction: (pair: readonly [string, string]) => readonly [string, string],
  finish: (source: JsonObject) => void,
): JsonObject {
  const mapped: JsonObject = { type: metric.type };
  for (const [type, pairs] of Object.entries(renames)) {
    const source = metric[type];
    if (!isObject(source)) continue;
    const made: JsonObject = {};
    for (const [from, to] of pairs.map(direction)) set(made, to, get(source, from));
    finish(made);
    mapped[type] = made;
  }
  return mapped;
}

function get(object: JsonObject, path: string): unknown {
  return path.split(".").reduce<unknown>((value, name) => (isObject(value) ? value[name] : undefined), object);
}

function set(object: JsonObject, path: string, value: unknown): void {
  if (value === undefined) return;
  const [name = path, inner] = path.split(".");
  if (inner === undefined) object[name] = value;
  else object[name] = { ...(object[name] as JsonObject | undefined), [inner]: value };
}

/** Texts of annotations are what a client wrote: what cannot be read is ignored, as upstream does. */
function read(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return parseJson(text).value;
  } catch {
    return undefined;
  }
}

function readList(text: string | undefined): JsonObject[] {
  const value = read(text);
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function withoutOurs(annotations: Readonly<Record<string, string>>): Record<string, string> {
  const { [metricsAnnotation]: _m, [currentMetricsAnnotation]: _c, ...others } = annotations;
  const { [conditionsAnnotation]: _d, [behaviorAnnotation]: _b, ...kept } = others;
  return kept;
}

function listOrNothing(name: string, list: readonly unknown[]): JsonObject {
  return list.length === 0 ? {} : { [name]: list };
}

function textOrNothing(annotation: string, list: readonly unknown[]): Record<string, string> {
  return list.length === 0 ? {} : { [annotation]: stringifyJson(list) };
}

function firstDefined<T>(values: readonly (T | undefined)[]): T | undefined {
  return values.find((value) => value !== undefined);
}
